"""Compares API processes with the log, view by view and, if need be, by key."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.log import Log, RecordSource
from autolearn.operations.replay.evidence import EvidenceCheck, check_evidence
from autolearn.operations.replay.hours import HoursCheck, check_hours
from autolearn.projections.predictions.training_profiles import TrainingProfiles
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rebuild.rebuild import Told, rebuild
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.views import VIEWS
from autolearn.runtime.home import artifacts_url
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

_MOST_KEYS = 1000
"""Differing keys that are listed; more are only counted."""
Goal = dict[int, int]
"""A position: the next offset of each partition."""


class Served(NamedTuple):
    """The state of an API process: the digests of its views at a position.

    `fetch` returns the digests of all rows of a view (by key in hex), and the position of the last
    of them.
    """

    process: str
    url: str
    position: Goal
    views: dict[str, str]
    fetch: Callable[[str], tuple[Goal, dict[str, str]]]


class Scratch:
    """A log folded up to one position after another, with little folded twice."""

    def __init__(self, log: RecordSource, topic: str, below: Path) -> None:
        self.log, self.topic, self.below = log, topic, below
        self.reached: Goal = {}
        self.made = self.records = self.events = 0
        self.seconds = 0.0

    @property
    def folder(self) -> Path:
        """The folder of the store."""
        return self.below / f"views-{self.made}"

    def fold_up_to(self, goal: Goal, told: Told = lambda *_: None) -> dict[str, str]:
        """Fold up to a position, and return the digests there."""
        if any(goal.get(partition, 0) < at for partition, at in self.reached.items()):
            self.made += 1  # a store does not go back: begin another
        rebuilt = rebuild(self.log, self.topic, self.folder, goal, told)
        self.reached = goal
        self.records += rebuilt.records
        self.events += rebuilt.events
        self.seconds += rebuilt.seconds
        return rebuilt.digests


def verify(settings: Settings, all_served: Iterable[Served], told: Told) -> dict[str, Any]:
    """Rebuild to the position of each API process, and compare.

    The result's `processes` have for each `process` (name) and `url` the views that differ
    (`differs`), and their keys (`rows`).

    Raises:
        LogError: the log cannot be read.
        MalformedRecord: a record on the log is not an event of ours.
    """
    with ExitStack() as end:
        log = open_log(settings)
        end.callback(log.close)
        below = end.enter_context(tempfile.TemporaryDirectory(prefix="autolearn-verify-"))
        scratch = Scratch(log, Topics.of(settings).events.name, Path(below))
        in_order = sorted(all_served, key=lambda served: sum(served.position.values()))
        processes = [check(scratch, served, told) for served in in_order]
        evidence, hours = _check_kept(settings, log, scratch)
    return {
        "records": scratch.records,
        "events": scratch.events,
        "seconds": scratch.seconds,
        "events_per_s": scratch.events / scratch.seconds,
        "equal": not evidence.wrong
        and not hours.wrong
        and not any(process["differs"] for process in processes),
        "evidence": evidence._asdict(),
        "prediction_hours": hours._asdict(),
        "processes": processes,
    }


def _check_kept(settings: Settings, log: Log, scratch: Scratch) -> tuple[EvidenceCheck, HoursCheck]:
    """Check the evidence of promotions and the hours of predictions, by the newest state."""
    try:
        vault = open_vault(settings, log)
    except SettingsError as error:  # the views can be compared without keys
        return EvidenceCheck(0, 0, [], error.detail), HoursCheck(0, 0, [], error.detail)
    vault.start()
    try:
        vault.catch_up()
        with closing(RocksStore(scratch.folder)) as store:
            snapshot = Snapshot(store, vault.open_kept)
            artifacts = ArtifactStore(artifacts_url(settings))
            profiles = TrainingProfiles(lambda: snapshot, lambda: None, artifacts, vault)
            topics, days = Topics.of(settings), settings.retention.prediction_days
            hours = check_hours(log, topics, days, vault, profiles.find)
            return check_evidence(snapshot), hours
    finally:
        vault.stop()


def check(scratch: Scratch, served: Served, told: Told) -> dict[str, Any]:
    """Compare an API process with the log at its position."""
    digests = scratch.fold_up_to(served.position, told)
    differs = [view for view in VIEWS if served.views.get(view) != digests[view]]
    found = [row for view in differs for row in _compare(scratch, view, *served.fetch(view))]
    return {
        "process": served.process,
        "url": served.url,
        "position": served.position,
        "digests": digests,
        "served": served.views,
        "differs": differs,
        "rows": found[:_MOST_KEYS],
        "rows_differing": len(found),
    }


def _compare(
    scratch: Scratch, view: str, position: Goal, served: dict[str, str]
) -> list[dict[str, str]]:
    """Return the keys of a view at which an API process and the log differ, and how.

    The process may have folded on meanwhile, so the log is folded to its last position.
    """
    scratch.fold_up_to(position)
    with closing(RocksStore(scratch.folder)) as store:
        ours = dict(VIEWS[view].row_digests(store))
    return [
        {"view": view, "key": shown(at), "how": _how(ours.get(at), served.get(at))}
        for at in sorted(ours.keys() | served.keys())
        if ours.get(at) != served.get(at)
    ]


def _how(ours: str | None, served: str | None) -> str:
    """Describe the difference of a row."""
    if served is None:
        return "missing in what is served"
    return "not from the log" if ours is None else "other content"


def shown(at: str) -> str:
    """Format a key: its parts with slashes between them, integers as numbers."""
    key = bytes.fromhex(at)
    if len(key) > 9 and key[-9] == 0 and key[-8] == 0:
        return f"{shown(key[:-9].hex())}/{int.from_bytes(key[-8:], 'big')}"
    return key.decode(errors="backslashreplace").replace("\0", "/")
