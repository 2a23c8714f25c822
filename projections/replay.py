"""Replay: fold the whole log again into an empty store, and compare with what is served.

`python -m autolearn.projections.replay rebuild|verify [--url URL] [--json]`, or
`build --folder FOLDER`, by which an API process rebuilds its own while it serves. With --json,
standard output has one JSON document a line: `{"progress": {…}}` now and then, and last
`{"result": {…}}`.
Exit codes: 0 done (or equal), 1 differs, 2 bad arguments or settings, 3 no Kafka or no API,
4 an API process has the read models open, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from autolearn.eventlog.follower import Follower
from autolearn.eventlog.log import Log
from autolearn.eventlog.process import (
    end_with_parent,
    home_of,
    lock,
    open_log,
    read_settings,
    running,
)
from autolearn.projections.place import ViewsPlace
from autolearn.projections.projection import ReadModels, digest
from autolearn.projections.store import RocksStore
from autolearn.projections.views import VIEWS
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import AlreadyRunning, AutoLearnError, LogError, SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

__all__ = ["Rebuilt", "Served", "rebuild", "served_by"]

READ = 2000
"""Records that are asked of the reader at once."""
COMMIT = 50_000
"""Records that are folded between two writes: hot rows are written once, memory stays bounded."""

Told = Callable[[int, int], None]
"""Hears how many records are folded, and how many there are."""


class Rebuilt(Struct, frozen=True):
    """What a rebuild has done: records read, events admitted, seconds, and each view's digest.

    `resumed_at` counts the records that an interrupted rebuild before had folded already.
    """

    records: int
    events: int
    seconds: float
    events_per_s: float
    position: dict[int, int]
    digests: dict[str, str]
    resumed_at: int = 0


class Place(Struct):
    """How far a process has come on one partition."""

    partition: int
    next: int


class Position(Struct):
    """How far a process has come."""

    partitions: list[Place]


class Served(Struct):
    """What an API process says of its views (`GET /v1/digests`)."""

    position: Position
    views: dict[str, str]


def rebuild(
    log: Log, topic: str, folder: Path, goal: Mapping[int, int], told: Told = lambda *_: None
) -> Rebuilt:
    """Fold the log up to `goal` (offsets, exclusive) into the store at `folder`.

    The fold is the one used live, through the same Follower. What an interrupted rebuild has left
    in the folder is gone on with.

    Raises:
        LogError: the log cannot be read.
        MalformedRecord: a record is not an event of ours; the message names its position.
    """
    began = time.perf_counter()
    store = RocksStore(folder, bulk=True)
    follower = Follower(log, topic, ReadModels(store), goal)
    total, before = sum(goal.values()), sum(goal.values()) - follower.short_of(goal)
    events = folded = 0
    try:
        while left := follower.short_of(goal):
            messages = follower.reader.read(READ, 0.5)
            wanted = [m for m in messages if (m.offset() or 0) < goal[m.partition() or 0]]
            events += len(follower.fold(wanted))
            folded += len(wanted)
            if folded >= COMMIT:
                follower.commit()
                folded = 0
            told(total - left, total)
        follower.commit()
        told(total, total)
        seconds = time.perf_counter() - began
        digests = {view: digest(store, view) for view in VIEWS}
    finally:
        follower.close()
        store.close()
    return Rebuilt(
        total - before, events, seconds, events / seconds, dict(goal), digests, resumed_at=before
    )


def served_by(url: str) -> Served:
    """Return what the API process at `url` has, and at which position.

    Raises:
        LogError: it does not answer, or is not ready.
    """
    try:
        with urllib.request.urlopen(f"{url}/v1/digests", timeout=60) as answer:  # noqa: S310
            return from_json(answer.read(), Served)
    except (urllib.error.URLError, TimeoutError) as error:
        raise LogError(
            f"{url}/v1/digests: {error}.",
            title="The API does not answer",
            advice="Start `autolearn up`, or name the API with --url or AUTOLEARN_URL.",
        ) from None


def run_rebuild(settings: Settings, told: Told) -> tuple[dict[str, Any], int]:
    """Rebuild the read models of an API process that does not run, and put them in place.

    What an interrupted rebuild has folded stays, and the next one goes on from there.
    """
    folder = home_of(settings) / "state" / f"api-{settings.instance}"
    log, place = open_log(settings), ViewsPlace(folder)
    try:
        topic = Topics.of(settings).events.name
        try:
            with lock(folder / "lock", "An API process"):
                rebuilt = rebuild(log, topic, place.spare, log.ends(topic), told)
                place.switch()
        except AlreadyRunning as error:
            raise AlreadyRunning(
                error.detail,
                advice="Let it rebuild its read models while it serves them: "
                "`autolearn replay rebuild --live`.",
            ) from None
    finally:
        log.close()
    return {**asdict(rebuilt), "folder": str(place.used)}, 0


def run_build(settings: Settings, folder: Path, told: Told) -> tuple[dict[str, Any], int]:
    """Fold the log into a folder; who asked for it puts it in place."""
    log = open_log(settings)
    try:
        topic = Topics.of(settings).events.name
        return asdict(rebuild(log, topic, folder, log.ends(topic), told)), 0
    finally:
        log.close()


def run_verify(settings: Settings, url: str, told: Told) -> tuple[dict[str, Any], int]:
    """Rebuild to the position of the API process at `url`, and compare view by view."""
    served = served_by(url)
    goal = {place.partition: place.next for place in served.position.partitions}
    with ExitStack() as end:
        log = open_log(settings)
        end.callback(log.close)
        scratch = end.enter_context(tempfile.TemporaryDirectory(prefix="autolearn-verify-"))
        topic = Topics.of(settings).events.name
        rebuilt = rebuild(log, topic, Path(scratch) / "views", goal, told)
    differs = [view for view in VIEWS if served.views.get(view) != rebuilt.digests[view]]
    result = {
        **asdict(rebuilt),
        "served": served.views,
        "equal": not differs,
        "differs": differs,
    }
    return result, 1 if differs else 0


def main(arguments: list[str]) -> int:
    """Run the tool and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m autolearn.projections.replay")
    parser.add_argument("what", choices=("rebuild", "verify", "build"))
    parser.add_argument("--url", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="of `build`: where the new read models go")
    parser.add_argument("--with-parent", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.with_parent:
        end_with_parent()
    shown = 0.0

    def told(done: int, total: int) -> None:
        nonlocal shown
        if chosen.json and (done == total or time.monotonic() - shown > 0.1):
            shown = time.monotonic()
            print(json.dumps({"progress": {"done": done, "total": total}}), flush=True)

    try:
        settings = read_settings()
        if chosen.what == "rebuild":
            result, code = run_rebuild(settings, told)
        elif chosen.what == "build":
            result, code = run_build(settings, chosen.folder, told)
        else:
            up = running(home_of(settings))
            url = chosen.url or (
                up.url if up else f"http://{settings.api_host}:{settings.api_port}"
            )
            result, code = run_verify(settings, url, told)
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        if isinstance(error, AlreadyRunning):
            return 4
        return 2 if isinstance(error, SettingsError) else 3
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on from here.", file=sys.stderr)
        return 130
    print(
        json.dumps({"result": result} if chosen.json else result, indent=None if chosen.json else 2)
    )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
