"""Versions of models as files here: what is at a place is replaced at once."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import get_args

import msgspec

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask, fetch
from autolearn.client.sdk.models.upload import send_file
from autolearn.client.sdk.paths import segment
from autolearn.schemas.models.exports import ExportForm
from autolearn.schemas.records.prediction_proof import PredictionProof

_PATIENCE, _WAIT = 300.0, 300.0
_MARKS = ("model.skops", "predict.py")
"""Files by which an exported folder is known."""
_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux."""


def exported(model: str, version: str, form: ExportForm, to: Path) -> Flow[Path]:
    """Export a version to a path: a file (onnx), or a folder (python).

    Raises:
        BadArgument: there is no such form, or what is at the path is no earlier export.
        Problem: the version cannot be exported so, or one may not read its artifact.
    """
    call = _call(model, version, form)
    to = to.absolute()
    _check_place(to, form)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=".autolearn-") as beside:
        file, folder = Path(beside, "file"), Path(beside, "folder")
        yield from fetch(call, file, None, _PATIENCE)
        if form == "onnx":
            file.replace(to)
            return to
        with zipfile.ZipFile(file) as packed:
            packed.extractall(folder)
        if to.exists():
            _exchange(folder, to)
        else:
            folder.rename(to)
    return to


def exported_to_url(model: str, version: str, form: ExportForm, url: str) -> Flow[str]:
    """Export a version to a URL: a file (onnx), or the folder as a zip file (python).

    Raises:
        BadArgument: there is no such form, or the URL is of no file system that is known here.
        Problem: as `exported`.
        Unreachable: the place does not take it.
    """
    call = _call(model, version, form)
    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
        file = Path(folder, "file")
        yield from fetch(call, file, None, _PATIENCE)
        send_file(file, url)
    return url


def _call(model: str, version: str, form: ExportForm) -> Call[bytes]:
    if form not in get_args(ExportForm):
        raise BadArgument(f"{form!r} is no form: choose {' or '.join(get_args(ExportForm))}.")
    at = f"/v1/models/{segment(model)}/versions/{segment(version)}/export"
    return Call("GET", at, bytes, {"as": form}, accept="*/*", grace=_WAIT)


def proved(model: str, request: str, to: Path) -> Flow[Path]:
    """Write the proof of an answer to a new file.

    Raises:
        BadArgument: there is such a file, or it cannot be written.
        Problem: as the API says.
    """
    at = f"/v1/models/{segment(model)}/prediction-log/{segment(request)}/proof"
    proof = yield from ask(Call("GET", at, PredictionProof, grace=_WAIT))
    to = to.absolute()
    try:
        with to.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n")
    except FileExistsError:
        raise BadArgument(f"{to} exists.", advice="Choose another name.") from None
    except OSError as error:
        raise BadArgument(f"{to} cannot be written: {error.strerror}.") from None
    return to


def _check_place(to: Path, form: ExportForm) -> None:
    """Raise BadArgument if a path is no place for an export, or something else is there."""
    if not to.parent.is_dir():
        raise BadArgument(f"There is no folder {to.parent}.")
    if form == "onnx":
        if to.is_dir():
            raise BadArgument(f"{to} is a folder.", advice="Give the path of the file to write.")
    elif to.exists() and not all(to.joinpath(name).is_file() for name in _MARKS):
        raise BadArgument(
            f"{to} is there, and is no earlier export, so it is not replaced.",
            advice="Give the path of a new folder.",
        )


def _exchange(new: Path, old: Path) -> None:
    """Exchange two folders: at once on Linux (renameat2), elsewhere by three renames."""
    if sys.platform == "linux":
        names = (os.fsencode(new), os.fsencode(old))
        rename = getattr(ctypes.CDLL(None), "renameat2", None)  # glibc 2.28, musl 1.2.5
        if rename is not None and rename(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
            return
    aside = new.with_name("before")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)
