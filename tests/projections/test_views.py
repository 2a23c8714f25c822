"""The read models: what a story leaves in them, and that every way of folding gives the same."""

import hashlib
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from autolearn.agents.command_handling.decision import AppendFence, decide
from autolearn.agents.command_handling.state_store import DeciderStateStore
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections import rows
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.rows.annotations import ANNOTATIONS
from autolearn.projections.rows.catalog import ESTIMATORS, METRICS, STEPS, DatasetRow, MetricRow
from autolearn.projections.rows.command_answers import ANSWERS
from autolearn.projections.rows.sessions import ENDED, EndedRow
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.store import key, prefix_of
from autolearn.projections.storage.table import Table
from autolearn.projections.views import VIEWS, digests_of, fold
from autolearn.schemas import commands
from autolearn.schemas.codec import EventRecord, encode, to_json
from autolearn.schemas.messages import Command
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.rest.sessions import SessionRow
from autolearn.schemas.topics import Topic
from tests.eventlog.test_admission import started
from tests.support import samples
from tests.support.random_histories import Reference, command_record, history
from tests.support.samples import complete_evaluation, complete_training, request_evaluation
from tests.support.samples import request_training as train

ID = samples.SESSION.removeprefix("session/")


class Told:
    """A story told to the read models, one command a second."""

    def __init__(self) -> None:
        self.reference, self.store = Reference(), MemoryStore()
        self.models, self.count = ReadModels(self.store), 0
        self.answers: list[EventRecord] = []

    def tell(self, *asked: Command, stream: str = samples.SESSION) -> None:
        for command in asked:
            self.count += 1
            time = f"2026-01-01T00:00:{self.count:02}Z"
            record = command_record(stream, command, f"c{self.count}", time=time, actor="ada")
            answer = self.reference.answer(self.count, record)
            assert answer is not None
            self.answers.append(answer)
            self.models.fold(answer, 0, answer.sequence)
            self.models.commit({})

    def tables(self) -> set[str]:
        """The tables with rows, but for what every event leaves: its answer and its place."""
        tables = {row.partition(b"\x00")[0].decode() for row in self.store.rows}
        return tables - {"answer", "stream", "format"}

    def get(self, table: Table, *parts: str):
        return RowReader(self.store).get(table, *parts)

    def now(self) -> Snapshot:
        return ReadModelQueries(self.store).now()

    def run(self, kind: str, run: str):
        return self.now().runs.get(ID, kind, run)

    def ids(self, table: str) -> list[str]:
        return [row.split(b"\x00")[-1].decode() for row, _ in self.store.scan(prefix_of(table))]


def done(run: str = "t1", **fields) -> tuple[Command, ...]:
    return train(run, **fields), commands.StartRun(run, 1, "w1"), complete_training(run)


def evaluated(run: str, training: str, **fields) -> tuple[Command, ...]:
    return (
        request_evaluation(run, training, **fields),
        commands.StartRun(run, 1, "w1"),
        complete_evaluation(run),
    )


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}Z"


def test_an_open_session():
    told = Told()
    told.tell(commands.OpenSession("Irises"))
    assert told.now().sessions.get(ID) == SessionRow(ID, "Irises", at(1), "ada", at(1), 1)
    assert told.ids("session-by-time") == [ID]
    assert told.tables() == {
        "session",
        "session-by-time",
        "session-opened",
        "session-owner",
        "session-owned",
        "session-of",
        "session-held",
    }


def test_a_session_has_its_newest_title_and_so_has_the_experiment():
    told = Told()
    told.tell(commands.OpenSession("Irises", 60), commands.RenameSession("Roses"))
    assert told.now().sessions.get(ID) == SessionRow(
        ID, "Roses", at(1), "ada", at(2), 2, expires=60
    )
    told.tell(*done(), commands.CommitSession())
    before = told.now().experiments.get(ID)
    assert before.title == "Roses"
    told.tell(commands.RenameSession("Tulips"))
    assert told.now().experiments.get(ID) == replace(before, title="Tulips")
    told.tell(commands.RenameSession(""))
    assert told.now().experiments.get(ID).title == ""


def test_notes_and_tags_stay_with_what_is_kept():
    told = Told()
    say = commands.AnnotateSession
    told.tell(commands.OpenSession(), *done("t1"), *done("t2"))
    told.tell(say(note="first"), say(tags=("a", "b")), say(untag=("a", "z"), tags=("c",)))
    told.tell(say("t1", "deep"), say("t2", "shallow"), say("t2", tags=("x",)))
    row = told.now().sessions.get(ID)
    assert (row.tags, [note.text for note in row.notes]) == (("b", "c"), ["first"])
    assert told.now().runs.training(ID, "t2").tags == ("x",)
    (note,) = told.now().runs.training(ID, "t1").notes
    assert (note.text, note.actor) == ("deep", "ada")
    told.tell(commands.CommitSession(("t1",)), say(note="second"))
    kept = told.now().experiments.get(ID)
    assert (kept.tags, [note.text for note in kept.notes]) == (("b", "c"), ["first", "second"])
    assert told.now().runs.training(ID, "t1").notes == (note,)
    assert annotations(told) == ["", "", "", "t1", ""]
    told.tell(commands.DeleteExperiment())
    assert annotations(told) == []


def test_nothing_that_was_said_about_a_discarded_session_is_left():
    told = Told()
    told.tell(commands.OpenSession(), *done("t1"), commands.AnnotateSession("t1", "n"))
    assert annotations(told) == ["t1"]
    told.tell(commands.DiscardSession())
    assert annotations(told) == []


def annotations(told: Told) -> list[str]:
    return [row.run for row in told.now().rows.scan(ANNOTATIONS)]


def test_a_training_from_request_to_model():
    told = Told()
    told.tell(commands.OpenSession(), train())
    row = told.run("training", "t1")
    assert (row.id, row.session, row.number, row.status) == ("t1", ID, 2, "open")
    assert (row.requested, row.started, row.ended) == (at(2), None, None)
    assert (row.estimator, row.dataset, row.seed) == ("decision-tree", samples.IRIS, 42)
    told.tell(commands.StartRun("t1", 1, "w1"))
    row = told.run("training", "t1")
    assert (row.status, row.attempt, row.worker, row.started) == ("started", 1, "w1", at(3))
    told.tell(commands.ReportRunLost("t1", 1, "w1"))
    row = told.run("training", "t1")
    assert (row.status, row.attempt, row.worker, row.started) == ("open", 2, "", None)
    told.tell(commands.StartRun("t1", 2, "w2"), complete_training("t1", 2, "w2"))
    row = told.run("training", "t1")
    assert (row.status, row.attempt, row.worker) == ("completed", 2, "w2")
    assert (row.artifact, row.parameters["depth"], row.rows_train) == (samples.ARTIFACT, 3, 112)
    assert (row.requested, row.started, row.ended, row.updated) == (at(2), at(5), at(6), at(6))
    session = told.now().sessions.get(ID)
    assert (session.sequence, session.updated) == (6, at(6))


def test_runs_that_end_otherwise():
    told = Told()
    told.tell(
        commands.OpenSession(),
        train("t1"),
        commands.StartRun("t1", 1, "w1"),
        commands.FailRun("t1", 1, "w1", "memory", "It needed more than 512 MiB."),
        train("t2"),
        commands.CancelRun("t2"),
    )
    failed = told.run("training", "t1")
    assert (failed.status, failed.reason, failed.ended) == ("failed", "memory", at(4))
    assert failed.detail == "It needed more than 512 MiB."
    cancelled = told.run("training", "t2")
    assert (cancelled.status, cancelled.ended) == ("cancelled", at(6))


def test_an_evaluation():
    told = Told()
    told.tell(commands.OpenSession(), *done(), *evaluated("e1", "t1", dataset=samples.WINE))
    row = told.run("evaluation", "e1")
    assert (row.id, row.training, row.artifact) == ("e1", "t1", samples.ARTIFACT.digest)
    assert (row.status, row.results["f1"], row.rows) == ("completed", 0.97, 38)
    assert (row.dataset, row.metrics, row.held_out) == (samples.WINE, ("precision", "f1"), True)


STORY = (
    commands.OpenSession("Irises"),
    *done("t1"),
    *done("t2", dataset=samples.WINE),
    *evaluated("e1", "t1", dataset=samples.WINE),
    *evaluated("e2", "t2"),
    train("t3"),
    request_evaluation("e3", "t2"),
)


def test_a_commit_makes_an_experiment_and_leaves_no_session():
    told = Told()
    told.tell(*STORY, commands.CommitSession(("t1",)))
    assert told.now().experiments.get(ID) == ExperimentRow(
        id=ID,
        title="Irises",
        created=at(1),
        committed=at(16),
        actor="ada",
        sequence=16,
        trainings=("t1",),
        training_data=(samples.IRIS,),
        evaluation_data=(samples.WINE,),
    )
    assert told.ids("experiment-by-time") == [ID]
    assert told.ids("run") == ["e1", "t1"]
    assert len(list(told.store.scan(prefix_of("run", ID)))) == 2
    assert told.get(ENDED, ID) == EndedRow("committed", at(16), ("t3", "e3"))
    assert told.tables() == {
        "experiment",
        "experiment-of",
        "session-owner",
        "session-owned",
        "experiment-by-time",
        "run",
        "run-at",
        "run-request",
        "run-outcome",
        "session-ended",
        "session-opened",
    }


def test_a_commit_of_everything_keeps_what_is_completed():
    told = Told()
    told.tell(*STORY, commands.CancelRun("t3"), commands.CancelRun("e3"))
    told.tell(commands.CommitSession())
    experiment = told.now().experiments.get(ID)
    assert experiment.trainings == ("t1", "t2")
    assert set(experiment.training_data) == {samples.IRIS, samples.WINE}
    assert told.ids("run") == ["e1", "e2", "t1", "t2"]


def test_what_is_asked_of_an_experiment_changes_nothing_of_what_it_keeps():
    told = Told()
    told.tell(*STORY, commands.CommitSession(("t1",)))
    before, work = told.now().experiments.get(ID), told.now().users.work("ada")
    asked = (request_evaluation("e8", "t1", dataset=samples.IRIS), commands.StartRun("e8", 1, "w1"))
    told.tell(*asked, request_evaluation("e9", "t1"))
    assert told.ids("experiment-run") == ["e8", "e9"]
    going = told.now().users.work("ada")
    assert (work.queued, work.running, going.queued, going.running) == (0, 0, 1, 1)
    told.tell(complete_evaluation("e8"))
    assert told.now().experiments.get(ID) == before
    assert told.run("evaluation", "e8").status == "completed"
    assert told.run("evaluation", "e8").number > before.sequence
    assert [run for _, run, _ in told.now().experiments.open_runs()] == ["e9"]
    told.tell(commands.DeleteExperiment())
    gone = told.now().users.work("ada")
    assert (gone.queued, gone.running) == (0, 0)
    assert told.ids("run") == told.ids("experiment-run") == told.ids("run-at") == []


class WatchedStore(MemoryStore):
    """Looks at itself after every write."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def write(self, rows) -> None:
        super().write(rows)
        counted = tuple(len(list(self.scan(prefix_of(t)))) for t in ("session", "experiment"))
        self.seen.append(counted)


def test_nobody_sees_a_session_in_both_views_or_in_none():
    told = Told()
    told.tell(*STORY, commands.CommitSession(("t1",)))
    watched = WatchedStore()
    read_models = ReadModels(watched)
    for answer in told.answers:
        read_models.fold(answer, 0, answer.sequence)
        read_models.commit({})
    assert watched.seen == [(1, 0)] * len(STORY) + [(0, 1)], "one write per event"


def test_a_discard_leaves_nothing_but_that_it_was():
    told = Told()
    told.tell(*STORY, commands.DiscardSession())
    assert told.tables() == {"session-ended", "session-opened", "session-owner", "session-owned"}
    assert told.get(ENDED, ID) == EndedRow("discarded", at(16), ("t3", "e3"))


def test_a_refusal_leaves_only_its_answer_and_its_place():
    told = Told()
    told.tell(commands.OpenSession())

    def others() -> dict[bytes, bytes]:
        mine = (b"answer", b"stream")
        return {row: value for row, value in told.store.rows.items() if not row.startswith(mine)}

    before = others()
    told.tell(commands.OpenSession(), commands.CancelRun("t9"), commands.CommitSession())
    assert before == others()
    answer = told.get(ANSWERS, "c3")
    assert (answer.stream, answer.sequence, answer.reason) == (samples.SESSION, 3, "run-unknown")
    assert answer.type == "autolearn.Refused.v1"
    assert "no run t9" in answer.detail


def test_every_command_has_an_answer():
    told = Told()
    told.tell(*STORY)
    found = [told.get(ANSWERS, f"c{n + 1}") for n in range(len(STORY))]
    assert [answer.sequence for answer in found] == list(range(1, len(STORY) + 1))
    assert not any(answer.reason for answer in found)


def test_the_catalog_shows_the_newest_and_keeps_old_versions_of_datasets():
    told = Told()
    told.tell(commands.RegisterEstimator(samples.ESTIMATOR), stream="estimator/decision-tree")
    told.tell(commands.RegisterMetric(samples.METRIC), stream="metric/f1")
    told.tell(commands.RegisterDataset(samples.FLOWERS), stream="dataset/flowers")
    newer = type(samples.FLOWERS)(
        **{f: getattr(samples.FLOWERS, f) for f in samples.FLOWERS.__struct_fields__}
        | {"version": "9" * 64, "rows": 151}
    )
    told.tell(commands.RegisterDataset(newer), stream="dataset/flowers")
    assert told.get(ESTIMATORS, "decision-tree").registered == at(1)
    assert told.get(METRICS, "f1").spec == samples.METRIC
    told.tell(commands.RegisterStep(samples.STEP), stream="step/select")
    assert told.get(STEPS, "select").spec == samples.STEP
    now = Snapshot(told.store)
    assert now.catalog.dataset("flowers") == DatasetRow(newer, at(4))
    for spec, second in ((samples.FLOWERS, 3), (newer, 4)):
        row = now.catalog.dataset("flowers", spec.version)
        assert row == DatasetRow(spec, at(second))
    assert now.catalog.dataset_bytes("ada") == 2 * samples.FLOWERS.bytes


def version(number: int, **more: object) -> commands.RegisterDataset:
    spec = replace(samples.FLOWERS, version=f"{number:064x}", **more)
    return commands.RegisterDataset(spec)


def test_a_version_is_looked_up_and_not_all_of_them_read():
    told, read = Told(), []
    told.tell(replace(version(0), marks=True), stream="dataset/flowers")
    told.tell(*(replace(version(n), after=1) for n in range(1, 20)), stream="dataset/flowers")

    def opens(stream: str, data: Raw) -> Raw:
        read.append(stream)
        return data

    def reads(ask: Callable[[], object]) -> int:
        read.clear()
        ask()
        return len(read)

    queries = ReadModelQueries(told.store, opens)
    newest, oldest, none = (f"{n:064x}" for n in (19, 0, 99))
    assert reads(lambda: queries.now().catalog.dataset("flowers")) == 2, "and its sensitive columns"
    assert reads(lambda: queries.now().catalog.dataset("flowers", newest)) == 2
    assert reads(lambda: queries.now().catalog.dataset("flowers", oldest)) == 20
    for sought in (newest, oldest):
        assert reads(lambda sought=sought: queries.now().catalog.dataset("flowers", sought)) == 1
    assert reads(lambda: queries.now().catalog.has_version("flowers", none)) == 0
    assert reads(lambda: next(queries.now().catalog.versions("flowers"))) == 1
    assert queries.now().catalog.dataset("flowers", none) is None
    queries.known.forget("flowers")
    assert not queries.known.versions
    assert not queries.known.sensitive


def test_versions_are_in_the_order_in_which_they_were_registered_last():
    told = Told()
    told.tell(*(version(n) for n in range(3)), version(0), stream="dataset/flowers")
    found = list(told.now().catalog.versions("flowers"))
    assert [int(row.spec.version, 16) for _, row in found] == [0, 2, 1]
    rest = told.now().catalog.versions("flowers", found[0][0])
    assert [row for _, row in rest] == [row for _, row in found[1:]]
    assert told.now().catalog.held_bytes("flowers") == [samples.FLOWERS.bytes] * 3
    told.tell(commands.DeleteDataset(), stream="dataset/flowers")
    assert told.tables() == {"dataset-owner", "dataset-bytes"}


# Every way of folding gives the same


def digests(store: MemoryStore) -> dict[str, str]:
    return digests_of(store)


def live(records: list[EventRecord]) -> dict[str, str]:
    store = MemoryStore()
    read_models = ReadModels(store)
    for offset, record in enumerate(records, 1):
        read_models.fold(record, 0, offset)
        read_models.commit({})
    return digests(store)


def rebuilt(records: list[EventRecord], size: int) -> dict[str, str]:
    store = MemoryStore()
    read_models = ReadModels(store)
    for begin in range(0, len(records), size):
        for offset, record in enumerate(records[begin : begin + size], begin + 1):
            read_models.fold(record, 0, offset)
        read_models.commit({})
    return digests(store)


def restarted(records: list[EventRecord], random: Random) -> dict[str, str]:
    log = MemoryLog()
    log.create([Topic("events", 1, 1, {})])
    for record in (started(1), *records):
        log.append("events", encode(record), key=record.subject)
    store = MemoryStore()
    while True:
        follower = Projector(log, "events", ReadModels(store), [0])
        for _ in range(random.randint(1, 3)):
            follower.step(0, limit=random.randint(1, 20))
        if not follower.behind():
            return digests(store)
        for message in follower.reader.read(random.randint(1, 20), 0):  # lost in a crash
            follower.take(message)


@settings(max_examples=80 * settings.default.max_examples // 100)
@given(st.integers(0, 2**32).map(Random), st.integers(0, 120), st.integers(1, 120))
def test_live_rebuilt_and_restarted_folds_agree(random: Random, count: int, size: int):
    records = history(random, count)
    assert live(records) == rebuilt(records, size) == restarted(records, random)


def test_what_waits_and_runs_of_a_holder_is_what_the_rows_of_the_runs_say():
    most = 0
    for seed in range(40):
        store = MemoryStore()
        read_models = ReadModels(store)
        for offset, record in enumerate(history(Random(seed), 120), 1):
            read_models.fold(record, 0, offset)
            read_models.commit({})
            now = ReadModelQueries(store).now()
            there = [one.id for one in (*now.sessions.newest(), *now.experiments.newest())]
            there += now.pipelines.owners()
            counted = Counter[tuple[str, str]]()
            for one in there:
                holder = one if "/" in one else now.sessions.holder(one)
                for _, run in now.runs.all_stored(one):
                    counted[holder, run.status] += 1
                    by_worker = run.status == "started" and run.kind != "pipeline"
                    counted["ada", "started"] += "/" in holder and by_worker
            for holder in ("ada", "pipeline/flowers"):
                work = now.users.work(holder)
                taken = counted[holder, "open"], counted[holder, "started"]
                assert (work.queued, work.running) == taken
                most = max(most, sum(taken))
    assert most > 2


def test_random_histories_reach_every_view():
    reached = set()
    empty = digests(MemoryStore())
    for seed in range(60):
        found = live(history(Random(seed), 150))
        reached |= {view for view in VIEWS if found[view] != empty[view]}
    assert reached == set(VIEWS)


def test_a_digest_is_what_its_definition_says():
    store = MemoryStore()
    rows = RowBatch(store)
    record = decide(
        DeciderStateStore(MemoryStore()).load("metric/f1"),
        command_record("metric/f1", commands.RegisterMetric(samples.METRIC), "c1", time="now"),
        AppendFence(0, 0, -1, 1),
    ).record
    fold(rows, record, 0, 1)
    rows.commit({})
    row_key = b"metric\x00f1"
    row = to_json(MetricRow(samples.METRIC, "now"))
    hand = hashlib.sha256(
        len(row_key).to_bytes(8, "big") + row_key + len(row).to_bytes(8, "big") + row
    )
    assert VIEWS["catalog"].digest(store) == hand.hexdigest()
    assert VIEWS["sessions"].digest(store) == hashlib.sha256().hexdigest()


def test_every_table_belongs_to_one_view():
    modules = [import_module(f"{rows.__name__}.{m.name}") for m in iter_modules(rows.__path__)]
    declared = {x for m in modules for x in vars(m).values() if isinstance(x, Table)}
    prefixes = [prefix for view in VIEWS.values() for prefix in view.prefixes]
    assert sorted(table.prefix() for table in declared) == sorted(prefixes)
    assert len(prefixes) == len(set(prefixes))


def test_a_digest_does_not_depend_on_how_far_the_log_is_read():
    store = MemoryStore()
    ReadModels(store).commit({})
    before = digests(store)
    store.write({key("progress", 0): b"{}"})
    assert digests(store) == before
