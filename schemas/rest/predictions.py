"""The answers about the prediction log."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class RecordedPrediction(Struct, kw_only=True, frozen=True):
    """One answered request of the prediction log, by column: one value for each row.

    `duration` is in milliseconds, from the request to its record. `inputs` and `outputs` are None
    if they cannot be read any more: their key was shredded. With `shadow_of` it is what the shadow
    would have answered to that request.
    """

    request: str
    time: str
    model: str
    version: int
    rows: int
    actor: str
    route: str
    client: str
    instance: str
    trace: str
    duration: float
    warned: dict[str, int]
    shadow_of: str = ""
    inputs: dict[str, list[Any]] | None = None
    outputs: dict[str, list[Any]] | None = None
