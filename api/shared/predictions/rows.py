"""The rows of a prediction over HTTP, in the form that the client accepts."""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from autolearn.api.http.problems import Problem
from autolearn.api.shared.artifact_files import send_file
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.lookup import RunOwner
from autolearn.api.shared.resources import kept_until
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import millis
from autolearn.schemas.bounds import ROWS_SECONDS
from autolearn.schemas.rest.runs import PredictionRow
from autolearn.schemas.results import PREDICTION_FILES
from autolearn.schemas.values import RunId

_ALSO = {
    "application/x-ndjson": "application/jsonl",
    "application/x-jsonlines": "application/jsonl",
    "application/parquet": "application/vnd.apache.parquet",
    "application/x-parquet": "application/vnd.apache.parquet",
}
"""Other names of the media types in which rows are sent."""


async def send_rows(
    context: ApiContext, snapshot: Snapshot, owner: RunOwner, run: RunId, request: Request, who: str
) -> Response:
    """Send the rows of a prediction, in the form that the request accepts.

    Raises:
        Problem: they are another user's who asked a model (403): columns of a dataset may be among
        them that the owner may not read. It is not completed (409), its rows are gone (410), or
        none of the media types in which they can be sent is accepted (406).
    """
    row = await context.executors.lists.run(partial(snapshot.runs.get, owner.id, "prediction", run))
    assert isinstance(row, PredictionRow), "it was found at this moment"
    if row.model and row.actor != who:
        raise forbidden("It is for who asked the model.")
    if row.output is None:
        raise Problem(
            409,
            "prediction-incomplete",
            "The prediction has no rows",
            f"The prediction {run} is {row.status}; only a completed one has rows.",
        )
    media = wanted(request.headers.get("accept", "*/*"), row.output.files)
    until, store = kept_until(row), context.artifacts.passing()
    gone = until is not None and millis(until) < time.time() * 1000
    folder = row.output.folder
    if gone or not await context.executors.artifacts.run(partial(store.folder_exists, folder)):
        raise Problem(
            410,
            "rows-gone",
            "The rows are gone",
            f"The rows of a prediction are kept for {ROWS_SECONDS / 3600:g} hours, those of "
            f"{run} until {until}: predict again.",
        )
    name = PREDICTION_FILES[media]
    answer = await send_file(context, snapshot, owner.id, row.output, name, store, media)
    answer.headers["Vary"] = "Accept"
    return answer


def wanted(accept: str, files: Collection[str]) -> str:
    """Return the accepted media type of `files` with the highest quality (RFC 9110, 12.5.1).

    Raises:
        Problem: none is accepted (406).
    """
    qualities = dict[str, float]()
    for part in accept.split(","):
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        given = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        quality = float(given) if given.replace(".", "", 1).isdigit() else 0.0
        qualities[_ALSO.get(media, media)] = quality
    there = [media for media, name in PREDICTION_FILES.items() if name in files]
    ranked = {one: _quality(one, qualities) for one in there}
    best = max(ranked, key=lambda one: ranked[one])
    if ranked[best] > 0:
        return best
    raise Problem(
        406,
        "not-acceptable",
        "The rows are not there in that form",
        f"Accept {accept[:200]!r} allows none of {', '.join(there)}.",
    )


def _quality(media: str, qualities: dict[str, float]) -> float:
    """Return the quality of a media type: that of the most specific range that has it."""
    kind = media.partition("/")[0]
    for one in (media, f"{kind}/*", "*/*"):
        if one in qualities:
            return qualities[one]
    return 0.0
