"""The record of an answer on `predictions`, which is also its entry in the behaviour log."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

Purpose = Literal["production", "showroom", "explain"]
"""Why a model is asked. Other requests than `production` are recorded, but neither counted nor
learned from: `showroom` tries a model out, `explain` asks about an answer, by rows that nobody
has."""
PRODUCTION: Purpose = "production"


class Erasure(Struct, frozen=True):
    """Which rows of a request are erased, by whom, when; `id` is that of the command."""

    id: str
    time: str
    actor: str
    rows: tuple[int, ...]


class PredictionRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answered request: who asked which version, when, and what.

    The Kafka key is `<model>/<id>`. `time` is RFC 3339 in UTC, `duration` is in milliseconds,
    `route` the template of the path. `trace` and `span` are of W3C Trace Context. `warned` counts
    warnings by kind. With `shadow_of` nobody was given the answer: it is what the shadow would have
    answered to that request.

    A record with `erased` replaces the one before: the values of the erased rows are None, in every
    column. The newest record of a key counts.

    The content (`PredictionContent`) is in `data`, or encrypted in `data_base64`: AES-256-GCM under
    a key derived (HKDF, RFC 5869) from the key `keyid` of the model and month for the `salt` of a
    process and day, with `<model>/<id>` as associated data.
    """

    id: str
    time: str
    model: str
    version: int
    rows: int
    actor: str = ""
    route: str = ""
    client: str = ""
    instance: str = ""
    trace: str = ""
    span: str = ""
    duration: float = 0.0
    warned: dict[str, int] = {}
    shadow_of: str = ""
    purpose: Purpose = PRODUCTION
    keyid: str = ""
    salt: str = ""
    erased: Erasure | None = None
    data: Raw | UnsetType = UNSET
    data_base64: str | UnsetType = UNSET


class PredictionContent(Struct, frozen=True):
    """What was asked and answered, by column: one value for each row."""

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]


def predictions_key(model: str, month: str) -> str:
    """Return the owner of the keys of a model's predictions in a month, such as 2026-11."""
    return f"model/{model}/{month}"


def purpose_of(salt: str) -> str:
    """Return the purpose for which a key of predictions is derived."""
    return f"predictions {salt}"
