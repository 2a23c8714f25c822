"""Pipelines as they are shown: versions, runs, ends of steps, and nothing of what is forgotten."""

from msgspec.structs import replace

from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas import events
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.work_kinds import OF_PIPELINES
from tests.golden import event_record
from tests.support import samples

KEY = samples.outcome().key
APPLIED = events.PipelineApplied(1, samples.DEFINITION)


def run(number: int, key: str = KEY) -> tuple[Event, ...]:
    """A run with one step, and its end."""
    return (
        samples.pipeline_requested(f"r{number}"),
        events.RunStarted(f"r{number}", 1, "api"),
        samples.step_requested(f"k{number}", f"r{number}"),
        events.RunStarted(f"k{number}", 1, "w1"),
        samples.step_completed(f"k{number}"),
        events.StepRecorded(f"r{number}", samples.outcome(key=key)),
        samples.pipeline_completed(f"r{number}", 1, "api"),
    )


def folded(*told: Event) -> Snapshot:
    """What is shown after the events of ada's pipeline, each a second after the one before."""
    store = MemoryStore()
    models = ReadModels(store)
    for number, event in enumerate(told, 1):
        record = event_record(type_of(type(event)), event)
        time = f"2026-01-01T00:00:{number:02}Z"
        about = {"subject": "pipeline/flowers", "sequence": number, "time": time, "id": f"{number}"}
        models.fold(replace(record, actor="ada", **about), 0, number)
    models.commit({})
    return ReadModelQueries(store).now()


def test_runs_are_listed_the_newest_first_and_their_steps_have_ends():
    shared = events.PipelineShared("bob", "read")
    now = folded(APPLIED, *run(1), shared, replace(APPLIED, number=2), *run(2)[:2])
    shown = now.pipelines.get("flowers")
    assert shown is not None
    assert (shown.owner, shown.versions, shown.runs) == ("ada", 2, 2)
    assert (shown.last, shown.last_status) == ("r2", "started")
    assert [run for _, run in now.pipelines.newest_runs("flowers")] == ["r2", "r1"]
    assert list(now.pipelines.names(whose="ada")) == ["flowers"]
    for user, runs in {"ada": ["r2", "r1"], "bob": ["r2", "r1"], "eve": []}.items():
        assert [run for _, run in now.pipelines.newest_runs_for(user, unowned=True)] == runs
    newest = next(now.pipelines.newest_runs())
    assert [run for _, run in now.pipelines.newest_runs_for("bob", newest)] == ["r1"]
    assert now.pipelines.run_before("flowers", "r2") == "r1"
    ((outcome, _),) = now.pipelines.outcomes("flowers", "r1").values()
    assert outcome == samples.outcome()
    kinds = {now.runs.of_any(runs_of("flowers"), kind, name).kind for name, kind in
             now.runs.kinds(runs_of("flowers"))}  # fmt: skip
    assert kinds == {*OF_PIPELINES}


def test_the_newest_result_with_a_key_is_that_of_the_cache_until_its_run_is_forgotten():
    told = (APPLIED, *run(1), *run(2))
    assert folded(*told).pipelines.cached("flowers", KEY) == ("r2", samples.outcome())
    assert folded(*told).pipelines.cached("flowers", "4" * 64) is None
    first = folded(*told, events.RunsForgotten(("r1",)))
    assert first.pipelines.cached("flowers", KEY) == ("r2", samples.outcome())
    assert [run for _, run in first.pipelines.newest_runs()] == ["r2"]
    assert [run for _, run in first.pipelines.newest_runs_for("ada")] == ["r2"]
    assert (first.pipelines.of_run("r1"), first.pipelines.of_run("r2")) == ("", "flowers")
    assert not first.pipelines.outcomes("flowers", "r1")
    assert {run for run, _ in first.runs.kinds(runs_of("flowers"))} == {"r2", "k2"}
    assert first.pipelines.get("flowers").runs == 1
    second = folded(*told, events.RunsForgotten(("r2",)))
    assert second.pipelines.cached("flowers", KEY) is None


def test_of_a_removed_one_its_owner_alone_is_known():
    shared = events.PipelineShared("bob", "read")
    own = events.QuotaSet("runs-open", 3)
    now = folded(APPLIED, shared, own, *run(1), *run(2)[:4], events.PipelineRemoved(("k2", "r2")))
    assert now.pipelines.get("flowers") is None
    assert now.pipelines.stored("flowers").owner == "ada"
    assert not list(now.pipelines.names())
    assert not list(now.pipelines.names(whose="bob"))
    assert now.pipelines.version("flowers", 1) is None
    assert now.pipelines.cached("flowers", KEY) is None
    assert not list(now.pipelines.newest_runs())
    assert not list(now.pipelines.newest_runs_for("ada"))
    assert not list(now.runs.kinds(runs_of("flowers")))
    assert used_of(now) == (0, 0, 0, 0)
    assert not now.users.quotas("pipeline/flowers")


def used_of(now: Snapshot) -> tuple[int, ...]:
    """The runs at work, those that wait, the open runs of the pipeline, and bytes of results."""
    work, row = now.users.work("pipeline/flowers"), now.pipelines.stored("flowers")
    return work.running, work.queued, row.open, row.bytes


def test_what_its_runs_take_counts_for_the_pipeline_and_not_for_its_user():
    size = samples.STEP_FILES.bytes
    assert size
    now = folded(APPLIED, *run(1), *run(2)[:3])
    assert used_of(now) == (1, 1, 1, size)
    now = folded(APPLIED, *run(1), *run(2)[:4])
    assert used_of(now) == (2, 0, 1, size)
    work = now.users.work("ada")
    assert (work.queued, work.running) == (0, 1), "the limit of runs at work is the user's"
    now = folded(APPLIED, *run(1), *run(2)[:3], events.RunCancelled("k2"))
    assert used_of(now) == (1, 0, 1, size)
    now = folded(APPLIED, *run(1), *run(2), events.RunsForgotten(("r1",)))
    assert used_of(now) == (0, 0, 0, size)
    assert now.users.work("ada").queued == now.users.work("ada").running == 0


def test_a_session_of_its_run_and_what_is_asked_there_counts_for_the_pipeline():
    store = MemoryStore()
    models = ReadModels(store)
    opened = events.SessionOpened("Irises", pipeline="flowers")
    asked = samples.training_requested("t1")
    for number, event in enumerate((opened, asked, events.SessionDiscarded(("t1",))), 1):
        record = event_record(type_of(type(event)), event)
        about = {"subject": samples.SESSION, "sequence": number, "id": f"{number}"}
        models.fold(replace(record, actor="ada", **about), 0, number)
        models.commit({})
        users = ReadModelQueries(store).now().users
        taken = [
            (users.open_sessions(holder), users.work(holder).queued)
            for holder in ("pipeline/flowers", "ada")
        ]
        assert taken == [[(1, 0), (0, 0)], [(1, 1), (0, 0)], [(0, 0), (0, 0)]][number - 1]
