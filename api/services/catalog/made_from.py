"""Resolves what a version of a dataset was made of, as its uploader says."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, level_of
from autolearn.api.shared.dataset_checks import find_version, require_dataset
from autolearn.api.shared.models.checks import require_model, version_of
from autolearn.api.state.context import ApiContext
from autolearn.schemas.datasets.made_from import DatasetSource, MadeHow
from autolearn.schemas.values import RunId, SessionId

_HOW: dict[str, MadeHow] = {
    "labels": "labels",
    "requests": "requests",
    "predictions": "predictions",
    "data": "data",
}


async def sources_of(
    context: ApiContext, who: Principal, given: Sequence[str]
) -> tuple[DatasetSource, ...]:
    """Return the sources that are given as HOW:NAME@VERSION, with whole versions.

    Raises:
        Problem: one is malformed (422), or there is no such version for the principal.
    """
    return tuple([await _source(context, who, one) for one in dict.fromkeys(given)])


async def _source(context: ApiContext, who: Principal, given: str) -> DatasetSource:
    word, _, rest = given.partition(":")
    name, _, version = rest.partition("@")
    how = _HOW.get(word)
    if how is None or not name or (how in ("requests", "predictions") and not version):
        detail = (
            f"{given[:120]!r} is not HOW:NAME@VERSION: HOW is labels or data, of a dataset, or "
            "requests, of a version of a model; or it is predictions:SESSION@PREDICTION."
        )
        errors = [{"parameter": "made_from", "detail": detail}]
        raise Problem(422, "malformed-source", "A source is malformed", detail, errors=errors)
    if how == "requests":
        await require_model(context, who, name, Level.READ)
        number = version_of(context.queries.latest(), name, version)
        return DatasetSource(how, name, str(number))
    if how == "predictions":
        now, session, run = context.queries.latest(), SessionId(name), RunId(version)
        row = now.runs.stored(session, "prediction", run)
        mine = row is not None and row.actor == who.name
        if row is None or not (mine or level_of(who, now, session) >= Level.READ):
            detail = f"There is no prediction {version[:36]} of yours in {name[:36]}."
            raise Problem(404, "run-unknown", "There is no such prediction", detail)
        return DatasetSource(how, session, run)
    await require_dataset(context, who, name, Level.READ)
    return DatasetSource(how, name, (await find_version(context, name, version)).version)
