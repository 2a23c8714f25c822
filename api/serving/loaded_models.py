"""The models in the memory of this process: loaded when they are first asked, and bounded."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.limits.executors import ThreadLane
from autolearn.api.shared.artifact_files import unavailable
from autolearn.api.shared.models.checks import version_of
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.bounds import LOADED_BYTES, LOADED_MODELS
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.events import ModelDeleted, VersionRetired
from autolearn.schemas.messages import type_of
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.values import TrainedArtifact
from autolearn.security.data_key import Unreadable

if TYPE_CHECKING:
    from autolearn.ml.prediction.online import OnlineModel

_ENDS = {type_of(ModelDeleted), type_of(VersionRetired)}

log = structlog.stdlib.get_logger("autolearn.api")

_AGAIN = 30.0
"""Seconds after which a new champion that could not be loaded is tried again."""
_IDLE = 3600.0
"""Seconds after which a model that nobody asks is unloaded."""


class Loaded(Struct):
    """A model in memory: the bytes of its artifact, and when it was asked last."""

    model: OnlineModel
    bytes: int
    asked: float


class LoadedModels:
    """Loads models, and keeps the last LOADED_MODELS, of LOADED_BYTES at most, for an hour.

    Everything here runs on the event loop, the loading aside. A version never changes, so neither
    does what is loaded for it: a promotion only switches which version is meant.
    """

    def __init__(
        self,
        artifacts: ArtifactStore,
        vault: SessionCipher,
        lane: ThreadLane,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.artifacts, self.vault, self.lane, self.clock = artifacts, vault, lane, clock
        self.loaded: dict[tuple[str, int], Loaded] = {}
        self.loading: dict[tuple[str, int], asyncio.Task[Loaded]] = {}
        self.answering: dict[str, int] = {}
        """The version that has answered last as the champion, by model."""
        self.ended: set[tuple[str, int]] = set()
        """The versions that have ended while they were loaded."""
        self.changed: Callable[[], None] = lambda: None
        """Called when what is loaded has changed."""
        self.failed: dict[tuple[str, int], float] = {}
        """When the loading of a version has failed last."""

    async def champion(self, snapshot: Snapshot, name: str) -> tuple[int, Loaded]:
        """Return the version that answers, with its model.

        After a promotion the version before answers until the new one is loaded: nobody waits.

        Raises:
            Problem: no version answers, or it cannot be loaded.
        """
        model = snapshot.models.get(name)
        assert model is not None, "it was found at this moment"
        number = model.champion
        if number is None:
            raise Problem(
                409,
                "no-champion",
                "No version answers",
                f"No version of {name} was promoted: `autolearn model promote {name} "
                f"{model.versions}` lets one answer.",
            )
        before = self.answering.get(name, number)
        if (name, number) not in self.loaded and (name, before) in self.loaded:
            if self.clock() - self.failed.get((name, number), -_AGAIN) >= _AGAIN:
                self.load(snapshot, name, number)
            return before, self._used(name, before)
        found = await self.get(snapshot, name, number)
        self.answering[name] = number
        return number, found

    async def get(self, snapshot: Snapshot, name: str, number: int) -> Loaded:
        """Return a version's model, loaded now if need be.

        Raises:
            Problem: it is retired, or cannot be loaded.
        """
        if (name, number) in self.loaded:
            return self._used(name, number)
        return await asyncio.shield(self.load(snapshot, name, number))

    def load(self, snapshot: Snapshot, name: str, number: int) -> asyncio.Task[Loaded]:
        """Begin to load a version, once for all who ask."""
        at = (name, number)
        task = self.loading.get(at)
        if task is None:
            task = self.loading[at] = asyncio.create_task(self._load(snapshot, name, number))
            task.add_done_callback(lambda done: self._ended(at, done))
        return task

    def _ended(self, at: tuple[str, int], done: asyncio.Task[Loaded]) -> None:
        self.loading.pop(at, None)
        self.changed()
        if not done.cancelled() and (error := done.exception()) is not None:
            self.failed[at] = self.clock()
            log.warning("a model is not loaded", model=at[0], version=at[1], why=str(error))

    async def _load(self, snapshot: Snapshot, name: str, number: int) -> Loaded:
        row = snapshot.models.version(name, number)
        assert row is not None, "it was found at this moment"
        if row.retired:
            raise _retired(name, number)
        if row.source is None:
            raise unreadable()
        artifact = row.source.artifact
        keyid = snapshot.keyid_of_version(row)
        try:
            key = self.vault.key(keyid).derived("artifacts") if keyid and artifact.stored else None
        except Unreadable:
            raise unreadable() from None
        store = self.artifacts.with_key(key)
        try:
            model = await self.lane.run(lambda: _opened(store, artifact))
        except ArtifactError as error:
            raise unavailable(error) from None
        except AutoLearnError as error:
            words = f"{error.detail}. {error.advice}".strip()
            raise Problem(409, "model-unfit", error.title, words) from None
        if (name, number) in self.ended:
            self.ended.discard((name, number))
            raise _retired(name, number)
        found = self.loaded[name, number] = Loaded(model, artifact.bytes, self.clock())
        self.bound()
        log.info(
            "a model is loaded",
            model=name,
            version=number,
            plan=model.verdict().plan,
            why=model.verdict().reason,
        )
        return found

    def taken(self, records: Iterable[EventRecord]) -> None:
        """Unload what may answer no longer: retired versions, and those of deleted models."""
        for record in records:
            if record.type not in _ENDS:
                continue
            name, event = record.subject.partition("/")[2], outline_of(record)
            for at in [at for at in (*self.loaded, *self.loading) if at[0] == name]:
                if not isinstance(event, VersionRetired) or at[1] == event.number:
                    self.loaded.pop(at, None)
                    if at in self.loading:
                        self.ended.add(at)
                    self.changed()

    def _used(self, name: str, number: int) -> Loaded:
        found = self.loaded[name, number]
        found.asked = self.clock()
        return found

    def bound(self) -> None:
        """Unload what nobody asks, and what is too much, the longest unused first."""
        past = self.clock() - _IDLE
        by_use = sorted(self.loaded, key=lambda at: self.loaded[at].asked)
        for at in by_use:
            many = len(self.loaded) > LOADED_MODELS
            much = sum(other.bytes for other in self.loaded.values()) > LOADED_BYTES
            if self.loaded[at].asked < past or ((many or much) and at != by_use[-1]):
                del self.loaded[at]
                self.changed()


def _retired(name: str, number: int) -> Problem:
    """Return the problem of a version that answers no longer."""
    detail = f"Version {number} of {name} is retired, and never answers again."
    return Problem(410, "version-retired", "The version is retired", detail)


def _opened(store: ArtifactStore, artifact: TrainedArtifact) -> OnlineModel:
    """Load a model (blocks). scikit-learn is imported with the first one."""
    from autolearn.ml.prediction.online import OnlineModel

    with tempfile.TemporaryDirectory(prefix="autolearn-") as folder:
        return OnlineModel.open(store, artifact.folder, Path(folder))


def number_of(snapshot: Snapshot, name: str, given: str) -> int | None:
    """Return the number of a version, None for the champion: that is switched when it is loaded.

    Raises:
        Problem: there is no such version (404).
    """
    return None if given in ("", CHAMPION) else version_of(snapshot, name, given)
