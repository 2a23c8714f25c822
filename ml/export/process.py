"""Exports a version in a process of its own: it loads foreign types, and may take long.

    python -m autolearn.ml.export.process < job.json

reads an `ExportJob` from standard input, limits its own memory and processor time, imports what it
needs, keeps nothing but the artifact and the place of the file (`runtime.sandbox`), and writes an
`ExportResult`. `export_apart` does all of that for an asyncio program.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from autolearn.artifacts.datasets.sandbox import answer_apart, limit_process
from autolearn.runtime.sandbox import confine, harden
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.models.exports import ExportForm
from autolearn.schemas.models.imports import ONNX


class ExportJob(msgspec.Struct, frozen=True):
    """An artifact's folder, the file to write (in a folder of its own), and the limits.

    `title` names the version. `data` is the file of its dataset, "" if that is not there. Memory is
    in MiB, `cpu_s` in processor seconds.
    """

    form: ExportForm
    artifact: str
    into: str
    title: str
    data: str = ""
    memory_mb: int = 2048
    cpu_s: int = 120


class ExportResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why nothing was exported, "" if it was."""

    refused: str = ""
    advice: str = ""


class ExportRefused(AutoLearnError):
    """A version cannot be exported in a form."""

    title = "The version cannot be exported so"


async def export_apart(job: ExportJob) -> None:
    """Export a version without risk to this process, and without blocking its loop.

    Raises:
        ExportRefused: it has no such form, or exceeds the limits of memory or time.
    """
    answer = await answer_apart("autolearn.ml.export.process", job, ExportResult, job.cpu_s * 2)
    answer = answer or _too_much(job)
    if answer.refused:
        raise ExportRefused(answer.refused, advice=answer.advice)


def _too_much(job: ExportJob) -> ExportResult:
    return ExportResult(
        f"the export as {job.form} takes more than {job.memory_mb} MiB of memory or {job.cpu_s} s "
        "of processor time, or crashes the process",
        "Export it as python." if job.form == "onnx" else "Try again, or export a smaller model.",
    )


def main() -> None:
    """Do the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ExportJob)
    limit_process(job.memory_mb, job.cpu_s)
    sys.stdout.buffer.write(msgspec.json.encode(_done(job)) + b"\n")


def _done(job: ExportJob) -> ExportResult:
    """Write the file; return why not if that cannot be done."""
    artifact, into = Path(job.artifact), Path(job.into)
    data = Path(job.data) if job.data else None
    try:
        export = _prepared(job, artifact, into, data)
        harden()
        confine([artifact, *([data] if data else [])], [into.parent])
        tempfile.tempdir = str(into.parent)
        export()
    except AutoLearnError as error:
        return ExportResult(error.detail, error.advice)
    except MemoryError:
        return _too_much(job)
    return ExportResult()


def _prepared(
    job: ExportJob, artifact: Path, into: Path, data: Path | None
) -> Callable[[], object]:
    """Import what an export needs, which cannot be read later. Raises AutoLearnError."""
    from autolearn.ml.plugins import find_estimator

    training = msgspec.json.decode((artifact / "training.json").read_bytes())
    if training.get("imported"):
        return _of_imported(job, artifact, into)
    estimator = find_estimator(training["estimator"])
    if job.form == "python":
        from autolearn.ml.export.python_folder import write_python

        made = f"{job.title} was trained"
        return partial(write_python, artifact, into, estimator.allowed_types(), made)
    try:
        from autolearn.ml.export.onnx_file import write_onnx
    except ModuleNotFoundError as error:
        raise ExportRefused(
            f"{error.name} is not installed where the API runs",
            advice="There: pip install 'autolearn[onnx]'.",
        ) from None
    return partial(write_onnx, artifact, into, estimator, job.title, data)


def _of_imported(job: ExportJob, artifact: Path, into: Path) -> Callable[[], object]:
    """Import what the export of an imported version needs: it is given as it is.

    Raises:
        ExportRefused: it is a file of the other form.
    """
    onnx = artifact / ONNX
    if job.form == "onnx":
        if not onnx.exists():
            raise ExportRefused(
                "it is a pipeline of scikit-learn, which was not trained here and is not converted",
                advice="Export it as python, or convert it where it was made.",
            )
        return partial(shutil.copyfile, onnx, into)
    if onnx.exists():
        raise ExportRefused(
            "it is a model of ONNX, which predict.py does not run", advice="Export it as onnx."
        )
    from autolearn.ml.export.python_folder import write_python
    from autolearn.ml.models.trusted_types import IMPORTED

    return partial(write_python, artifact, into, IMPORTED, f"{job.title} was imported")


if __name__ == "__main__":
    main()
