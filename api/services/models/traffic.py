"""Reads how a request shares traffic, and explains what of it does not fit."""

from __future__ import annotations

from autolearn.api.http.problems import Problem
from autolearn.api.services.models.bodies import TrafficBody
from autolearn.api.shared.models.checks import version_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.commands import SetTraffic
from autolearn.schemas.errors import REASONS
from autolearn.schemas.models.traffic import ALL, guard_in
from autolearn.schemas.models.versions import CHAMPION


def traffic_in(snapshot: Snapshot, model: str, body: TrafficBody) -> SetTraffic:
    """Return the command of a body; without a salt it has the model's name.

    Raises:
        Problem: a version or alias is unknown, the percentages do not sum to 100, or a guard cannot
        be read (422).
    """
    if body.routes is None:
        return SetTraffic(reason=body.reason)
    routes: dict[str, int] = {}
    for given, percent in body.routes.items():
        name = name_in(snapshot, model, given, f"#/routes/{given[:100]}")
        routes[name] = routes.get(name, 0) + percent
    if sum(routes.values()) != ALL:
        raise _unfit(
            "traffic-unfit",
            "#/routes",
            f"The percentages sum to {sum(routes.values())}, and must sum to {ALL}",
        )
    if body.sticky_header.lower() in ("authorization", "cookie"):
        raise _unfit("traffic-unfit", "#/sticky_header", "A header with a secret is no sticky key")
    return SetTraffic(
        routes=routes,
        sticky=body.sticky,
        sticky_header=body.sticky_header,
        salt=body.salt or model,
        guards=tuple(_guard(words, f"#/guards/{index}") for index, words in enumerate(body.guards)),
        reason=body.reason,
    )


def name_in(snapshot: Snapshot, model: str, given: str, pointer: str) -> str:
    """Return a version as traffic names it: by an alias as it is, else by its number.

    Raises:
        Problem: there is no such version or alias (422), or no champion (409).
    """
    row = snapshot.models.stored(model)
    aliases = row.aliases if row else {}
    if CHAMPION not in aliases:
        detail = f"No version of {model} was promoted: let one answer first (model promote)."
        raise Problem(409, "no-champion", REASONS["no-champion"].title, detail)
    number = version_of(snapshot, model, given, pointer)
    return given if given in aliases else str(number)


def _guard(words: str, pointer: str) -> str:
    """Return a guard in its plain form. Raises a Problem if it is none (422)."""
    try:
        return str(guard_in(words))
    except ValueError as error:
        raise _unfit("guard-unfit", pointer, str(error)) from None


def _unfit(kind: str, pointer: str, detail: str) -> Problem:
    errors = [{"pointer": pointer, "detail": detail}]
    return Problem(422, kind, REASONS[kind].title, f"{detail}.", errors=errors)
