"""Retrain check: train recorded trainings again, and say how they compare with the record.

`python -m autolearn.agents.retrain`. Standard input has one `schemas.retraining.RecordedTraining`
a line, then an empty line; when it is closed after that, the tool stops. Standard output has one
JSON document a line: `{"progress": {…}}` as it goes, and last `{"result": {…}}`, a RetrainCheck.

Nothing is asked of Kafka or the API. Datasets and artifacts are read from the artifact store of the
settings; everything is written to a temporary folder, which is gone at the end, however it ends.

Exit codes: 0 all of the record was confirmed, 1 something was not, 2 bad settings or input,
5 it failed, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec

from autolearn.agents.executor import Executor
from autolearn.agents.retraining import Retraining
from autolearn.artifacts.store import ArtifactStore
from autolearn.eventlog.process import configure_logs, end_with_parent, home_of, read_settings
from autolearn.schemas.errors import AutoLearnError, SettingsError
from autolearn.schemas.retraining import RecordedTraining, RetrainCheck

__all__ = ["check"]

Told = Callable[[int, str, str], None]
"""Hears how many trainings are done, which one is at hand, and what goes on with it."""


async def check(
    trainings: Sequence[RecordedTraining], store: str, told: Told = lambda *_: None
) -> RetrainCheck:
    """Train again what was recorded; `store` is the URL of the artifact store, which is only read.

    Raises:
        RuntimeError: no process could be started for the work.
    """
    began, found = time.perf_counter(), []
    with tempfile.TemporaryDirectory(prefix="autolearn-retrain-") as folder:
        scratch = Path(folder).as_uri()
        executor = Executor(scratch)
        try:
            await executor.warm()
            for done, recorded in enumerate(trainings):
                run = recorded.request.run

                def phase(name: str, done: int = done, run: str = run) -> None:
                    told(done, run, name)

                phase("fetching")
                stores = ArtifactStore(store), ArtifactStore(scratch)
                found.append(await Retraining(executor, *stores, phase).check(recorded))
                told(done + 1, run, found[-1].verdict)
        finally:
            await executor.close()
    same = all(one.same for one in found)
    return RetrainCheck(tuple(found), same, time.perf_counter() - began)


async def until_stopped(work: Coroutine[Any, Any, RetrainCheck]) -> RetrainCheck:
    """Do the work, unless SIGINT or SIGTERM comes first: then it is stopped, and cleaned up after.

    Raises:
        KeyboardInterrupt: a signal came.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        raise KeyboardInterrupt
    stopping.cancel()
    return working.result()


def read_trainings() -> list[RecordedTraining]:
    """Return what standard input says, up to an empty line; from then on its end ends us.

    Raises:
        msgspec.MsgspecError: a line is not a recorded training.
    """
    found = []
    for line in iter(sys.stdin.buffer.readline, b""):
        if not line.strip():
            end_with_parent()
            break
        found.append(msgspec.json.decode(line, type=RecordedTraining))
    return found


def say(**words: Any) -> None:
    """Print a line for whoever started this process."""
    sys.stdout.buffer.write(msgspec.json.encode(words) + b"\n")
    sys.stdout.flush()


def main() -> int:
    """Run the tool and return its exit code."""
    try:
        settings = read_settings()
        configure_logs(settings)  # standard output is for the documents alone
        trainings = read_trainings()
        store = settings.artifacts or (home_of(settings) / "artifacts").as_uri()

        def told(done: int, training: str, phase: str) -> None:
            say(progress={"done": done, "total": len(trainings), "training": training,
                          "phase": phase})  # fmt: skip

        result = asyncio.run(until_stopped(check(trainings, store, told)))
    except KeyboardInterrupt:
        return 130
    except msgspec.MsgspecError as error:
        print(f"A line of the input is not a recorded training\n  {error}", file=sys.stderr)
        return 2
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 5
    except Exception as error:  # noqa: BLE001 - 1 would mean that the record was not confirmed
        print(f"The retrain check failed\n  {type(error).__name__}: {error}", file=sys.stderr)
        return 5
    say(result=result)
    return 0 if result.same else 1


if __name__ == "__main__":
    sys.exit(main())
