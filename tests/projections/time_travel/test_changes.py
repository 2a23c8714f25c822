"""What changed between two points: all of it, and nothing else."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.pipelines import PIPELINES
from autolearn.projections.storage.store import prefix_of
from autolearn.projections.time_travel.changes import THINGS, changes_of
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.projections.views import VIEWS
from autolearn.schemas.rest.history import Change
from autolearn.schemas.stream_kinds import KINDS
from autolearn.schemas.work_kinds import OF_PIPELINES, OF_SESSIONS
from tests.projections.time_travel.test_past import folded, told

WORDS = {
    "session": "session",
    "session-ended": "end of session",
    "experiment": "experiment",
    "training": "run",
    "evaluation": "run",
    "prediction": "run",
    "study": "run",
    "step": "step",
    "step run": "run",
    "pipeline run": "run",
    "run": "run",
    "estimator": "estimator",
    "metric": "metric",
    "dataset": "dataset",
    "dataset-version": "dataset version",
    "dataset-grant": "grant",
    "session-reader": "reader",
    "user": "user",
    "token": "token",
    "quota": "quota",
    "group": "group",
    "group-member": "member",
    "model": "model",
    "model-version": "model version",
    "model-grant": "model grant",
    "model-case": "model case",
    "pipeline": "pipeline",
    "pipeline-version": "pipeline version",
    "pipeline-grant": "pipeline grant",
}
OF_RUNS = {*OF_SESSIONS} | {f"{kind} run" for kind in OF_PIPELINES}
INDEXES = {"session-by-time", "session-opened", "session-owner", "session-of", "session-shared"}
INDEXES |= {"session-held"}
INDEXES |= {"dataset-owner", "dataset-bytes", "user-work", "user-tokens", "session-owned"}
INDEXES |= {"dataset-version-by-time", "dataset-label", "run-at", "run-request", "run-outcome"}
INDEXES |= {"experiment-by-time", "experiment-of", "experiment-gone", "experiment-gone-by-time"}
INDEXES |= {"user-groups", "experiment-run", "annotation", "session-with", "experiment-with"}
INDEXES |= {"model-change", "model-of-user", "model-shared", "model-experiment", "model-erased"}
INDEXES |= {
    "experiment-held",
    "dataset-expectations",
    "pipeline-outcome",
    "pipeline-cached",
    "pipeline-run-of",
}
INDEXES |= {"pipeline-run-by-time", "pipeline-run-at", "pipeline-of-user", "pipeline-shared"}
INDEXES |= {"pipeline-run-owned"}


def test_every_kind_of_stream_and_every_table_has_its_words():
    assert set(THINGS) == set(KINDS)
    views = [view for name, view in VIEWS.items() if name not in ("answers", "streams")]
    tables = {prefix[:-1].decode() for view in views for prefix in view.prefixes}
    assert tables == (set(WORDS) - OF_RUNS) | INDEXES


def rows(snapshot: Snapshot) -> dict[tuple[str, bytes], bytes]:
    return {
        (WORDS[table], at): value
        for table in WORDS
        for at, value in snapshot.rows.content.scan(prefix_of(table))
        if table != "pipeline" or not PIPELINES.decode(value).deleted
    }


def counted(was: Snapshot, now: Snapshot) -> Counter[tuple[str, str]]:
    """How many rows of each table were added, removed and changed, by the stores' bytes."""
    before, after = rows(was), rows(now)
    found: Counter[tuple[str, str]] = Counter()
    for row in {**before, **after}:
        if row not in before or row not in after:
            found[row[0], "removed" if row in before else "added"] += 1
        elif before[row] != after[row]:
            found[row[0], "changed"] += 1
    return found


@settings(max_examples=40 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 120))
def test_changes_are_those_of_the_rows(random: Random, count: int):
    log = told(random, count)
    ends = log.ends("events")
    index, lookup = folded(log, ends), RecordLookup(log, "events")
    upper = {p: random.randint(0, end) for p, end in ends.items()}
    lower = {p: random.randint(0, end) for p, end in upper.items()}
    streams = [f"{kind}/{name}" for kind in KINDS for name in index.streams.ids(kind)]
    was, now = AsOfReader(index, lookup, lower), AsOfReader(index, lookup, upper)
    was.load(*streams)
    now.load(*streams)
    found = [c for stream in streams for c in changes_of(stream, was.snapshot, now.snapshot)]
    assert Counter((WORDS.get(c.what, c.what), c.change) for c in found) == counted(
        folded(log, lower), folded(log, upper)
    )
    for change in found:
        check(change)
    lookup.close()


def check(change: Change) -> None:
    """A change has the fields that it should have."""
    match change:
        case Change(change="added", before=None, after=dict()):
            pass
        case Change(change="removed", before=dict(), after=None):
            pass
        case Change(change="changed", before=dict() as before, after=dict() as after):
            assert before.keys() == after.keys()
            assert all(before[name] != after[name] for name in before)
        case _:
            raise AssertionError(change)
