"""The state of the API at one moment, and the differences of two."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import msgspec

from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.sessions import ExperimentWithRuns
from autolearn.schemas.rest.models import Inference


class DemoState(NamedTuple):
    """The digest of every view, one experiment as the API shows it, and a model's answers."""

    digests: dict[str, str]
    experiment: ExperimentWithRuns
    answers: Inference


async def take(client: AsyncAutoLearn, experiment: str, model: str, rows: str) -> DemoState:
    """Fetch the digests and the experiment, and ask the model about rows of CSV."""
    kept = await client.experiments.get(experiment)
    body = msgspec.json.encode({"csv": rows})
    (said,) = await client.ask_model(model, iter([(body, "application/json")]))
    answers = msgspec.structs.replace(said, request="")  # each request has an id of its own
    return DemoState((await client.digests()).views, await kept.content(), answers)


def differences(before: DemoState, after: DemoState) -> list[str]:
    """Return the differences, a line each; [] for none."""
    found = [
        f"view {view}: {before.digests.get(view)} before, {after.digests.get(view)} after"
        for view in sorted(before.digests.keys() | after.digests.keys())
        if before.digests.get(view) != after.digests.get(view)
    ]
    for was, now in ((before.experiment, after.experiment), (before.answers, after.answers)):
        found += difflib.unified_diff(_lines(was), _lines(now), "before", "after", n=1, lineterm="")
    return found


def _lines(shown: ExperimentWithRuns | Inference) -> list[str]:
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode().splitlines()
