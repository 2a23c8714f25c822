"""Checks a principal's level on a model, and finds its versions."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from autolearn.api.http.problems import Problem
from autolearn.api.identity.visibility import Level
from autolearn.api.shared.named.things import Named, require_named, unknown_named
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import ModelVersionRow

_KNOWN = 100
"""Known names that a problem lists."""
MODEL = Named(
    "model",
    attrgetter("models"),
    "deleted",
    {
        Level.PREDICT: "It is for those who may ask the model (model share --may predict).",
        Level.WORK: "It is for those who may promote (model share --may promote), and for the "
        "owner.",
        Level.OWN: "It is the owner's.",
    },
)
require_model = partial(require_named, MODEL)
unknown_model = partial(unknown_named, MODEL)


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
