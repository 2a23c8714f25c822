"""Fetches the record of a run of a pipeline, over HTTP, for `autolearn replay pipeline`."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import fields, replace

from autolearn.client.cli.connection import Connection
from autolearn.client.cli.recorded_trainings import records_of
from autolearn.client.sdk.errors import BadArgument, Problem
from autolearn.client.sdk.pipelines.runs import PipelineRunHandle
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.events import StepRequested
from autolearn.schemas.pipelines.definition import Step
from autolearn.schemas.pipelines.results import TABLE, StepGave
from autolearn.schemas.reports.pipeline_replay import (
    RecordedPipelineRun,
    RecordedProcess,
    RecordedStep,
    ReplayedStep,
    StepVerdict,
)
from autolearn.schemas.rest.pipelines.runs import StepState
from autolearn.schemas.rest.runs import StepRunRow
from autolearn.schemas.training.choice import best_of, metric_of

_WITH_RESULT = ("completed", "cached")


def recorded_run(to: Connection, run: PipelineRunHandle, into: Path) -> RecordedPipelineRun:
    """Return the record of a run. Its tables, datasets and models are fetched `into` a folder.

    Raises:
        Problem: the run is not there, or not yours.
    """
    return _Recorder(to, run, into).recorded()


class _Recorder:
    def __init__(self, to: Connection, run: PipelineRunHandle, into: Path) -> None:
        self.to, self.run, self.into = to, run, into
        self.data: dict[str, str] = {}
        self.models: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def recorded(self) -> RecordedPipelineRun:
        run = self.run.data
        steps = tuple(self._step(step) for step in run.definition.steps)
        return RecordedPipelineRun(
            run.id, run.pipeline, steps, self.data, self.models, self.missing
        )

    def _step(self, step: Step) -> RecordedStep:
        """Return a step with what is to be done again; its table is fetched."""
        state = self.run.steps[step.name]
        one = RecordedStep(step=step.name, kind=step.kind, made_by=state.made_by or "")
        if state.status not in _WITH_RESULT:
            return _ended(one, "not repeated", f"it has no result: {state.why or state.status}")
        gave = state.gave
        if state.gave.artifact is not None and TABLE in state.gave.artifact.files:
            self._fetch_table(state)
        if step.kind in _DRIVEN:
            return _DRIVEN[step.kind](self, one, step, gave)
        return self._process(one, step, state)

    def _process(self, one: RecordedStep, step: Step, state: StepState) -> RecordedStep:
        """Return a step with its process."""
        assert state.gave.artifact is not None, "a function leaves files"
        horizons = [*self._models(step).chosen] if step.kind == "predict" else [""]
        requests: list[StepRequested] = []
        for horizon in horizons:
            try:
                row = self.run.step_run(step.name, "" if horizon == horizons[-1] else horizon)
            except Problem as problem:
                detail = f"the run that made it is gone: {problem.detail}"
                return _ended(one, "not repeated", detail)
            if row.unreadable:
                return _ended(one, "not repeated", "its key is not here")
            if row.network:
                return _ended(one, "not repeated", "it asks other machines, whose answers change")
            for table in row.tables:
                if not table.folder:
                    self._fetch_dataset(table)
            request = _request_of(row)
            if step.kind == "predict":
                request = replace(request, artifact=self._model(step, horizon))
            requests.append(request)
        *before, request = requests
        files = state.gave.artifact.files
        return replace(one, process=RecordedProcess(request, files, row.environment, tuple(before)))

    def _source(self, one: RecordedStep, step: Step, gave: StepGave) -> RecordedStep:
        """Return a source: the bytes of its dataset are compared."""
        if gave.artifact is not None:
            return self._process(one, step, self.run.steps[step.name])
        assert gave.table is not None, "a source has a table"
        self._fetch_dataset(gave.table)
        return replace(one, data=gave.table.version)

    def _split(self, one: RecordedStep, step: Step, gave: StepGave) -> RecordedStep:
        """Compare what a split gave: the table that it takes, and its parameters."""
        tables = [given.table.version for given in self._given(step) if given.table is not None]
        same = gave.table is not None and gave.table.version in tables[:1]
        same = same and gave.split == step.parameters
        return _ended(one, "identical" if same else "differs", "" if same else "its table or how")

    def _train(self, one: RecordedStep, step: Step, gave: StepGave) -> RecordedStep:
        """Return the trainings of a step, with the process that made the table of a forecast."""
        if gave.learned_from is not None:
            one = self._process(one, step, self.run.steps[step.name])
            if one.end is not None:
                return one
        owner = self.to.session_of(gave.session)
        try:
            trainings = [owner.training(run) for run in gave.trainings]
            records = records_of(self.to, owner, trainings, self.into, self.data)
        except Problem as problem:
            return _ended(one, "not repeated", f"its trainings are gone: {problem.detail}")
        self.models |= {
            record.artifact.digest: record.folder for record in records if record.folder
        }
        return replace(one, trainings=tuple(records), searched=len(gave.studies))

    def _evaluate(self, one: RecordedStep, _: Step, gave: StepGave) -> RecordedStep:
        """Return the evaluations of a step, which are repeated with their trainings."""
        return replace(one, evaluations=gave.evaluations)

    def _compare(self, one: RecordedStep, step: Step, gave: StepGave) -> RecordedStep:
        """Choose again by the recorded figures, which the evaluations stand for."""
        given = self._models(step)
        metric = metric_of(str(step.parameters.get("by") or ""), given.scores)
        known = {one.name: one.greater_is_better for one in self.to.client.metrics()}
        greater = known.get(metric.partition(":")[0]) is not False
        words = []
        for horizon, was in gave.chosen.items():
            runs = [run for run in given.trainings if given.horizons.get(run, "") == horizon]
            best = best_of(given.scores, runs, metric, greater_is_better=greater)
            if best != was:
                words.append(f"the best by the figures is {best[:8]}, and {was[:8]} was")
        return _ended(one, "differs" if words else "identical", "; ".join(words))

    def _promote(self, one: RecordedStep, _: Step, gave: StepGave) -> RecordedStep:
        names = [f"{model}@{version}" for model, version in gave.registered.items()]
        what = "a version" if len(names) == 1 else "versions"
        return _ended(one, "not repeated", f"it registers {what}: {', '.join(names)}")

    def _deliver(self, one: RecordedStep, step: Step, gave: StepGave) -> RecordedStep:
        if gave.file:
            return self._process(one, step, self.run.steps[step.name])
        name = gave.dataset.name if gave.dataset else ""
        return _ended(one, "not repeated", f"it registers a version of the dataset {name}")

    def _models(self, step: Step) -> StepGave:
        """Return the models that a step takes."""
        return next(given for given in self._given(step) if given.trainings)

    def _given(self, step: Step) -> list[StepGave]:
        return [self.run.steps[name].gave for name in step.inputs]

    def _model(self, step: Step, horizon: str) -> str:
        """Return the digest of the model of a horizon that a predict step took; it is fetched."""
        given = self._models(step)
        training = given.chosen[horizon]
        digest = given.artifacts[training].digest
        if digest not in self.models:
            folder = self.into / training
            try:
                self.to.session_of(given.session).training(training).download(folder)
                self.models[digest] = str(folder)
            except Problem as problem:
                self.missing[digest] = f"its model is gone: {problem.detail}"
        return digest

    def _fetch_table(self, state: StepState) -> None:
        """Fetch the table of a step."""
        assert state.gave.artifact is not None, "it has a table"
        version = state.gave.artifact.files[TABLE]
        if version in self.data:
            return
        try:
            path = self.run.download_file(state.name, TABLE, self.into / version)
            self.data[version] = str(path)
        except (Problem, BadArgument) as problem:
            self.missing[version] = f"the table of {state.name} is gone: {problem.detail}"

    def _fetch_dataset(self, table: DatasetSpec) -> None:
        """Fetch a version of a dataset."""
        version = table.version
        if version in self.data:
            return
        try:
            path = self.to.client.download_dataset(table.name, self.into / version, version)
            self.data[version] = str(path)
        except Problem as problem:
            self.missing[version] = f"the dataset {table.name} is not there: {problem.detail}"


_DRIVEN = {
    "source": _Recorder._source,
    "split": _Recorder._split,
    "train": _Recorder._train,
    "evaluate": _Recorder._evaluate,
    "compare": _Recorder._compare,
    "promote": _Recorder._promote,
    "deliver": _Recorder._deliver,
}


def _ended(one: RecordedStep, verdict: StepVerdict, detail: str) -> RecordedStep:
    end = ReplayedStep(step=one.step, kind=one.kind, verdict=verdict, detail=detail)
    return replace(one, end=end)


def _request_of(row: StepRunRow) -> StepRequested:
    """Return the event that accepted a step, with the names of its inputs in clear."""
    names = {field.name for field in fields(StepRequested)} & set(row.__struct_fields__)
    told = {name: getattr(row, name) for name in names - {"artifact"}}
    told["tables"] = tuple(replace(one, stored="", keyid="", folder="") for one in row.tables)
    return StepRequested(run=row.id, max_attempts=1, **told)
