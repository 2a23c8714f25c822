"""Models, their versions and aliases, who answered when, and the grants."""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.storage.table import IndexEntry, NumberedTable, Table
from autolearn.schemas.models.versions import Recording
from autolearn.schemas.rest.models import ModelGrant
from autolearn.schemas.values import RunId, SessionId


class StoredTraffic(Struct, array_like=True, gc=False):
    """What is in clear of the traffic of a model, and since when; `said` are the event's data."""

    revision: int
    routes: dict[str, int]
    guards: tuple[str, ...]
    time: str
    actor: str
    said: Raw


class StoredModel(Struct, array_like=True):
    """A model, with how many versions it has, and how many of them are retired.

    `aliases` has the version of each. `sequence` is the number of the newest event of its stream.
    A `deleted` one keeps its owner and its name. Without `traffic` the champion answers all.
    """

    owner: str
    created: str
    updated: str
    sequence: int
    versions: int = 0
    retired: int = 0
    aliases: dict[str, int] = {}
    deleted: str = ""
    traffic: StoredTraffic | None = None
    shadow: str = ""
    recording: Recording = "durable"
    days: int = 0


class StoredVersion(Struct, array_like=True):
    """A version, with the data of its events: that it is `registered`, and its `ending`.

    `retired` is the time of that, "" if it is not.
    """

    registered: Raw
    time: str
    actor: str
    experiment: SessionId
    training: RunId
    sequence: int
    """The number of its event in the stream."""
    retired: str = ""
    retired_by: str = ""
    ending: Raw = Raw(b"null")


class StoredChange(Struct, array_like=True, gc=False):
    """A change of an alias: which version has it since a time (0: none), and which had it before.

    Or a change of traffic or shadow, where `alias` is "" and `version` the one that has passed a
    guard's limit, or the shadow. `said` are the data of the event of the type `kind`.
    """

    kind: str
    alias: str
    version: int
    before: int
    time: str
    actor: str
    said: Raw


class StoredCase(Struct, array_like=True, gc=False):
    """A named case, with the data of its event."""

    said: Raw
    time: str
    actor: str
    sequence: int
    """The number of its event in the stream."""


class StoredErasure(Struct, array_like=True, gc=False):
    """The erased rows of a request, by the command `erasure`.

    From `offset` on its partition of `predictions` has the record that counts.
    """

    erasure: str
    rows: tuple[int, ...]
    offset: int


MODELS = Table("model", StoredModel)
"""By name."""
VERSIONS = NumberedTable("model-version", StoredVersion)
"""By name and number."""
CHANGES = NumberedTable("model-change", StoredChange)
"""By name and the number of the event."""
CASES = NumberedTable("model-case", StoredCase)
"""By name and the number of the case."""
ERASED = Table("model-erased", StoredErasure)
"""By name and the id of a request."""
GRANTS = Table("model-grant", ModelGrant)
"""By name, and user or group/<name>."""
OF_USER = Table("model-of-user", IndexEntry)
"""By owner and name."""
SHARED_WITH = Table("model-shared", IndexEntry)
"""By user or group/<name>, and name."""
USED = Table("model-experiment", IndexEntry)
"""By experiment, name and number: the versions that are not retired."""
