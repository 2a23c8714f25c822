"""What clients get: the rows of the read models, with links and what is going on now."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from msgspec.structs import asdict, replace

from autolearn.api.http.pagination import page_of
from autolearn.api.state.worker_heartbeats import Live
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.queries.run_rows import outline as outline_of_run
from autolearn.projections.rows.catalog import DatasetRow, EstimatorRow, MetricRow, StepRow
from autolearn.projections.rows.runs import StoredRun
from autolearn.runtime.timestamps import millis, text
from autolearn.schemas.bounds import ROWS_SECONDS, RUNNING_SHOWN
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.datasets.findings import DataFinding
from autolearn.schemas.rest.catalog import (
    CatalogEstimator,
    CatalogMetric,
    CatalogStep,
    Dataset,
    FindingInWords,
)
from autolearn.schemas.rest.experiments import (
    Experiment,
    ExperimentCore,
    ExperimentRow,
    ExperimentSummary,
)
from autolearn.schemas.rest.runs import (
    Evaluation,
    EvaluationRow,
    LiveProgress,
    Prediction,
    PredictionRow,
    RunRow,
    RunSummary,
    Study,
    StudyRow,
    Training,
    TrainingRow,
)
from autolearn.schemas.rest.sessions import Session, SessionRow, SessionSummary
from autolearn.schemas.values import RunId, SessionId, plural
from autolearn.schemas.work_kinds import OF_SESSIONS

_RUNS_SHOWN = 100
"""Runs of a page within a session or an experiment."""


def estimator(row: EstimatorRow) -> CatalogEstimator:
    """Return an estimator as clients see it."""
    links = {"self": f"/v1/catalog/estimators/{row.spec.name}"}
    return CatalogEstimator(**asdict(row.spec), registered=row.registered, links=links)


def metric(row: MetricRow) -> CatalogMetric:
    """Return a metric as clients see it."""
    links = {"self": f"/v1/catalog/metrics/{row.spec.name}"}
    return CatalogMetric(**asdict(row.spec), registered=row.registered, links=links)


def step(row: StepRow) -> CatalogStep:
    """Return a kind of step as clients see it."""
    links = {"self": f"/v1/catalog/steps/{row.spec.name}"}
    return CatalogStep(**asdict(row.spec), registered=row.registered, links=links)


def dataset(row: DatasetRow, now: Snapshot) -> Dataset:
    """Return a dataset as clients see it; whose it is stands in the read models of now."""
    whose = now.catalog.dataset_owner(row.spec.name)
    assert whose is not None, "what was registered is somebody's"
    return offered(row.spec, whose.owner, row.registered, everybody=whose.everybody)


def offered(spec: DatasetSpec, owner: str, registered: str, *, everybody: bool = False) -> Dataset:
    """Return a dataset as clients see it; `registered` is "" for one that is not."""
    at = f"/v1/catalog/datasets/{spec.name}"
    links = {"self": at, "versions": f"{at}/versions"} if registered else {}
    about = asdict(spec) | {"findings": tuple(map(_finding, spec.findings))}
    return Dataset(**about, owner=owner, everybody=everybody, registered=registered, links=links)


def _finding(one: DataFinding) -> FindingInWords:
    return FindingInWords(**asdict(one), severe=one.is_severe, words=one.say(), remedy=one.advice())


def run(
    snapshot: Snapshot, row: RunRow, live: Live, base: str
) -> Training | Evaluation | Prediction | Study:
    """Return a run as clients see it."""
    if isinstance(row, TrainingRow):
        return _training(snapshot, row, live, base)
    if isinstance(row, StudyRow):
        return _study(row, live, base)
    links = {"self": f"{base}/{plural(row.kind)}/{row.id}", "owner": base}
    if not base.startswith("/v1/models/"):
        links["training"] = f"{base}/trainings/{row.training}"
    if isinstance(row, EvaluationRow):
        return Evaluation(**asdict(row), progress=live(row), links=links)
    if (until := kept_until(row)) is not None:
        links["rows"] = f"{links['self']}/rows"
    return Prediction(**asdict(row), kept_until=until, progress=live(row), links=links)


def kept_until(row: PredictionRow) -> str | None:
    """Return until when the rows of a prediction can be fetched; None: there are none."""
    if row.output is None or row.ended is None:
        return None
    return text(millis(row.ended) + int(ROWS_SECONDS * 1000))


def _training(snapshot: Snapshot, row: TrainingRow, live: Live, base: str) -> Training:
    """Return a training as clients see it; `base` is the path of its session or experiment."""
    at = f"{base}/trainings/{row.id}"
    links = {"self": at, "owner": base}
    if not row.imported:
        links["estimator"] = f"/v1/catalog/estimators/{row.estimator}"
    if row.artifact is not None:
        links["artifact"] = f"{at}/artifact"
    offer = snapshot.catalog.estimator(row.estimator)
    defaults: dict[str, Any] = {}
    if offer is not None and offer.spec.library_version == row.library_version:
        known = {parameter.name: parameter.default for parameter in offer.spec.hyperparameters}
        defaults = {name: value for name, value in known.items() if name not in row.hyperparameters}
    return Training(**asdict(row), defaults=defaults, progress=live(row), links=links)


def _study(row: StudyRow, live: Live, base: str) -> Study:
    links = {"self": f"{base}/studies/{row.id}", "owner": base}
    if row.best:
        links["best"] = f"{base}/trainings/{row.best}"
        links["evaluation"] = f"{base}/evaluations/{row.evaluation}"
    return Study(**asdict(row), progress=live(row), links=links)


def session_summary(row: SessionRow, *, withheld: bool = False) -> SessionSummary:
    """Return an open session as a list shows it."""
    shown = _title_withheld(row) if withheld else row
    links = {"self": f"/v1/sessions/{row.id}"}
    return SessionSummary(**asdict(shown), withheld=withheld, links=links)


def session(
    snapshot: Snapshot, row: SessionRow, live: Live, *, withheld: bool = False, after: int = 0
) -> Session:
    """Return an open session as clients see it, with a page of runs past a number."""
    at = f"/v1/sessions/{row.id}"
    runs = _Runs(snapshot, row.id, at, after, live)
    return Session(
        **asdict(_title_withheld(row) if withheld else row),
        withheld=withheld,
        counts=runs.counts,
        running=runs.running,
        runs=[] if withheld else runs.items,
        next=None if withheld else runs.next,
        links={"self": at, "trainings": f"{at}/trainings", "evaluations": f"{at}/evaluations"},
    )


def _title_withheld(row: SessionRow) -> SessionRow:
    """Return a session without the words of its users."""
    return replace(row, title="", tags=(), notes=())


class _Runs:
    """What a session or experiment shows of its runs; nothing is decrypted for it."""

    def __init__(
        self,
        snapshot: Snapshot,
        session: SessionId,
        base: str,
        after: int,
        live: Live,
        commit: int | None = None,
    ) -> None:
        """Count the runs, those past the number of a `commit` by themselves."""
        counts, since = ({kind: Counter[str]() for kind in OF_SESSIONS} for _ in range(2))
        self.running: list[LiveProgress] = []
        for run, row in snapshot.runs.all_stored(session):
            late = commit is not None and row.number > commit
            (since if late else counts)[row.kind][row.status] += 1
            if row.ended is None and len(self.running) < RUNNING_SHOWN:
                now = live(outline_of_run(session, row, run))
                self.running += [now] if now is not None else []
        self.counts = {plural(kind): dict(many) for kind, many in counts.items()}
        self.since = {plural(kind): dict(many) for kind, many in since.items() if many}
        items, self.next = page_of(
            snapshot.runs.all_stored(session, after),
            _RUNS_SHOWN,
            lambda one: _run_summary(one[0], one[1], base),
            lambda one: one[1].number,
        )
        self.items = cast("list[RunSummary]", items)  # in JSON already


def _run_summary(run: RunId, row: StoredRun, base: str) -> RunSummary:
    """Return the progress of a run; `base` is the path of its session or experiment."""
    links = {"self": f"{base}/{plural(row.kind)}/{run}"}
    shown = {
        name: getattr(row, name) for name in RunSummary.__struct_fields__ if hasattr(row, name)
    }
    return RunSummary(id=run, **shown, links=links)


def experiment_summary(row: ExperimentRow, *, withheld: bool = False) -> ExperimentSummary:
    """Return an experiment as a list shows it."""
    links = {"self": f"/v1/experiments/{row.id}"}
    shown = _outline(row) if withheld else row
    return ExperimentSummary(**asdict(shown), withheld=withheld, links=links)


def experiment(
    snapshot: Snapshot, row: ExperimentRow, live: Live, *, withheld: bool = False, after: int = 0
) -> Experiment:
    """Return an experiment as clients see it, with a page of runs past a number."""
    at = f"/v1/experiments/{row.id}"
    shown = _outline(row) if withheld else row
    runs = _Runs(snapshot, row.id, at, after, live, row.sequence)
    return Experiment(
        **{name: getattr(shown, name) for name in ExperimentCore.__struct_fields__},
        withheld=withheld,
        counts=runs.counts,
        since_commit=runs.since,
        runs=[] if withheld else runs.items,
        next=None if withheld else runs.next,
        links={"self": at, "trainings": f"{at}/trainings", "evaluations": f"{at}/evaluations"},
    )


def _outline(row: ExperimentRow) -> ExperimentRow:
    return replace(row, title="", training_data=(), evaluation_data=(), tags=(), notes=())
