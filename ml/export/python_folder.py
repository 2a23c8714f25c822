"""A version as a folder of Python: the artifact, and what answers with it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection
from importlib import resources
from pathlib import Path

import msgspec

from autolearn.artifacts.store.store import MANIFEST
from autolearn.ml.errors import InputError
from autolearn.ml.models.skops_file import types_of

_UNNEEDED = ("autolearn", "pyarrow")
"""The recorded libraries that a prediction can do without."""
_OURS = ("ml/transformers.py", "schemas/datasets/meanings.py")
"""The modules of ours that predict.py or an artifact imports. They import nothing else of ours."""

_STEPS = "autolearn.ml.row_steps.RowSteps"


def keeps_steps() -> InputError:
    """Return the refusal of an artifact that keeps steps of a pipeline."""
    return InputError(
        "the model makes its features by steps of a pipeline, which need AutoLearn and their "
        "packages",
        advice="Serve it here; or keep the table of the last of these steps (keep: dataset:NAME), "
        "train on that, and export that model, which takes the features ready-made.",
    )


class _Environment(msgspec.Struct):
    """`environment.json`: the versions with which the training, or the import, has run."""

    python: str
    libraries: dict[str, str]


def write_python(artifact: Path, into: Path, allowed: Collection[str], made: str) -> None:
    """Write the zip file of an artifact's folder, with predict.py and its requirements.

    `made` says which version was trained, or imported; `allowed` are the types that it may hold.
    Raises ModelRefused when the artifact has types that are not trusted, InputError when it keeps
    steps of a pipeline.
    """
    used = msgspec.json.decode((artifact / "environment.json").read_bytes(), type=_Environment)
    trusted = types_of(artifact / "model.skops", allowed)
    if _STEPS in trusted:
        raise keeps_steps()
    here = resources.files(__package__)
    version = re.match(r"\d+\.\d+", used.python)
    written = {
        "predict.py": (here / "predict.py").read_text("utf-8"),
        "requirements.txt": _requirements(used.libraries, made),
        "Dockerfile": (here / "Dockerfile")
        .read_text("utf-8")
        .replace("PYTHON", version[0] if version else "3"),
        "trusted.json": msgspec.json.format(msgspec.json.encode(sorted(trusted))).decode() + "\n",
    }
    room = resources.files("autolearn")
    for name in _OURS:
        parts = name.split("/")
        for depth in range(len(parts)):
            written["/".join(["lib", "autolearn", *parts[:depth], "__init__.py"])] = ""
        written[f"lib/autolearn/{name}"] = (room / name).read_text("utf-8")
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(artifact.iterdir()):
            if path.name != MANIFEST and path.suffix in (".json", ".skops"):
                out.write(path, path.name)
        for name, text in written.items():
            out.writestr(name, text)


def _requirements(libraries: dict[str, str], made: str) -> str:
    """Return the libraries of a prediction, in the versions with which it was made."""
    needed = {name: libraries[name] for name in sorted(libraries) if name not in _UNNEEDED}
    lines = [f"{name}=={version}" for name, version in needed.items()]
    return "\n".join([f"# The versions with which {made}.", *lines, ""])
