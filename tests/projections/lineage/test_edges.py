"""What rows were made of, and the index of what was made of each thing."""

from msgspec import Raw
from msgspec.structs import replace

from autolearn.projections.lineage.edges import Edge, Ref
from autolearn.projections.lineage.index import LineageIndex
from autolearn.projections.queries.queries import ReadModelQueries, Snapshot
from autolearn.projections.rows import pipelines, runs
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.schemas import commands, events
from autolearn.schemas.codec import raw
from autolearn.schemas.datasets.made_from import DatasetSource
from autolearn.schemas.models.backtests import Backtest
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.values import DatasetRef
from autolearn.security.data_key import Unreadable
from tests.projections.test_views import ID, Told
from tests.support import samples
from tests.support.samples import (
    complete_evaluation,
    complete_training,
    request_evaluation,
    request_prediction,
)
from tests.support.samples import request_training as train

IRIS = Ref("dataset-version", "iris", "a" * 64)
WINE = Ref("dataset-version", "wine", "b" * 64)
PENGUINS = Ref("model-version", "penguins", "1")


def run(kind: str, name: str) -> Ref:
    return Ref(kind, ID, name)


def story(*, held: bool = True) -> Told:
    """A training on iris, what was made of it, and a model."""
    told = Told()
    told.tell(commands.OpenSession("work", 3600), train("t1"))
    told.tell(commands.StartRun("t1", 1, "w"), complete_training("t1", worker="w"))
    for name, held_out in (("e1", True), ("e2", False)):
        told.tell(request_evaluation(name, held_out=held_out))
        told.tell(commands.StartRun(name, 1, "w"), complete_evaluation(name, worker="w"))
    told.tell(commands.CommitSession())
    if held:
        told.tell(commands.HoldExperiment("penguins", "2027-01-01T00:00:00Z"))
    told.tell(request_prediction("p1", sent=False), request_prediction("p2"))
    asked = {"model": "penguins", "model_version": 1}
    told.tell(request_prediction("p3", sent=False, **asked))
    answered = Backtest(since="", until="", rows={"1": 3})
    told.tell(request_prediction("p4", sent=False, backtest=answered, **asked))
    told.tell(samples.register_version(), stream="model/penguins")
    sources = (
        DatasetSource("requests", "penguins", "1"),
        DatasetSource("labels", "iris", "a" * 64),
        DatasetSource("predictions", ID, "p1"),
    )
    seen = replace(samples.FLOWERS, made_from=sources)
    told.tell(commands.RegisterDataset(seen), stream="dataset/flowers")
    return told


def test_every_thing_says_what_it_was_made_of_and_what_was_made_of_it():
    now = story().now()
    now.lineage.refresh()
    requests = Ref("requests", "penguins", "1")
    flowers = Ref("dataset-version", "flowers", samples.FLOWERS.version)
    training, used = run("training", "t1"), run("prediction", "p1")
    expected = {
        training: {("trained on", IRIS)},
        run("evaluation", "e1"): {("evaluation of", training)},
        run("evaluation", "e2"): {("evaluation of", training), ("evaluated on", IRIS)},
        used: {("predicted by", training), ("rows of", WINE)},
        run("prediction", "p2"): {("predicted by", training), ("rows of", run("file", "p2"))},
        run("prediction", "p3"): {("predicted by", PENGUINS), ("rows of", WINE)},
        run("prediction", "p4"): {("predicted by", PENGUINS), ("backtest of", requests)},
        PENGUINS: {("version of", training)},
        flowers: {("truths of", requests), ("labels of", IRIS), ("predictions of", used)},
    }
    for ref, sources in expected.items():
        found = now.lineage.sources(ref)
        assert {(edge.how, edge.source) for edge in found} == sources, ref
        assert all(edge in now.lineage.products(edge.source) for edge in found)
    assert {edge.product for edge in now.lineage.products(training)} == {
        *(run("evaluation", name) for name in ("e1", "e2")),
        *(run("prediction", name) for name in ("p1", "p2")),
        Ref("experiment", "", ID),
        PENGUINS,
    }
    assert now.lineage.sources(requests) == [Edge(requests, "answered by", PENGUINS)]


def test_rows_are_read_once_tried_again_without_a_key_and_forgotten():
    told, read, closed = story(held=False), list[str](), {f"session/{ID}"}

    def opens(stream: str, data: Raw) -> Raw:
        read.append(stream)
        if stream in closed:
            raise Unreadable
        return data

    queries = ReadModelQueries(told.store, opens)

    def products() -> set[str]:
        now = queries.now()
        now.lineage.refresh()
        return {edge.product.name for edge in now.lineage.products(IRIS)}

    assert products() == {samples.FLOWERS.version}, "the session's key is not there"
    closed.clear()
    assert products() == {"t1", "e2", samples.FLOWERS.version}
    before = len(read)
    assert products() >= {"t1"}
    assert len(read) == before, "nothing is decrypted twice"
    queries.known.forget("flowers")
    assert samples.FLOWERS.version not in {
        e.product.name for e in queries.known.lineage.products(IRIS)
    }
    told.tell(commands.DeleteExperiment())
    assert products() == {samples.FLOWERS.version}, "what was deleted is forgotten"


def test_an_index_is_bounded():
    told = story()
    index, now = LineageIndex(most=3), told.now()
    index.update(now.rows, now.rows.opens)
    assert (len(index.rows), index.full) == (3, True)
    assert sum(len(edges) for edges in index.by_source.values()) >= 3


def test_steps_of_a_pipeline_join_what_they_take_and_make():
    owner, sales = "pipeline/churn", DatasetRef("sales", "1" * 64)
    table = replace(samples.DATASET, name="clean", version="2" * 64, folder="f" * 64, bytes=1)
    kept = DatasetRef("kept", "3" * 64)
    steps = (
        Step(name="read", kind="source"),
        Step(name="clean", kind="clean", inputs=("read",)),
        Step(name="split", kind="split", inputs=("clean",)),
        Step(name="train", kind="train", inputs=("split",)),
        Step(name="compare", kind="compare", inputs=("train",)),
        Step(name="promote", kind="promote", inputs=("compare",)),
        Step(name="predict", kind="predict", inputs=("clean", "promote")),
    )
    asked = events.PipelineRequested(
        run="r1",
        time_limit=1.0,
        memory_limit=1,
        max_attempts=3,
        pipeline_version=1,
        definition=Definition(name="churn", steps=steps),
        sources={"read": replace(samples.DATASET, name="sales", version="1" * 64)},
    )
    made = {
        "read": StepGave(table=replace(samples.DATASET, name="sales", version="1" * 64)),
        "clean": StepGave(table=table, dataset=kept),
        "split": StepGave(table=table),
        "train": StepGave(session=ID, trainings=("t1", "t2")),
        "compare": StepGave(session=ID, trainings=("t1", "t2"), best="t1"),
        "promote": StepGave(session=ID, trainings=("t1", "t2"), model="churn", version=1),
        "predict": StepGave(table=replace(table, folder="9" * 64)),
    }
    store = MemoryStore()
    rows = RowBatch(store)
    for name, by in (("r1", ""), ("r2", "r1")):
        ended = runs.StoredRun("pipeline", 1, "completed", "2026", "2026", ended="2026")
        rows.put(runs.RUNS, ended, owner, name)
        rows.put(runs.REQUESTS, raw(asked), owner, name)
        for number, (called, gave) in enumerate(made.items()):
            status = "cached" if by and called == "clean" else "completed"
            source = by if status == "cached" else ""
            end = StepOutcome(step=called, kind="", status=status, gave=gave, made_by=source)
            outcome = pipelines.StoredOutcome(raw(events.StepRecorded(name, end)), "2026")
            rows.put(pipelines.OUTCOMES, outcome, name, number)
    rows.commit({})
    now = Snapshot(store)
    now.lineage.refresh()

    def sources(ref: Ref) -> set[tuple[str, Ref]]:
        return {(edge.how, edge.source) for edge in now.lineage.sources(ref)}

    def step(name: str, of: str = "r1") -> Ref:
        return Ref("step", f"{owner}/{of}", name)

    at = Ref("table", table.folder, table.version)
    of_run = ("step of", Ref("pipeline-run", owner, "r1"))
    data = Ref("dataset-version", "sales", sales.version)
    assert sources(step("read")) == {of_run, ("reads", data)}
    assert sources(step("clean")) == {of_run, ("takes", data)}
    assert sources(step("train")) == {of_run, ("takes", at)}
    assert sources(at) == {("made by", step("clean"))}, "not by the step that took it"
    assert ("cached from", step("clean")) in sources(step("clean", "r2"))
    best, version = Ref("training", ID, "t1"), Ref("model-version", "churn", "1")
    assert ("made by", step("train")) in sources(best)
    assert ("made by", step("compare")) not in sources(best), "it only passed it on"
    assert sources(step("promote")) == {of_run, ("takes", best)}
    assert ("made by", step("promote")) in sources(version)
    assert sources(step("predict")) == {of_run, ("takes", at), ("takes", version)}
    assert ("made by", step("clean")) in sources(Ref("dataset-version", "kept", kept.version))
    assert str(step("train")) == "step/churn@r1:train"
