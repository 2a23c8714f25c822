"""A step that a worker has offered just now is found."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from autolearn.api.services.pipelines.kinds import checked
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.pipelines.parse import parse
from tests.schemas.pipelines.kinds import FEATURES


def test_the_whole_log_is_read_before_a_step_is_unknown() -> None:
    offered: list[Any] = []

    async def fresh() -> None:
        offered.append(SimpleNamespace(spec=FEATURES))

    async def at_once(look: Any) -> Any:
        return look()

    none: list[Any] = []
    catalog = SimpleNamespace(steps=lambda: offered, estimators=lambda: none, metrics=lambda: none)
    now = SimpleNamespace(catalog=catalog)
    context: Any = SimpleNamespace(
        queries=SimpleNamespace(now=lambda: now),
        reader=SimpleNamespace(fresh=fresh),
        executors=SimpleNamespace(lists=SimpleNamespace(run=at_once)),
    )

    def applied(step: str) -> int:
        text = f"pipeline: p\nsteps: [source: {{dataset: d}}, {step}: {{}}]"
        return len(asyncio.run(checked(context, lambda *known: parse(text, *known))).steps)

    assert applied("features") == 2
    assert len(offered) == 1, "it was read once"
    with pytest.raises(PipelineInvalid, match="no worker offers a step 'windows'"):
        applied("windows")
