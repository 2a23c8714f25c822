"""The state of the API at one moment, and the differences of two."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import msgspec

from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.sessions import ExperimentWithRuns
from autolearn.schemas.rest.models import Inference
from autolearn.schemas.rest.predictions import RecordedPrediction


class DemoState(NamedTuple):
    """The digest of every view, one experiment as the API shows it, and a model's answers.

    `recorded` is what the prediction log has of the first time that the model was asked.
    """

    digests: dict[str, str]
    experiment: ExperimentWithRuns
    answers: Inference
    recorded: RecordedPrediction


async def take(
    client: AsyncAutoLearn, experiment: str, model: str, rows: str, first: str = ""
) -> DemoState:
    """Fetch the digests and the experiment, and ask the model about rows of CSV.

    `first` is the id of the request that asked it first, "" if this one does.
    """
    kept = await client.experiments.get(experiment)
    body = msgspec.json.encode({"csv": rows})
    (said,) = await client.ask_model(model, iter([(body, "application/json")]))
    answers = msgspec.structs.replace(said, request="")  # each request has an id of its own
    log = (await client.model(model)).predictions(request=first or said.request)
    recorded = [one async for one in log]
    views = (await client.digests()).views
    return DemoState(views, await kept.content(), answers, recorded[0])


def differences(before: DemoState, after: DemoState) -> list[str]:
    """Return the differences, a line each; [] for none."""
    found = [
        f"view {view}: {before.digests.get(view)} before, {after.digests.get(view)} after"
        for view in sorted(before.digests.keys() | after.digests.keys())
        if before.digests.get(view) != after.digests.get(view)
    ]
    for was, now in (
        (before.experiment, after.experiment),
        (before.answers, after.answers),
        (before.recorded, after.recorded),
    ):
        found += difflib.unified_diff(_lines(was), _lines(now), "before", "after", n=1, lineterm="")
    return found


def _lines(shown: ExperimentWithRuns | Inference | RecordedPrediction) -> list[str]:
    return msgspec.json.format(msgspec.json.encode(shown), indent=2).decode().splitlines()
