"""A small HTTP server with those parts of the API of Kubernetes that scale a Deployment.

Its Deployment starts pods and ends them as the real controller does: those with the lowest
`pod-deletion-cost` go first.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

COST = "controller.kubernetes.io/pod-deletion-cost"
DEPLOYMENT = "/apis/apps/v1/namespaces/lab/deployments/autolearn-work"
PODS = "/api/v1/namespaces/lab/pods"


class Cluster:
    """The Deployment autolearn-work of the namespace lab, and its pods by name."""

    def __init__(self) -> None:
        self.url, self.made = "", 0
        self.pods: dict[str, dict[str, str]] = {}
        self.ended: list[str] = []

    def scale(self, replicas: int) -> None:
        while len(self.pods) < replicas:
            self.pods[f"autolearn-work-{self.made}"] = {}
            self.made += 1
        for name in sorted(self.pods, key=lambda name: int(self.pods[name].get(COST, "0"))):
            if len(self.pods) > replicas:
                del self.pods[name]
                self.ended.append(name)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        """Return the answer to a request, None if there is no such thing."""
        labels = {"app": "autolearn", "part": "work"}
        if path == f"{DEPLOYMENT}/scale":
            if method == "PATCH":
                self.scale(body["spec"]["replicas"])
            return {"kind": "Scale", "spec": {"replicas": len(self.pods)} if self.pods else {}}
        if path == DEPLOYMENT:
            return {"kind": "Deployment", "spec": {"selector": {"matchLabels": labels}}}
        if path == PODS and query == {"labelSelector": ["app=autolearn,part=work"]}:
            return {"kind": "PodList", "items": [self.pod(name) for name in self.pods]}
        found = re.fullmatch(rf"{PODS}/(.+)", path)
        if found and method == "PATCH" and found[1] in self.pods:
            self.pods[found[1]] |= body["metadata"]["annotations"]
            return self.pod(found[1])
        return None

    def pod(self, name: str) -> dict[str, Any]:
        annotations = {"annotations": self.pods[name]} if self.pods[name] else {}
        return {"metadata": {"name": name, **annotations}}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Serve one on a free port of this machine."""
    it = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or "null")
            if self.command == "PATCH":
                assert self.headers["Content-Type"] == "application/merge-patch+json"
            at = urlsplit(self.path)
            said = it.answer(self.command, at.path, parse_qs(at.query), body)
            status = 404 if said is None else 200
            said = said or {"kind": "Status", "message": f"{at.path} not found"}
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        it.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield it
        server.shutdown()
        thread.join()
