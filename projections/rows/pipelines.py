"""Pipelines: their versions and grants, and the ends of the steps of their runs.

The runs themselves are rows of `projections.rows.runs`, under the name of the pipeline's stream.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from autolearn.projections.storage.table import IndexEntry, NumberedTable, Table
from autolearn.schemas.rest.sessions import Reader
from autolearn.schemas.values import NO_RUN, RunId


class StoredPipeline(Struct, array_like=True, gc=False):
    """A pipeline, with the numbers of its versions and runs; `last` is its newest run.

    `sequence` is the number of the newest event of its stream. A removed one is `deleted`, and
    keeps its owner. `open` counts the runs that have not ended, `bytes` are those of what its steps
    have left.
    """

    owner: str
    created: str
    updated: str
    sequence: int
    versions: int = 0
    runs: int = 0
    last: RunId = NO_RUN
    deleted: str = ""
    open: int = 0
    bytes: int = 0


class StoredDefinition(Struct, array_like=True, gc=False):
    """A version, with the data of its event and the number of that in the stream."""

    applied: Raw
    time: str
    actor: str
    sequence: int


class StoredOutcome(Struct, array_like=True, gc=False):
    """The end of a step, with the data of its event."""

    said: Raw
    time: str


PIPELINES = Table("pipeline", StoredPipeline)
"""By name."""
VERSIONS = NumberedTable("pipeline-version", StoredDefinition)
"""By name and number."""
OUTCOMES = NumberedTable("pipeline-outcome", StoredOutcome)
"""By run, and the number of the event in its stream."""
CACHED = Table("pipeline-cached", IndexEntry)
"""By name and key: the run and the number of the newest outcome with that key."""
RUN_OF = Table("pipeline-run-of", IndexEntry)
"""By run of a pipeline: its name."""
RUNS_BY_TIME = Table("pipeline-run-by-time", IndexEntry)
"""By the time of the request and the run."""
RUNS_OF_PIPELINE = Table("pipeline-run-at", IndexEntry)
"""By name, the time of the request and the run."""
RUNS_OF_OWNER = Table("pipeline-run-owned", IndexEntry)
"""By the owner of the pipeline, the time of the request and the run."""
GRANTS = Table("pipeline-grant", Reader)
"""By name, and user or group/<name>."""
OF_USER = Table("pipeline-of-user", IndexEntry)
"""By owner and name."""
SHARED_WITH = Table("pipeline-shared", IndexEntry)
"""By user or group/<name>, and name."""
