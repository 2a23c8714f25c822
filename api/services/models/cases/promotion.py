"""Asks a process `serve` how the versions of a promotion answer the named cases."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import Request

from autolearn.api.http.problems import Problem
from autolearn.api.shared.predictions.serve_processes import ServeProcesses
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.positions import AFTER, Position
from autolearn.schemas.bounds import cut
from autolearn.schemas.models.cases import CaseComparison, ComparedCase
from autolearn.schemas.rest.serving.cases import CaseAnswer, CaseRun

_PATIENCE = 10.0
"""Seconds that a promotion waits for the answers."""


async def compared_cases(
    context: ApiContext,
    serve: ServeProcesses,
    request: Request,
    model: str,
    before: int,
    version: int,
) -> CaseComparison | None:
    """Return how two versions (`before` 0: one) answer the cases; None if there are none.

    Nothing stops a promotion here: if the answers are not there in time, it says why.
    """
    if next(context.queries.now().models.cases(model), None) is None:
        return None
    headers = [(name, value) for name, value in request.headers.items() if name == "authorization"]
    reached = Position.of(context.reader.log_id, context.queries.progress())
    headers.append((AFTER, reached.token()))

    async def run(number: int) -> CaseRun:
        target = f"/v1/models/{model}/versions/{number}/cases"
        answer = await serve.ask("GET", target, b"", headers)
        if answer.status_code != 200:
            said = msgspec.json.decode(answer.content, type=dict[str, object])
            raise Problem(answer.status_code, "", "", f"{model}@{number}: {said.get('detail', '')}")
        return msgspec.json.decode(answer.content, type=CaseRun)

    try:
        async with asyncio.timeout(_PATIENCE):
            numbers = (version, before) if before else (version,)
            after, *earlier = await asyncio.gather(*map(run, numbers))
    except TimeoutError:
        why = f"there was no answer within {_PATIENCE:.0f} s"
        return CaseComparison(version=version, before=before, not_run=why)
    except (Problem, msgspec.DecodeError) as error:
        why = str(error.detail if isinstance(error, Problem) else error)
        return CaseComparison(version=version, before=before, not_run=cut(why, 300))
    known = {one.number: one for run_ in earlier for one in run_.answers}
    cases = tuple(_compared(known.get(one.number), one) for one in after.answers)
    return CaseComparison(version=version, before=before, cases=cases)


def _compared(before: CaseAnswer | None, after: CaseAnswer) -> ComparedCase:
    return ComparedCase(
        number=after.number,
        name=after.name,
        before=before.answer if before else None,
        after=after.answer,
        failed_before=before.failed if before else "",
        failed=after.failed,
        expect=after.expect,
    )
