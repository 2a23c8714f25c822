"""The edges between which the values of a version's predictions are counted, from its training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import Struct

from autolearn.artifacts.store.errors import ArtifactError
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.errors import LogError
from autolearn.schemas.values import TrainedArtifact
from autolearn.security.data_key import Unreadable

_MOST = 1000
"""Versions whose edges are kept in memory."""


class FeatureEdges(Struct, frozen=True):
    """A feature of `profile.json`: the edges of numbers, or the counted values of text."""

    edges: tuple[float, ...] = ()
    values: dict[str, int] = {}


class ScoreEdges(Struct, frozen=True):
    """The scores in `profile.json`: predicted numbers, or highest probabilities (`confidence`)."""

    edges: tuple[float, ...] = ()
    confidence: FeatureEdges = FeatureEdges()


class TrainingEdges(Struct, frozen=True):
    """`profile.json`, as far as it says how to count; `hides` is whether labels are sensitive."""

    features: dict[str, FeatureEdges] = {}
    scores: ScoreEdges = ScoreEdges()
    hides: bool = False

    @property
    def score_edges(self) -> tuple[float, ...]:
        """The edges of scores; () if there are none."""
        edges = self.scores.confidence.edges or self.scores.edges
        return edges if len(edges) > 1 and edges[0] < edges[-1] else ()


class _Target(Struct, frozen=True):
    sensitive: bool = False


class _Schema(Struct, frozen=True):
    target: _Target | None = None


class TrainingProfiles:
    """Finds the edges of versions, and keeps those that were asked last.

    `snapshot` returns the read models, which have all that is on the log after `catch_up`.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        catch_up: Callable[[], None],
        artifacts: ArtifactStore,
        vault: SessionCipher,
    ) -> None:
        self.snapshot, self.catch_up = snapshot, catch_up
        self.artifacts, self.vault = artifacts, vault
        self.known: OrderedDict[tuple[str, int], TrainingEdges] = OrderedDict()

    def find(self, model: str, version: int) -> TrainingEdges:
        """Return the edges of a version (blocks); none if its artifact cannot be read any more.

        Raises:
            LogError: events, keys or the artifact store cannot be read now.
        """
        at = (model, version)
        if at not in self.known:
            self.known[at] = self._read(model, version)
            if len(self.known) > _MOST:
                self.known.popitem(last=False)
        self.known.move_to_end(at)
        return self.known[at]

    def _read(self, model: str, version: int) -> TrainingEdges:
        self.catch_up()
        self.vault.catch_up()
        snapshot = self.snapshot()
        row = snapshot.models.version(model, version)
        if row is None or row.source is None:
            return TrainingEdges()
        artifact = row.source.artifact
        keyid = snapshot.keyid_of_version(row)
        try:
            key = self.vault.find(keyid).derived("artifacts") if keyid and artifact.stored else None
            store = self.artifacts.with_key(key)
            said = msgspec.json.decode(_file(store, artifact, "profile.json"), type=TrainingEdges)
            schema = msgspec.json.decode(_file(store, artifact, "schema.json"), type=_Schema)
        except (ArtifactError, Unreadable, KeyError, msgspec.DecodeError):
            return TrainingEdges()
        except Exception as error:
            # Each kind of store has errors of its own, and is asked again.
            raise LogError(f"The artifact of {model}@{version} cannot be read: {error}") from error
        hides = schema.target is not None and schema.target.sensitive
        return msgspec.structs.replace(said, hides=hides)


def _file(store: ArtifactStore, artifact: TrainedArtifact, name: str) -> bytes:
    return b"".join(store.read_file(artifact, name).chunks)
