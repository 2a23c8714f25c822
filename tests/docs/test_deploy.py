"""`deploy/kustomize`: what it says is known to Kubernetes, and names what AutoLearn has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from autolearn.client.cli.commands.work.run import Type
from autolearn.schemas.settings import load

FOLDER = Path(__file__).parents[2] / "deploy" / "kustomize"
VERSION = "1.31.0"
"""An older one, which clusters still have."""
Resource = dict[str, Any]


def resources(text: str) -> list[Resource]:
    return [one for one in yaml.safe_load_all(text) if one]


def rendered() -> list[Resource]:
    """The overlay as it is applied; where kustomize is not installed, what it is made of."""
    overlay = FOLDER / "overlays" / "cluster"
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", str(overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return resources(done.stdout)
    paths = [*(FOLDER / "base").glob("*.yaml"), *overlay.glob("*.yaml")]
    known = (path for path in paths if path.name not in ("kustomization.yaml", "process.yaml"))
    return [one for path in known for one in resources(path.read_text())]


ALL = rendered()


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_knows_every_field(one: Resource):
    kubernetes_validate.validate(one, VERSION, strict=True)


def test_every_process_type_is_there_and_runs_as_it_is_named():
    workloads = [one for one in ALL if one["kind"] in ("Deployment", "StatefulSet")]
    runs = {one["metadata"]["labels"]["process"]: one["spec"]["template"] for one in workloads}
    assert {*runs} == {*map(str, Type), "scale"}
    for name, template in runs.items():
        (container,) = template["spec"]["containers"]
        worker = ["autolearn", "worker", "kubernetes"]
        wanted = worker if name == "scale" else ["autolearn", "run", name]
        assert container["args"][: len(wanted)] == wanted
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_the_settings_are_taken():
    settings = (FOLDER / "base" / "settings.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in settings if line and not line.startswith("#"))
    work = next(one for one in ALL if one["metadata"]["name"] == "autolearn-work")
    (container,) = work["spec"]["template"]["spec"]["containers"]
    given |= {one["name"]: one["value"] for one in container["env"]}
    found = load(given)
    assert found.workers.labels.startswith("pool=autolearn-work,")
    assert found.workers.drain < work["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
