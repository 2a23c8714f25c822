"""When the record of a request can be on the prediction log."""

from __future__ import annotations

from autolearn.api.http.problems import Problem
from autolearn.runtime.uuid7 import time_of
from autolearn.schemas.bounds import cut

_SLACK = 60_000
"""Milliseconds by which a record's time stamp may differ from that of its id."""
_LATE = 5 * 60_000
"""Milliseconds within which a request's record is on the log."""


def request_times(request: str) -> tuple[int, int]:
    """Return the times between which the record of a request is, in milliseconds since 1970.

    Raises:
        Problem: it is no id of a request.
    """
    when = time_of(request)
    if when is None:
        detail = f"{cut(request)!r} is no id of a request: an answer has it as `request`."
        errors = [{"parameter": "request", "detail": detail}]
        raise Problem(422, "malformed-id", "An id is malformed", detail, errors=errors)
    return max(1, when - _SLACK), when + _LATE
