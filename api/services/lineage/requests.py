"""Finds one request in the prediction log, for its lineage."""

from __future__ import annotations

from itertools import islice

from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, model_level
from autolearn.api.services.lineage.sight import Start
from autolearn.api.shared.models.checks import require_model
from autolearn.api.shared.predictions.request_times import request_times
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.eventlog.read import read_between, read_record
from autolearn.projections.lineage.edges import Edge, Ref
from autolearn.schemas.codec import from_json
from autolearn.schemas.records.prediction import PredictionRecord
from autolearn.schemas.rest.lineage.graph import LineageNode

_MOST_RECORDS = 200_000
"""Records of the minutes around a request that are looked at."""
_MOST_MODELS = 1_000
"""Models in which an erased request is looked up."""


async def find_request(context: ApiContext, who: Principal, request: str, model: str) -> Start:
    """Return a request that a model has answered; `model` "": any that the principal may ask.

    Those who may promote find all of them, others what they asked themselves.

    Raises:
        Problem: there is none (404), or too many records are around it (409).
    """
    request_times(request)
    if model:
        await require_model(context, who, model, Level.PREDICT)
    context.reader.require_brokers()
    record = await context.executors.log.run(lambda: _read(context, who, request, model))
    level = Level.NOTHING
    if record is not None:
        level = model_level(who, context.queries.latest(), record.model)
    mine = record is not None and record.actor == who.name and level >= Level.PREDICT
    if record is None or not (mine or level >= Level.WORK):
        detail = f"No request of yours has the id {request}: answers have it as `request`."
        raise Problem(404, "request-unknown", "There is no such request", detail)
    ref = Ref("request", record.model, record.id)
    path = f"/v1/models/{record.model}/prediction-log?request={record.id}"
    node = LineageNode(
        id=str(ref),
        kind="request",
        label=f"request {record.id[:8]} to {record.model}",
        depth=0,
        links={"self": path},
        time=record.time,
        actor=record.actor,
        status="erased" if record.erased else "",
        about=f"{record.rows:,} row{'' if record.rows == 1 else 's'}",
    )
    version = Ref("model-version", record.model, str(record.version))
    return Start(ref, node, Edge(ref, "answered by", version))


def _read(context: ApiContext, who: Principal, request: str, model: str) -> PredictionRecord | None:
    """Return the record of a request that counts (blocks)."""
    log, topic = context.log, context.topics.predictions.name
    now = context.queries.now()
    whose = None if who.everything else who.name
    names = [model] if model else islice(now.models.names(whose=whose), _MOST_MODELS)
    for name in names:
        if (gone := now.models.erased(name, request)) is not None:
            at = partition_of(f"{name}/{request}", context.topics.predictions.partitions)
            found = read_record(log, topic, at, gone.offset)
            return from_json(found.content, PredictionRecord)
    begin, end = request_times(request)
    begins, late = log.offsets_at(topic, begin), log.offsets_at(topic, end)
    ends = {p: min(last, late[p]) for p, last in log.ends(topic).items()}
    if model:
        begins = {p: begins[p] for p in [partition_of(f"{model}/{request}", len(ends))]}
    if sum(max(0, ends[p] - begins[p]) for p in begins) > _MOST_RECORDS:
        detail = f"More than {_MOST_RECORDS:,} answers were given in the minutes around it."
        if not model:
            detail += f" Name the model: request/MODEL@{request}."
        raise Problem(409, "too-many-records", "There are too many records", detail)
    for one in read_between(log, topic, begins, {p: ends[p] for p in begins}):
        if (one.key or b"").decode().rpartition("/")[2] == request and one.value is not None:
            return from_json(one.content, PredictionRecord)
    return None
