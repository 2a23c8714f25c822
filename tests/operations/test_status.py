"""What of a status needs attention, and how far a process type is."""

import pytest
from msgspec.structs import replace

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.kafka.consumer_groups import GroupState
from autolearn.operations.status.findings import findings
from autolearn.operations.status.inspector import next_of
from autolearn.runtime.folders import artifacts_of, places_of, topic_bytes
from autolearn.schemas.records.heartbeat import Supervision
from autolearn.schemas.reports.status import (
    ChainState,
    DeadLetterCount,
    Member,
    Process,
    Status,
    TopicState,
    Usage,
    WorkerState,
)
from tests.support.settings import settings_of

RESERVE = 5 << 30
SETTINGS = settings_of(worker_timeout=10.0, disk_reserve="5120")


def status(**fields: object) -> Status:
    """A status in which nothing needs attention, but for these fields."""
    about: dict[str, object] = {
        "topics": [TopicState("a", 1, 1, 0)],
        "processes": [Process("decide", "a", [Member("d", "h", [0])], {"0": 0})],
    }
    return Status("2026-01-01T00:00:00Z", "tests", **(about | fields))  # type: ignore[arg-type]


def worker(silent: float) -> WorkerState:
    return WorkerState("w", "h", 1, ("training",), 2, silent, ())


def process(name: str = "decide", behind: int = 0, waiting: float | None = None) -> Process:
    return Process(name, "a", [Member("m", "h", [0])], {"0": behind}, waiting)


def chain(waiting: float | None = None, broken: int | None = None) -> list[ChainState]:
    return [ChainState(0, 7, 9, "2026-01-01T00:00:00Z", waiting, broken)]


QUIET = [
    {"chain": chain()},
    {"chain": chain(waiting=600.0)},
    {},
    {"processes": [process(behind=10_000, waiting=30.0)]},
    {"processes": [process("work", behind=1_000_000)]},
    {"workers": [worker(10.0)]},
    {"supervision": Supervision()},
    {"dead_letters": DeadLetterCount(9, 9, 0)},
    {"dead_letters": DeadLetterCount(9)},
    {"disk": [Usage("home", "/", 1, RESERVE, 1 << 40)]},
]
LOUD = [
    ("chain-broken", {"chain": chain(broken=3)}),
    ("checkpoints-late", {"chain": chain(waiting=601.0)}),
    ("topic-missing", {"topics": []}),
    ("under-replicated", {"topics": [TopicState("a", 4, 3, 0, under_replicated=1)]}),
    ("partition-down", {"topics": [TopicState("a", 4, 3, 0, below_min=1)]}),
    ("partition-down", {"topics": [TopicState("a", 4, 3, 0, leaderless=2)]}),
    ("nobody-runs", {"processes": [Process("training", "a", [], {})]}),
    ("slow-decisions", {"processes": [process(behind=1, waiting=30.1)]}),
    ("behind", {"processes": [process("api", behind=10_001)]}),
    ("worker-silent", {"workers": [worker(10.1)]}),
    ("shredding-overdue", {"supervision": Supervision(overdue_keys=2)}),
    ("clocks-differ", {"supervision": Supervision(doubt="The clocks differ")}),
    ("models-overdue", {"supervision": Supervision(overdue_models=2)}),
    ("store-of-another-log", {"supervision": Supervision(foreign_store="x")}),
    ("worker-disk-low", {"workers": [replace(worker(1.0), disk_low="/ has 1 MiB free")]}),
    ("no-fitting-worker", {"waiting": {"gpu=1": 3}}),
    ("dead-letters", {"dead_letters": DeadLetterCount(9, 2, 1)}),
    ("disk-low", {"disk": [Usage("home", "/", 1, RESERVE - 1, 1 << 40)]}),
    ("brokers-unknown", {"unknown": {"brokers": "No answer."}, "topics": [], "processes": []}),
]


@pytest.mark.parametrize("fields", QUIET)
def test_what_needs_no_attention(fields: dict[str, object]) -> None:
    assert findings(status(**fields), ["a"], SETTINGS) == []


@pytest.mark.parametrize(("kind", "fields"), LOUD)
def test_what_needs_attention(kind: str, fields: dict[str, object]) -> None:
    (found,) = findings(status(**fields), ["a"], SETTINGS)
    assert found.kind == kind
    assert found.detail.endswith(".")
    assert found.advice


def test_who_is_missing_is_named_as_it_is_started() -> None:
    (found,) = findings(status(processes=[Process("work", "a", [], {})]), ["a"], SETTINGS)
    assert "autolearn run work`" in found.advice


@pytest.mark.parametrize(
    ("name", "committed", "last", "expected"),
    [
        ("decide", 5, 7, 8),  # answered, and not committed yet
        ("decide", 9, 7, 9),  # committed without an answer: dead letters, repetitions
        ("decide", None, -1, 3),  # nothing yet: the oldest that is kept
        ("decide", 99, 7, 12),  # never past the end
        ("dispatch", 5, 7, 5),  # answers say nothing about others than deciders
        ("dispatch", None, 7, 3),
    ],
)
def test_what_a_process_type_takes_next(
    name: str, committed: int | None, last: int, expected: int
) -> None:
    group = GroupState([], {} if committed is None else {0: committed})
    reached = {0: PartitionProgress(next=50, term=1, last=last)}
    assert next_of(name, group, {0: (3, 12)}, reached) == {0: expected}


def test_folders_and_what_topics_take(tmp_path) -> None:
    for name in ("state", "artifacts", "kafka/data/p.commands-0", "kafka/data/p.commands-1"):
        (tmp_path / name).mkdir(parents=True)
    for partition in (0, 1):
        file = tmp_path / f"kafka/data/p.commands-{partition}/log"
        file.write_bytes(b"x" * 8192)
    (tmp_path / "kafka" / "data" / "meta.properties").write_text("")
    assert topic_bytes(tmp_path) == {"p.commands": 2 * 8192}
    places = {place.what: place for place in places_of(settings_of(home=str(tmp_path)))}
    assert set(places) == {"home", "state", "kafka", "artifacts"}
    assert places["kafka"].used == 2 * 8192
    assert places["home"].used == 2 * 8192
    assert places["home"].free > 0


def test_where_artifacts_are(tmp_path) -> None:
    assert artifacts_of(settings_of(home=str(tmp_path))) == tmp_path / "artifacts"
    assert artifacts_of(settings_of(artifacts="s3://bucket/x")) is None
    url = (tmp_path / "with space").as_uri()
    assert artifacts_of(settings_of(artifacts=url)) == tmp_path / "with space"
