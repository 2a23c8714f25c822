"""The query of a request to a model: its fields, and the purpose for which it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args
from urllib.parse import parse_qs

from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.records.prediction import PRODUCTION, Purpose

_FIELDS = 100
_PURPOSES: dict[object, Purpose] = {one: one for one in get_args(Purpose)}


def fields_in(query: bytes) -> Mapping[str, Sequence[str]]:
    """Return the values of each field of a query.

    Raises:
        Problem: it has too many (422).
    """
    if not query:
        return {}
    try:
        return parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise _unfit(f"The query has more than {_FIELDS} fields.") from None


def purpose_in(fields: Mapping[str, Sequence[str]]) -> Purpose:
    """Return why a model is asked.

    Raises:
        Problem: that is no purpose (422).
    """
    given = fields.get("purpose")
    if given is None:
        return PRODUCTION
    purpose = purpose_of(given[-1])
    if purpose is None:
        raise _unfit(f"{not_a_purpose(given[-1])}.")
    return purpose


def purpose_of(given: object) -> Purpose | None:
    """Return the purpose that is called so."""
    return _PURPOSES.get(given) if isinstance(given, str) else None


def not_a_purpose(given: object) -> str:
    """Return why something is no purpose."""
    return f"{cut(str(given))!r} is no purpose: there are {listed([*map(str, _PURPOSES)])}"


def _unfit(words: str) -> Problem:
    return Problem(422, "invalid-request", "The request does not fit", words)
