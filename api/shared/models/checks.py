"""Checks a principal's level on a model, and finds its versions."""

from __future__ import annotations

from itertools import islice

from autolearn.api.http.problems import Problem, check_id, unknown
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, model_access
from autolearn.api.shared.authorization import forbidden
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.errors import REASONS
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import ModelVersionRow

_KNOWN = 100
"""Known names that a problem lists."""
_NEEDED = {
    Level.PREDICT: "It is for those who may ask the model (model share --may predict).",
    Level.WORK: "It is for those who may promote (model share --may promote), and for the owner.",
    Level.OWN: "It is the owner's.",
}


async def require_model(context: ApiContext, who: Principal, name: str, needed: Level) -> str:
    """Return the group whose grant gives a principal the required level on a model, "" for none.

    Raises:
        Problem: the level is less; or there is none (404, not 403, so that the existence of other
        users' models is not disclosed).
    """
    check_id("model", name)
    level, via = model_access(who, context.queries.latest(), name)
    if level < needed or (via and needed > Level.READ):
        # It may have been made or shared just now, or the membership have ended, through another
        # process.
        await context.reader.fresh()
        level, via = model_access(who, context.queries.latest(), name)
    snapshot = context.queries.latest()
    row = snapshot.models.stored(name)
    if level is Level.NOTHING or row is None:
        raise unknown_model(context, who, name)
    if row.deleted and level >= Level.READ:
        reason = REASONS["model-deleted"]
        detail = f"The model {name} was deleted at {row.deleted}."
        raise Problem(reason.status, "model-deleted", reason.title, detail)
    if level < needed:
        raise forbidden("It is confidential." if level is Level.ACTIVITY else _NEEDED[needed])
    return via


def unknown_model(context: ApiContext, who: Principal, name: str) -> Problem:
    """Return the problem of a model that does not exist for the principal."""
    now = context.queries.now()
    known = now.models.names(whose=None if who.everything else who.name)
    return unknown("model", name, islice(known, _KNOWN), "/v1/models")


def answering_version(snapshot: Snapshot, name: str, given: str) -> ModelVersionRow:
    """Return a version that may answer, given as a number or an alias.

    Raises:
        Problem: the model has no such version or alias (404), no champion (409), or the version is
        retired (410) or cannot be read.
    """
    model = snapshot.models.get(name)
    assert model is not None, "it was found at this moment"
    if given == CHAMPION and model.champion is None:
        raise Problem(
            409,
            "no-champion",
            "No version answers",
            f"No version of {name} was promoted: `autolearn model promote {name} "
            f"{model.versions}` lets one answer.",
        )
    number = version_of(snapshot, name, given)
    row = snapshot.models.version(name, number)
    assert row is not None, "it is one of the model's versions"
    if row.retired:
        detail = f"Version {number} of {name} is retired, and never answers again."
        raise Problem(410, "version-retired", "The version is retired", detail)
    return row


def require_experiment(row: ModelVersionRow) -> None:
    """Raise a problem (409) if a version was imported before imports had an experiment."""
    if not row.experiment:
        detail = (
            f"{row.model}@{row.version} was imported by an earlier AutoLearn, without an "
            "experiment that this is of. Register its file anew (autolearn model register "
            f"{row.model} --file FILE)."
        )
        raise Problem(409, "version-imported", "The version has no experiment", detail)


def version_of(snapshot: Snapshot, name: str, given: str, pointer: str | None = None) -> int:
    """Return the number of a version, given as a number or an alias.

    Raises:
        Problem: the model has no such version or alias: 404, or with the `pointer` to it in a body
        422.
    """
    model = snapshot.models.get(name)
    assert model is not None, "it was found at this moment"
    number = model.aliases.get(given, 0)
    if not number and given.isascii() and given.isdecimal() and len(given) < 10:
        number = int(given)
    if 0 < number <= model.versions:
        return number
    there = f"versions 1 to {model.versions}" if model.versions > 1 else "version 1 only"
    aliases = ", ".join(sorted(model.aliases)) or "none"
    detail = f"{name} has no version or alias {given[:100]!r}: it has {there}; aliases: {aliases}."
    title = "There is no such version"
    if pointer is None:
        raise Problem(404, "version-unknown", title, detail)
    errors = [{"pointer": pointer, "detail": detail}]
    raise Problem(422, "version-unknown", title, detail, errors=errors)
