"""What the rows of the read models were made of: one function for each kind of row.

A new kind of thing joins with one function here, and a kind in `api/services/lineage/kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec import Raw, Struct

from autolearn.projections.rows import catalog, models, pipelines, runs
from autolearn.projections.storage.row_reader import RowReader
from autolearn.schemas.codec import from_json
from autolearn.schemas.datasets.made_from import DatasetSource, MadeHow
from autolearn.schemas.events import PipelineRequested, StepRecorded
from autolearn.schemas.models.backtests import Backtest
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.stream_kinds import stream_of_runs
from autolearn.schemas.values import NO_DATASET, DatasetRef, RunId, SessionId

Opens = Callable[[str, Raw], Raw]


class Ref(NamedTuple):
    """A thing: its kind, in what it is, and its name there.

    A version is in its dataset or model, a run in its session or pipeline/<name>, a step in such a
    run (`pipeline/<name>/<run>`), a table in its artifact's folder. `kind` is one of NodeKind.
    """

    kind: str
    within: str
    name: str

    def __str__(self) -> str:
        within = self.within.removeprefix("pipeline/")
        match self.kind:
            case "step":
                return f"{self.kind}/{within.replace('/', '@')}:{self.name}"
            case "dataset-version" | "model-version" | "requests" | "request" | "pipeline-run":
                return f"{self.kind}/{within}@{self.name}"
        return f"{self.kind}/{self.name}"


class Edge(NamedTuple):
    """The `product` was made of the `source`."""

    product: Ref
    how: str
    source: Ref


class _Asked(Struct, frozen=True):
    """The part of a run's request that says what it is made of."""

    dataset: DatasetRef = NO_DATASET
    held_out: bool = False
    imported: bool = False
    sent: bool = False
    model: str = ""
    model_version: int = 0
    backtest: Backtest | None = None


class _Spec(Struct, frozen=True):
    version: str
    made_from: tuple[DatasetSource, ...] = ()


class _Registered(Struct, frozen=True):
    """The part of a dataset's registration that says what the version is made of."""

    spec: _Spec


def data_ref(ref: DatasetRef) -> Ref:
    """Return the data of a run: a version of a dataset, or the table of a step."""
    if ref.folder:
        return Ref("table", ref.folder, ref.version)
    return Ref("dataset-version", ref.name, ref.version)


def run_edges(
    rows: RowReader, opens: Opens, owner: SessionId, run: RunId, row: runs.StoredRun
) -> Iterator[Edge]:
    """Yield what a run was made of; of one of a pipeline, all that its steps made.

    Raises:
        Unreadable: the key of its request is not there.
    """
    if row.kind == "step":  # its outcome says what it made
        return
    request = rows.get(runs.REQUESTS, owner, run)
    assert request is not None, f"the request of {run} is lost"
    data = opens(stream_of_runs(owner), request)
    if row.kind == "pipeline":
        asked = from_json(data, PipelineRequested)
        yield from _pipeline_edges(asked, owner, run, _outcomes(rows, opens, owner, run))
        return
    me, said = Ref(row.kind, owner, run), from_json(data, _Asked)
    training = Ref("training", owner, row.training)
    match row.kind:
        case "training" if said.imported:
            yield Edge(me, "imported from", Ref("file", owner, run))
        case "training":
            yield Edge(me, "trained on", data_ref(said.dataset))
            if row.study:
                yield Edge(me, "trial of", Ref("study", owner, row.study))
        case "study":
            yield Edge(me, "searched on", data_ref(said.dataset))
        case "evaluation":
            yield Edge(me, "evaluation of", training)
            if not said.held_out:
                yield Edge(me, "evaluated on", data_ref(said.dataset))
        case "prediction":
            by = Ref("model-version", said.model, str(said.model_version))
            yield Edge(me, "predicted by", by if said.model else training)
            if said.backtest is not None:
                for version in said.backtest.rows:
                    yield Edge(me, "backtest of", Ref("requests", said.model, version))
            elif said.sent:
                yield Edge(me, "rows of", Ref("file", owner, run))
            else:
                yield Edge(me, "rows of", data_ref(said.dataset))


def version_edges(name: str, number: int, row: models.StoredVersion) -> Iterator[Edge]:
    """Yield what a version of a model was made of."""
    me = Ref("model-version", name, str(number))
    if row.training:
        yield Edge(me, "version of", Ref("training", row.experiment, row.training))
    else:
        yield Edge(me, "imported from", Ref("file", f"model/{name}", str(number)))


def dataset_edges(opens: Opens, name: str, row: catalog.StoredDataset) -> Iterator[Edge]:
    """Yield what a version of a dataset was made of. Raises what `run_edges` raises."""
    said = from_json(opens(f"dataset/{name}", row.registration), _Registered)
    me = Ref("dataset-version", name, said.spec.version)
    for one in said.spec.made_from:
        kind = _SOURCES.get(one.how, "dataset-version")
        yield Edge(me, _HOW[one.how], Ref(kind, one.name, one.version))


_HOW: dict[MadeHow, str] = {
    "labels": "labels of",
    "requests": "truths of",
    "predictions": "predictions of",
    "data": "made from",
}
_SOURCES = {"requests": "requests", "predictions": "prediction"}
"""The kinds of the sources of datasets that are no datasets."""


def _outcomes(
    rows: RowReader, opens: Opens, owner: SessionId, run: RunId
) -> dict[str, StepOutcome]:
    """Return the ends of a pipeline run's steps, by step."""
    said = (
        from_json(opens(stream_of_runs(owner), row.said), StepRecorded).outcome
        for row in rows.scan(pipelines.OUTCOMES, run)
    )
    return {one.step: one for one in said}


def _pipeline_edges(
    asked: PipelineRequested, owner: SessionId, run: RunId, ends: dict[str, StepOutcome]
) -> Iterator[Edge]:
    """Yield what the steps of a run took and made."""
    within = f"{owner}/{run}"
    for step in asked.definition.steps:
        end = ends.get(step.name)
        if end is None or end.status not in ("completed", "cached"):
            continue
        me = Ref("step", within, step.name)
        yield Edge(me, "step of", Ref("pipeline-run", owner, run))
        if (source := asked.sources.get(step.name)) is not None:
            yield Edge(me, "reads", data_ref(source.ref))
        passed = set[Ref]()
        for name in step.inputs:
            taken = ends[name].gave if name in ends else StepGave()
            passed.update(_given(taken))
            yield Edge(me, "takes", _taken(taken) or Ref("step", within, name))
        cached = bool(end.made_by) and end.made_by != run
        if cached:
            yield Edge(me, "cached from", Ref("step", f"{owner}/{end.made_by}", step.name))
        for made in () if cached else _given(end.gave):
            if made not in passed and made.kind != "dataset-version":
                yield Edge(made, MADE_BY, me)
        if end.gave.dataset is not None:
            yield Edge(data_ref(end.gave.dataset), MADE_BY, me)


def _taken(gave: StepGave) -> Ref | None:
    """Return the thing that a step gives to the next one; None if it is several, or none."""
    if gave.model and gave.version:
        return Ref("model-version", gave.model, str(gave.version))
    if gave.best:
        return Ref("training", gave.session, gave.best)
    return None if gave.table is None else data_ref(gave.table.ref)


def _given(gave: StepGave) -> Iterator[Ref]:
    """Yield all that is in the result of a step, also what it has from the step before."""
    for table in (gave.table, gave.learned_from):
        if table is not None:
            yield data_ref(table.ref)
    runs_of = {"training": gave.trainings, "study": gave.studies, "evaluation": gave.evaluations}
    for kind, names in runs_of.items():
        for name in names:
            yield Ref(kind, gave.session, name)
    for model, version in gave.registered.items():
        yield Ref("model-version", model, str(version))


MADE_BY = "made by"
"""How what a pipeline has made is to its step: only the step says so, not what it made."""
