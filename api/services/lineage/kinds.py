"""The kinds of things in a lineage: where each lies, who may see it, and how it is shown.

A kind of thing joins with a line in `_KINDS`; its edges are those of `projections/lineage/edges`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from autolearn.api.identity.visibility import (
    Level,
    dataset_level,
    level_of,
    model_level,
    pipeline_access,
)
from autolearn.api.services.lineage.sight import Sight
from autolearn.projections.lineage.edges import Ref
from autolearn.projections.rows.runs import StoredRun
from autolearn.schemas.codec import from_json
from autolearn.schemas.rest.lineage.graph import LineageNode
from autolearn.schemas.stream_kinds import stream, stream_of_runs
from autolearn.schemas.values import NO_DATASET, DatasetRef, RunId, SessionId, plural
from autolearn.security.data_key import Unreadable

SHORT = 8
"""Characters of an id that a label has."""


class ThingKind(NamedTuple):
    """The functions of a kind of thing.

    `level` is the principal's on it; `show` returns its node, None if it is not there at this
    moment.
    """

    level: Callable[[Sight, Ref], Level]
    show: Callable[[Sight, Ref], LineageNode | None]


class _Request(Struct, frozen=True):
    """The part of a run's request that a label and a right need."""

    estimator: str = ""
    dataset: DatasetRef = NO_DATASET
    metrics: tuple[str, ...] = ()
    metric: str = ""
    trials: int = 0
    trial: int | None = None
    imported: bool = False
    sent: bool = False
    model: str = ""


def level_on(sight: Sight, ref: Ref) -> Level:
    """Return the principal's level on a thing."""
    return _KINDS[ref.kind].level(sight, ref)


def shown(sight: Sight, ref: Ref) -> LineageNode | None:
    """Return the node of a thing; None if it is not there at this moment."""
    return _KINDS[ref.kind].show(sight, ref)


def gone(ref: Ref) -> LineageNode:
    """Return the node of a thing of which nothing is left but that it was a source."""
    name = ref.name[:SHORT]
    if ref.kind in ("dataset-version", "model-version"):
        name = f"{ref.within}@{name}"
    return _node(ref, name, status="deleted")


def _node(ref: Ref, label: str, **fields: Any) -> LineageNode:
    return LineageNode(id=str(ref), kind=ref.kind, label=label, depth=0, **fields)  # type: ignore[arg-type]


# Datasets, and the tables of pipelines' steps


def _dataset_level(sight: Sight, ref: Ref) -> Level:
    return dataset_level(sight.who, sight.now, ref.within)


def _dataset(sight: Sight, ref: Ref) -> LineageNode | None:
    row = sight.at(stream("dataset", ref.within)).catalog.dataset(ref.within, ref.name)
    if row is None:
        return None
    spec, path = row.spec, f"/v1/catalog/datasets/{ref.within}"
    return _node(
        ref,
        f"{ref.within}@{ref.name[:SHORT]}",
        links={"self": f"{path}?version={ref.name}"},
        time=row.registered,
        about=f"{spec.rows:,} rows, {spec.origin}",
    )


def _table_level(sight: Sight, ref: Ref) -> Level:
    """Return the best level on a step that gave it; without a known one, who has its id sees it."""
    steps = [edge.source for edge in sight.seen.lineage.sources(ref)]
    return max((_pipeline_level(sight, one) for one in steps), default=Level.READ)


def _table(sight: Sight, ref: Ref) -> LineageNode:
    """Return the table of a step, under the name of the step that has made it."""
    for edge in sight.seen.lineage.sources(ref):
        if (step := _step(sight, edge.source)) is not None:
            label = f"table of {step.label}"
            return _node(ref, label, links=step.links, time=step.time)
    return _node(ref, f"table {ref.name[:SHORT]}")


# Runs of sessions and experiments


def _asked(sight: Sight, ref: Ref) -> tuple[StoredRun | None, _Request | None]:
    """Return the row of a run, and its request if it can be read."""
    owner, run = SessionId(ref.within), RunId(ref.name)
    runs = sight.at(stream_of_runs(owner)).runs
    row = runs.stored(owner, ref.kind, run)
    if row is None:
        return None, None
    try:
        data = sight.seen.rows.opens(stream_of_runs(owner), runs.request(owner, run))
    except Unreadable:
        return row, None
    return row, from_json(data, _Request)


def _session_level(sight: Sight, ref: Ref) -> Level:
    return level_of(sight.who, sight.now, SessionId(ref.within or ref.name))


def _prediction_level(sight: Sight, ref: Ref) -> Level:
    """Return the level on a prediction: of a model's, also that of who asked, or may promote."""
    level = _session_level(sight, ref)
    if level >= Level.READ:
        return level
    row, asked = _asked(sight, ref)
    if row is None or asked is None or not asked.model:
        return level
    on_model = model_level(sight.who, sight.now, asked.model)
    mine = row.actor == sight.who.name and on_model >= Level.PREDICT
    return Level.READ if mine or on_model >= Level.WORK else level


def _run(sight: Sight, ref: Ref) -> LineageNode | None:
    row, asked = _asked(sight, ref)
    if row is None:
        return None
    base = _path_of(sight, SessionId(ref.within))
    return _node(
        ref,
        " ".join(filter(None, (ref.kind, ref.name[:SHORT], asked.estimator if asked else ""))),
        links={"self": f"{base}/{plural(ref.kind)}/{ref.name}"},
        time=row.requested,
        actor=row.actor,
        status="unreadable" if asked is None else row.status,
        about="" if asked is None else _told(asked),
    )


def _told(asked: _Request) -> str:
    words = []
    if asked.imported:
        words.append("imported")
    if asked.trial is not None:
        words.append(f"trial {asked.trial}")
    if asked.trials:
        words.append(f"{asked.trials} trials by {asked.metric}")
    if asked.metrics:
        more = f" and {len(asked.metrics) - 3} more" if len(asked.metrics) > 3 else ""
        words.append(", ".join(asked.metrics[:3]) + more)
    return "; ".join(words)


def _path_of(sight: Sight, session: SessionId) -> str:
    kind = "sessions" if sight.seen.sessions.is_open(session) else "experiments"
    return f"/v1/{kind}/{session}"


def _file_level(sight: Sight, ref: Ref) -> Level:
    if ref.within.startswith("model/"):
        return model_level(sight.who, sight.now, ref.within.removeprefix("model/"))
    return _session_level(sight, ref)


def _file(sight: Sight, ref: Ref) -> LineageNode:
    """Return a thing that came from outside: an imported model, or the rows of a prediction."""
    if ref.within.startswith("model/"):
        return _node(ref, "an imported model")
    for kind in ("training", "prediction"):
        _, asked = _asked(sight, ref._replace(kind=kind))
        if asked is not None:
            sent = asked.dataset.name or "rows"
            return _node(ref, sent if asked.sent else f"a model of {asked.estimator}")
    return replace(gone(ref), label="a file")


def _session(sight: Sight, ref: Ref) -> LineageNode | None:
    session = SessionId(ref.name)
    at = sight.at(stream("session", session))
    open_ = at.sessions.is_open(session)
    row = at.sessions.get(session) if open_ else at.experiments.get(session)
    if row is None:
        return None
    kind = "session" if open_ else "experiment"
    return _node(
        Ref(kind, "", session),
        f"{kind} {row.title or ref.name[:SHORT]}",
        links={"self": f"/v1/{kind}s/{session}"},
        time=row.created,
        actor=row.actor,
        status="unreadable" if row.unreadable else "",
    )


# Models, and what was asked of them


def _model_level(sight: Sight, ref: Ref) -> Level:
    return model_level(sight.who, sight.now, ref.within)


def _version(sight: Sight, ref: Ref) -> LineageNode | None:
    row = sight.at(stream("model", ref.within)).models.version(ref.within, int(ref.name))
    if row is None:
        return None
    words = [", ".join(row.aliases), row.source.estimator if row.source else ""]
    words.append("imported" if row.imported else "")
    return _node(
        ref,
        f"{ref.within}@{ref.name}",
        links={"self": f"/v1/models/{ref.within}/versions/{ref.name}"},
        time=row.registered,
        actor=row.actor,
        status="retired" if row.retired else "",
        about="; ".join(filter(None, words)),
    )


def _requests(sight: Sight, ref: Ref) -> LineageNode:
    path = f"/v1/models/{ref.within}/prediction-log?version={ref.name}"
    asked = sight.asked(ref)
    about = "" if asked is None else f"{asked.requests:,} since {asked.since}:00Z"
    label = f"requests to {ref.within}@{ref.name}"
    return _node(ref, label, links={"self": path}, about=about)


# Pipelines


def _pipeline_level(sight: Sight, ref: Ref) -> Level:
    return pipeline_access(sight.who, sight.now, ref.within.split("/")[1]).level


def _pipeline_run(sight: Sight, ref: Ref) -> LineageNode | None:
    owner, run = SessionId(ref.within), RunId(ref.name)
    row = sight.at(stream_of_runs(owner)).runs.stored(owner, "pipeline", run)
    if row is None:
        return None
    name = ref.within.partition("/")[2]
    return _node(
        ref,
        f"run {ref.name[:SHORT]} of {name}",
        links={"self": f"/v1/pipeline-runs/{run}"},
        time=row.requested,
        actor=row.actor,
        status=row.status,
    )


def _step(sight: Sight, ref: Ref) -> LineageNode | None:
    _, name, run = ref.within.split("/")
    at = sight.at(stream("pipeline", name))
    found = at.pipelines.outcomes(name, RunId(run)).get(ref.name)
    if found is None:
        return None
    outcome, time = found
    path = f"/v1/pipeline-runs/{run}"
    return _node(
        ref,
        f"{name} {ref.name}",
        links={"self": path, "files": f"{path}/steps/{quote(ref.name, safe='')}/files"},
        time=time,
        status=outcome.status,
        about=outcome.kind,
    )


_KINDS: Mapping[str, ThingKind] = {
    "dataset-version": ThingKind(_dataset_level, _dataset),
    "table": ThingKind(_table_level, _table),
    "file": ThingKind(_file_level, _file),
    **dict.fromkeys(("training", "study", "evaluation"), ThingKind(_session_level, _run)),
    "prediction": ThingKind(_prediction_level, _run),
    **dict.fromkeys(("session", "experiment"), ThingKind(_session_level, _session)),
    "model-version": ThingKind(_model_level, _version),
    "requests": ThingKind(_model_level, _requests),
    "pipeline-run": ThingKind(_pipeline_level, _pipeline_run),
    "step": ThingKind(_pipeline_level, _step),
}
"""By the kind of a node. A single request is only ever asked for: `things.Found` has its node."""
