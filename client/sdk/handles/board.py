"""A comparison of trainings as an object: a line a training, the best first."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from autolearn.client.sdk.errors import BadArgument
from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.display import plain, table_html
from autolearn.client.sdk.handles.frames import frame_of
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import AsyncTrainingHandle, TrainingHandle
from autolearn.client.sdk.operation import Either, either, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.transport import AwaitingPart, BlockingPart
from autolearn.schemas.rest.comparisons import (
    ComparedMetric,
    ComparedTraining,
    Score,
    TrainingComparison,
)
from autolearn.schemas.rest.runs import Training

if TYPE_CHECKING:
    import httpx
    import pandas as pd

_SHORT = 8
_SHOWN = 50
"""Lines that a notebook shows."""


class BoardMethods(Handle[TrainingComparison]):
    """Trainings beside each other. Baselines, which ignore the features, come last.

    The columns are the settings that differ, the metrics, and the seconds of the fit.
    """

    _fields = frozenset(TrainingComparison.__struct_fields__)
    _known: dict[str, Any]
    """Trainings that are known as objects, by id."""
    _owners: dict[str, RunParent]

    def _begin(
        self, data: TrainingComparison, known: Collection[Any], owners: Collection[RunParent]
    ) -> None:
        lines = sorted(data.trainings, key=lambda line: line.baseline)
        self._data = replace(data, trainings=lines)
        self._known = {one.id: one for one in known}
        self._owners = {one.id: one for one in owners}

    @property
    def _metrics(self) -> list[ComparedMetric]:
        """The metrics, that by which the lines are sorted first."""
        one = self.data
        return sorted(one.metrics, key=lambda metric: one.sort not in (metric.name, metric.metric))

    def _rows(self) -> list[dict[str, object]]:
        names = dict.fromkeys(name for line in self.data.trainings for name in line.settings)
        shown = {name: name.removeprefix("hyperparameters.") for name in names}
        return [
            {
                "training": line.id[:_SHORT],
                "estimator": line.estimator,
                **{head: line.settings.get(name) for name, head in shown.items()},
                **{metric.name: _value(line, metric) for metric in self._metrics},
                "fit_seconds": line.fit_seconds,
                "status": line.status,
                "baseline": line.baseline,
            }
            for line in self.data.trainings
        ] + self._baseline()

    def _baseline(self) -> list[dict[str, object]]:
        """Return the row of the evaluations' own baseline, if none was trained."""
        one = self.data
        if not one.baseline or any(line.baseline for line in one.trainings):
            return []
        about = {"training": None, "estimator": "baseline", "baseline": True}
        return [{**about, **one.baseline}]

    def to_frame(self) -> pd.DataFrame:
        """Return it as a pandas data frame, indexed by the short ids of the trainings.

        Raises:
            MissingPackage: pandas is not installed.
        """
        frame = frame_of(self._rows(), "to_frame()")
        return frame if frame.empty else frame.set_index("training")

    def __len__(self) -> int:
        return len(self.data.trainings)

    def _ranked(self) -> list[ComparedTraining]:
        """Return the trainings that have a score, the best first, without baselines.

        Raises:
            BadArgument: it is not said by which metric, or nothing has a score of it.
        """
        directed = [metric for metric in self._metrics if metric.greater_is_better is not None]
        if self.data.sort is None and len(directed) != 1:
            known = ", ".join(metric.name for metric in directed) or "none"
            raise BadArgument(
                f"It is not said by which metric; there are values of {known}.",
                advice="Compare with sort=METRIC.",
            )
        by = self._metrics[0] if self.data.sort is not None else directed[0]
        scored = [line for line in self.data.trainings if by.name in line.scores]
        best_last = sorted(
            (line for line in scored if not line.baseline),
            key=lambda line: line.scores[by.name].value,
            reverse=by.greater_is_better is not False,
        )
        if not best_last:
            raise BadArgument(
                f"No training has a value of {by.name}.", advice="Are they evaluated by it?"
            )
        return best_last

    @operation
    def top(self, n: int = 1) -> Flow[Either[list[TrainingHandle], list[AsyncTrainingHandle]]]:
        """Return the best trainings, the best first, without baselines: at most `n`.

        Raises:
            BadArgument: it is not said by which metric, or nothing has a score of it.
        """
        found = []
        for line in self._ranked()[:n]:
            if line.id not in self._known:
                self._known[line.id] = yield from self._training(line)
            found.append(self._known[line.id])
        return either(self, list, list, found)

    def _training(self, line: ComparedTraining) -> Flow[Any]:
        parent = self._owners[line.session]
        path = f"trainings/{segment(line.id)}"
        data = yield from parent.ask(lambda at: ask(Call("GET", f"{at}/{path}", Training)))
        made: Any = either(self, TrainingHandle, AsyncTrainingHandle, self._http, parent, data)
        made._scores = {name: score.value for name, score in line.scores.items()}
        return made

    def _title(self) -> str:
        one = self.data
        many = f"{len(one.trainings)} training{'' if len(one.trainings) == 1 else 's'}"
        where = f" on {one.on}" if one.on else ""
        if one.sort is None or not one.trainings:
            return f"Comparison of {many}{where}"
        best, by = one.trainings[0], self._metrics[0]
        value = f"{best.id[:_SHORT]} {best.estimator} {plain(_value(best, by))}"
        return f"Comparison of {many}{where} by {one.sort}: best is {value}"

    def _about(self) -> dict[str, object]:
        return {"comparison": self._title()}

    def _repr_html_(self) -> str:
        rows = self._rows()
        rows = rows if len(rows) <= _SHOWN else rows[:_SHOWN]
        heads = [head for head in (rows[0] if rows else {}) if head not in ("status", "baseline")]
        best = {metric.name: metric.best for metric in self._metrics}
        bold = [
            (number, place)
            for number, line in enumerate(self.data.trainings[:_SHOWN])
            for place, head in enumerate(heads)
            if best.get(head) == line.id
        ]
        table = table_html(heads, ([row.get(head) for head in heads] for row in rows), bold)
        notes = [] if self.data.same_rows else ["The scores are not of the same rows."]
        if len(self) > _SHOWN:
            notes.append(f"{len(self) - _SHOWN} more: to_frame() has all.")
        return table + "".join(f"<p>{note}</p>" for note in notes)


def _value(line: ComparedTraining, metric: ComparedMetric) -> float | None:
    score = line.scores.get(metric.name)
    return None if score is None else score.value


class Board(BoardMethods, BlockingPart):
    """Trainings beside each other."""

    def __init__(
        self,
        http: httpx.Client,
        data: TrainingComparison,
        known: Collection[TrainingHandle] = (),
        owners: Collection[RunParent] = (),
    ) -> None:
        super().__init__(http)
        self._begin(data, known, owners)

    @property
    def best(self) -> TrainingHandle:
        """The best training; see `top`."""
        return self.top(1)[0]


class AsyncBoard(BoardMethods, AwaitingPart):
    """Trainings beside each other, to await."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        data: TrainingComparison,
        known: Collection[AsyncTrainingHandle] = (),
        owners: Collection[RunParent] = (),
    ) -> None:
        super().__init__(http)
        self._begin(data, known, owners)

    @property
    def best(self) -> Awaitable[AsyncTrainingHandle]:
        """The best training, to await; see `top`."""
        return self._best()

    async def _best(self) -> AsyncTrainingHandle:
        return (await self.top(1))[0]


def compared(
    client: Any,
    of: Collection[str],
    query: Mapping[str, object],
    *,
    known: Collection[Any] = (),
    parents: Collection[RunParent] = (),
    only: Collection[str] | None = None,
) -> Flow[Either[Board, AsyncBoard]]:
    """Compare what has these ids; if `only` some trainings are named, these alone."""
    call = Call("GET", "/v1/compare", TrainingComparison, {"of": [*of], **query})
    data = yield from ask(call)
    if only is not None:
        data = _subset(data, only)
    there = {one.id for one in parents}
    others = [RunParent(one.id, one.kind) for one in data.owners if one.id not in there]
    return either(client, Board, AsyncBoard, client._http, data, known, [*parents, *others])


def _subset(one: TrainingComparison, ids: Collection[str]) -> TrainingComparison:
    """Return the comparison of some of its trainings."""
    lines = [line for line in one.trainings if line.id in ids]
    same = {
        name
        for name in (lines[0].settings if lines else {})
        if all(line.settings.get(name) == lines[0].settings[name] for line in lines)
    }
    metrics = []
    for metric in one.metrics:
        scores = {line.id: line.scores[metric.name] for line in lines if metric.name in line.scores}
        if scores:
            metrics.append(replace(metric, best=_best(scores, metric.greater_is_better)))
    return replace(
        one,
        shared={**one.shared, **{name: lines[0].settings[name] for name in same}},
        metrics=metrics,
        trainings=[
            replace(line, settings={n: v for n, v in line.settings.items() if n not in same})
            for line in lines
        ],
    )


def _best(scores: Mapping[Any, Score], greater_is_better: bool | None) -> Any:
    """Return the id with the best score, None if neither direction is better."""
    if greater_is_better is None:
        return None
    return (max if greater_is_better else min)(scores, key=lambda one: scores[one].value)
