"""Workers as the pods of a Deployment of Kubernetes, which is scaled through its API.

A Deployment that shrinks ends pods of its own choice: of all the ready ones, those with the lowest
`controller.kubernetes.io/pod-deletion-cost`. So idle pods get the lowest one before it shrinks. A
worker that has taken a run in that moment is given the time to end it (AUTOLEARN_DRAIN).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from autolearn.operations.scaling.provider import ProviderError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_COST = "controller.kubernetes.io/pod-deletion-cost"
_IDLE, _BUSY = "-1000", "1000"
_MERGE = {"Content-Type": "application/merge-patch+json"}
_PATIENCE = 10.0
"""Seconds for an answer of the API."""


class Kubernetes:
    """The Deployment `name` of a namespace. Raises ProviderError.

    `server` is the URL of `kubectl proxy`; without one, the API is that of the pod in which this
    runs, with its service account, and "" is the pod's own namespace.
    """

    def __init__(self, name: str, namespace: str, server: str, idle_exit: float) -> None:
        self.idle_exit = idle_exit
        verify: ssl.SSLContext | bool = True
        if not server:
            host = os.environ.get("KUBERNETES_SERVICE_HOST")
            if not host or not (_ACCOUNT / "token").exists():
                raise ProviderError(
                    "This is no pod with a service account.",
                    advice="Name the URL of `kubectl proxy` with --server, or run it in a pod.",
                )
            server = f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
            verify = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
            namespace = namespace or (_ACCOUNT / "namespace").read_text().strip()
        self.in_pod = verify is not True
        self.at = f"/apis/apps/v1/namespaces/{namespace or 'default'}/deployments/{name}"
        self.pods_at = f"/api/v1/namespaces/{namespace or 'default'}/pods"
        self.http = httpx.Client(base_url=server, verify=verify, timeout=_PATIENCE)

    def jobs(self) -> int:
        """Return the number of pods that the Deployment should have."""
        return int(self._ask("GET", f"{self.at}/scale")["spec"].get("replicas", 0))

    def start(self, many: int) -> str:
        """Scale up."""
        return self._scale_to(self.jobs() + many)

    def let_go(self, idle: Mapping[str, float], waiting: int, least: int) -> str:
        """Scale down by the pods that are idle for so long, if nothing waits."""
        jobs = self.jobs()
        if waiting or jobs <= least:
            return ""
        spec = self._ask("GET", self.at)["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{name}={value}" for name, value in sorted(spec.items()))
        found = self._ask("GET", self.pods_at, params={"labelSelector": selector})["items"]
        pods = {one["metadata"]["name"]: one["metadata"] for one in found}
        going = [name for name in sorted(pods) if idle.get(name, 0.0) >= self.idle_exit]
        going = going[: jobs - least]
        for name, about in pods.items() if going else ():
            cost = _IDLE if name in going else _BUSY
            if about.get("annotations", {}).get(_COST) != cost:
                body = {"metadata": {"annotations": {_COST: cost}}}
                self._ask("PATCH", f"{self.pods_at}/{name}", json=body)
        return self._scale_to(jobs - len(going)) if going else ""

    def _scale_to(self, replicas: int) -> str:
        self._ask("PATCH", f"{self.at}/scale", json={"spec": {"replicas": replicas}})
        return f"{replicas} replicas"

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        headers = dict(_MERGE) if method == "PATCH" else {}
        if self.in_pod:  # it is renewed in the file
            headers["Authorization"] = f"Bearer {(_ACCOUNT / 'token').read_text().strip()}"
        try:
            answer = self.http.request(method, path, headers=headers, **given)
        except httpx.HTTPError as error:
            raise ProviderError(f"Kubernetes does not answer: {error}.") from None
        try:
            said = answer.json()
        except ValueError:
            said = {}
        if answer.is_error:
            why = said.get("message", "") if isinstance(said, dict) else ""
            raise ProviderError(
                f"Kubernetes refuses {method} {path}: {answer.status_code} {why[:500]}".strip(),
                advice="See deploy/kustomize for the Deployment, and the role that may scale it.",
            )
        return said
