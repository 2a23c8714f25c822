"""Positions in requests."""

from __future__ import annotations

from autolearn.api.http.problems import Problem
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.positions import Position
from autolearn.schemas.errors import PositionError


async def read_position(reader: LogReader, token: str, parameter: str) -> Position:
    """Return the position that a parameter of a request names.

    Raises:
        Problem: it is malformed, of another log, or in the future.
    """
    try:
        position = Position.parse(token)
        ends = {p: at.next for p, at in reader.queries.progress().items()}
        if any(place.next > ends.get(place.partition, 0) for place in position.places):
            reader.require_brokers()
            # another process, which is ahead of this one, may have given it
            ends = await reader.ends()
        position.check(await reader.which_log(), ends)
    except PositionError as error:
        raise Problem(
            422,
            "bad-position",
            error.title,
            f"{error.detail} {error.advice}".strip(),
            errors=[{"parameter": parameter, "detail": error.detail}],
        ) from None
    return position
