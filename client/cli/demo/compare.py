"""The state of the API at one moment, and the differences of two."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import msgspec

from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.sessions import ExperimentWithRuns


class DemoState(NamedTuple):
    """The digest of every view, and one experiment as the API shows it."""

    digests: dict[str, str]
    experiment: ExperimentWithRuns


async def take(client: AsyncAutoLearn, experiment: str) -> DemoState:
    """Fetch the digests and the experiment."""
    kept = await client.experiments.get(experiment)
    return DemoState((await client.digests()).views, await kept.content())


def differences(before: DemoState, after: DemoState) -> list[str]:
    """Return the differences, a line each; [] for none."""
    found = [
        f"view {view}: {before.digests.get(view)} before, {after.digests.get(view)} after"
        for view in sorted(before.digests.keys() | after.digests.keys())
        if before.digests.get(view) != after.digests.get(view)
    ]
    diff = difflib.unified_diff(
        _lines(before.experiment), _lines(after.experiment), "before", "after", n=1, lineterm=""
    )
    return found + list(diff)


def _lines(experiment: ExperimentWithRuns) -> list[str]:
    return msgspec.json.format(msgspec.json.encode(experiment), indent=2).decode().splitlines()
