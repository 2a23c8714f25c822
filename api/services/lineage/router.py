"""Service `lineage`: what things were made of, and what was made of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem, unknown
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.services.lineage.sight import Sight
from autolearn.api.services.lineage.things import ASKED, Thing, find_thing
from autolearn.api.services.lineage.walk import Walk
from autolearn.api.shared.as_of import AsOf, in_past, read_point
from autolearn.api.shared.lookup import absent
from autolearn.api.state.context import ApiContext
from autolearn.projections.time_travel.past import AsOfReader
from autolearn.schemas.bounds import LINEAGE_DEPTH, LINEAGE_NODES
from autolearn.schemas.rest.lineage.graph import Lineage

_Forward = Annotated[bool, Query(description="What was made of it, instead of its sources.")]
_Depth = Annotated[int, Query(ge=1, le=LINEAGE_DEPTH, description="Steps from the thing.")]
_Limit = Annotated[int, Query(ge=1, le=LINEAGE_NODES, description="The most nodes.")]


def router(context: ApiContext) -> APIRouter:
    """Return the routes of the service."""
    routes = APIRouter(prefix="/v1/lineage", tags=["lineage"])
    shown = answers({200: Lineage}, "AutoLearn-Position")

    @routes.get("/{thing}", responses=shown)
    async def see_lineage(
        thing: str,
        who: Who,
        *,
        forward: _Forward = False,
        depth: _Depth = LINEAGE_DEPTH,
        limit: _Limit = 200,
        as_of: AsOf = "",
    ) -> Response:
        """Show what a thing was made of, back to the sources; or what was made of it.

        The thing is a dataset (NAME or NAME@VERSION), a model (NAME@NUMBER or NAME@ALIAS), or the
        start of the id of a session, experiment, run or request.
        """
        found = await find_thing(context, who, thing)
        return await traced(who, found, as_of, depth, limit, forward=forward)

    @routes.get("/{kind}/{thing}", responses=shown)
    async def see_lineage_of_kind(
        kind: str,
        thing: str,
        who: Who,
        *,
        forward: _Forward = False,
        depth: _Depth = LINEAGE_DEPTH,
        limit: _Limit = 200,
        as_of: AsOf = "",
    ) -> Response:
        """Show what a thing of a kind was made of, or what was made of it.

        The ids of nodes are such paths: `dataset-version/NAME@VERSION`, `training/ID`. `dataset`
        and `model` are kinds, too.
        """
        if kind not in ASKED:
            raise unknown("kind", kind, ASKED, "/v1/lineage/{thing}")
        found = await find_thing(context, who, thing, kind)
        return await traced(who, found, as_of, depth, limit, forward=forward)

    async def traced(
        who: Principal, thing: Thing, as_of: str, depth: int, limit: int, *, forward: bool
    ) -> Response:
        """Return the answer, at the present or a past point."""

        def look(past: AsOfReader | None = None) -> Lineage | None:
            now = context.queries.now()
            now.lineage.refresh()
            sight = Sight(context, who, now, past)
            start = thing.find(sight)
            walk = None if start is None else Walk(sight, start, forward=forward)
            return None if walk is None else walk.graph(depth, limit)

        if as_of:
            position = await read_point(context, as_of, "as_of")
            found = await in_past(context, position, look)
            headers = {"AutoLearn-Position": position.token()}
        else:
            found, headers = await context.executors.lineage.run(look), {}
        if found is None:
            called = f"{thing.kind} {thing.name}"
            detail = f"There is nothing of the {called} any more that you may see."
            problem = Problem(404, "thing-unknown", "There is no such thing", detail)
            raise await absent(context, thing.kind, thing.name, as_of, problem)
        return json(found, headers=headers)

    return routes
