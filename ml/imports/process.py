"""Imports a model in a process of its own: what is sent may be hostile.

    python -m autolearn.ml.imports.process < job.json

reads an `ImportJob` from standard input, limits its own memory and processor time, imports what it
needs, keeps nothing but the sent file and the folder of the artifact (`runtime.sandbox`), and
writes an `ImportResult`. `import_apart` does all of that for an asyncio program.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from autolearn.artifacts.datasets.sandbox import answer_apart, limit_process
from autolearn.runtime.sandbox import confine, harden
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.models.imports import ImportFacts


class ImportJob(msgspec.Struct, frozen=True):
    """A sent file, the empty folder of the artifact, and the limits.

    Memory is in MiB, `cpu_s` in processor seconds.
    """

    sent: str
    into: str
    memory_mb: int = 4096
    cpu_s: int = 120


class ImportResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The facts about the imported model; or why it was refused."""

    facts: ImportFacts | None = None
    refused: str = ""
    advice: str = ""


class ImportRefused(AutoLearnError):
    """A model that was made elsewhere is not taken."""

    title = "The model is not imported"


async def import_apart(job: ImportJob) -> ImportFacts:
    """Write the artifact of a sent model, without risk to this process or its loop.

    Raises:
        ImportRefused: it does not fit, or exceeds the limits of memory or time.
    """
    answer = await answer_apart("autolearn.ml.imports.process", job, ImportResult, job.cpu_s * 2)
    answer = answer or _too_much(job)
    if answer.facts is None:
        raise ImportRefused(answer.refused, advice=answer.advice)
    return answer.facts


def _too_much(job: ImportJob) -> ImportResult:
    return ImportResult(
        refused=f"checking it takes more than {job.memory_mb:,} MiB of memory or {job.cpu_s} s of "
        "processor time, or crashes the process",
        advice="Send a smaller model, or fewer examples.",
    )


def main() -> None:
    """Do the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ImportJob)
    limit_process(job.memory_mb, job.cpu_s)
    sys.stdout.buffer.write(msgspec.json.encode(_done(job)) + b"\n")


def _done(job: ImportJob) -> ImportResult:
    """Write the artifact; return why not if that cannot be done."""
    from autolearn.ml.imports.check import import_model

    sent, into = Path(job.sent), Path(job.into)
    harden()
    confine([sent], [into])
    tempfile.tempdir = str(into)
    try:
        return ImportResult(facts=import_model(sent, into))
    except AutoLearnError as error:
        return ImportResult(refused=error.detail, advice=error.advice)
    except MemoryError:
        return _too_much(job)


if __name__ == "__main__":
    main()
