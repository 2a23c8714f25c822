"""Checks truths against what was asked, what the model can answer, and the truths there are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from autolearn.api.http.problems import Problem, refuse_items, unreadable
from autolearn.api.services.models.bodies import TruthBody, TruthsBody
from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import clear_content, plain
from autolearn.api.services.models.truths.answered_rows import SaidRows, said_rows
from autolearn.api.services.models.truths.log_scan import TooFarApart, find, scan
from autolearn.api.services.models.truths.records import Value, truths_since
from autolearn.api.shared.artifact_files import unavailable
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.eventlog.log import Record
from autolearn.runtime.timestamps import text
from autolearn.runtime.uuid7 import derived, time_of
from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.prediction import PRODUCTION, PredictionContent, PredictionRecord
from autolearn.schemas.records.truth import RowAnswer
from autolearn.security.data_key import Unreadable

_TRUTHS_AMONG = 500_000
"""Truths of all models since the oldest request among which its own are looked for."""
_LABELS = 20


class CheckedTruths(NamedTuple):
    """The truths to append, how many of them replace another, and how many are there already."""

    new: list[Value]
    replaced: int
    same: int


class _Unfit(Exception):
    """Why one truth is refused."""


def checked(context: ApiContext, model: str, body: TruthsBody, since: int) -> CheckedTruths:
    """Check truths; keys are sought since a time, in milliseconds since 1970 (blocks).

    Raises:
        Problem: one of them does not fit (422), or contradicts another one (409).
        LogError: the log cannot be read.
    """
    places = _places(context, model, body.truths, since)
    said = _asked(context, model, {request for request, _ in places})
    shadows = _shadows(context, model, said)
    labels = dict[int, Sequence[str]]()
    for one in said.values():
        if one.record.version not in labels:
            labels[one.record.version] = _labels(context, model, one)
    faults, values = list[tuple[int, str]](), dict[tuple[str, int], Value]()
    for number, (truth, (request, row)) in enumerate(zip(body.truths, places, strict=True)):
        try:
            answer = _answer(said.get(request), request, row)
            value = _value(truth, answer, row, labels[answer.record.version])
        except _Unfit as error:
            faults.append((number, str(error)))
            continue
        of = (answer, shadows.get(request))
        answers = tuple(_row_answer(one, row) for one in of if one is not None)
        found = Value(request, row, value, answer.record.keyid, answers)
        if values.setdefault((request, row), found) != found:
            faults.append((number, f"row {row} of the request {request} has two truths here"))
    refuse_items(422, "truth-unfit", "A truth does not fit", faults, "truth")
    new, replaced, same = list[Value](), 0, len(body.truths) - len(values)
    there = _there(context, model, said)
    numbers = {place: number for number, place in reversed([*enumerate(places)])}
    for place, found in values.items():
        before = there.get(place[0], {}).get(place[1])
        if before is None:
            new.append(found)
        elif before.value == found.value:
            same += 1
        elif body.replace:
            new.append(found)
            replaced += 1
        else:
            faults.append(
                (
                    numbers[place],
                    f"row {place[1]} of the request {place[0]} is {_shown(before.value)}, as "
                    f"{before.actor or 'somebody'} said at {before.time}, and not "
                    f"{_shown(found.value)}",
                )
            )
    advice = "Give `replace` (--replace) if the earlier truth was wrong."
    refuse_items(409, "truth-contradicts", "There is another truth", faults, "truth", advice)
    return CheckedTruths(new, replaced, same)


def too_far_apart() -> Problem:
    """Return the problem of requests that cannot be found in bounded time."""
    return Problem(
        422,
        "too-far-apart",
        "The requests lie too far apart",
        "Too many records would have to be read to find these requests: send those of a shorter "
        "time together.",
    )


def _places(
    context: ApiContext, model: str, truths: Sequence[TruthBody], since: int
) -> list[tuple[str, int]]:
    """Return the request and row of each truth. Raises Problem."""
    faults, keys = list[tuple[int, str]](), dict[tuple[str, ...], tuple[str, int] | str]()
    for number, truth in enumerate(truths):
        if truth.request and time_of(truth.request) is None:
            faults.append((number, f"{cut(truth.request)!r} is no id of a request"))
    columns = {tuple(sorted(truth.key)) for truth in truths if truth.key}
    if len(columns) > 1:
        faults.append((0, "all keys must be of the same columns"))
    refuse_items(422, "truth-unfit", "A truth does not fit", faults, "truth")
    if columns:
        keys = _keyed(context, model, columns.pop(), since)
    places = list[tuple[str, int]]()
    for number, truth in enumerate(truths):
        if not truth.key:
            places.append((str(truth.request).lower(), truth.row))
            continue
        found = keys.get(_key_of([truth.key[name] for name in sorted(truth.key)]))
        words = ", ".join(f"{cut(name)} {_shown(truth.key[name])}" for name in sorted(truth.key))
        if isinstance(found, tuple):
            places.append(found)
        elif found is None:
            faults.append((number, f"no row with {words} was asked since {text(since)}"))
        else:
            faults.append((number, f"{found} with {words} were asked: give the request and row"))
    refuse_items(422, "truth-unfit", "A truth does not fit", faults, "truth")
    return places


def _keyed(
    context: ApiContext, model: str, columns: tuple[str, ...], since: int
) -> dict[tuple[str, ...], tuple[str, int] | str]:
    """Return the one asked row with each value of some columns, or how many have it.

    Raises:
        Problem: too much was asked since then.
    """
    many = dict[tuple[str, ...], list[tuple[str, int]]]()
    erased = ErasedRequests(context.queries.latest().models, model)

    def take(record: Record) -> None:
        if record.key is None or not record.key.startswith(f"{model}/".encode()):
            return
        with suppress(MalformedRecord, Unreadable, msgspec.DecodeError):
            about = from_json(record.content, PredictionRecord)
            if about.shadow_of or about.purpose != PRODUCTION or not erased.counts(about):
                return
            gone = erased.rows(about.id)
            clear = clear_content(about, context.vault)
            inputs = msgspec.json.decode(clear, type=PredictionContent).inputs
            if all(name in inputs for name in columns):
                for row, values in enumerate(zip(*(inputs[name] for name in columns), strict=True)):
                    if row not in gone:
                        many.setdefault(_key_of(values), []).append((about.id, row))

    _, reached = scan(context.log, context.topics.predictions.name, since, take)
    if reached > since:
        raise Problem(
            422,
            "too-far-apart",
            "Too much was asked since then",
            f"The newest records were made since {text(reached)}, and older ones are not looked "
            "at for keys. Give a later `since` (--since), or ids of requests.",
        )
    return {key: rows[0] if len(rows) == 1 else f"{len(rows)} rows" for key, rows in many.items()}


def _key_of(values: Sequence[Any]) -> tuple[str, ...]:
    """Return values as they are compared."""
    return tuple(map(plain, values))


def _asked(context: ApiContext, model: str, requests: set[str]) -> dict[str, SaidRows]:
    """Return the answers to some requests. Raises Problem."""
    topic, vault = context.topics.predictions.name, context.vault
    erased = ErasedRequests(context.queries.latest().models, model)

    def take(record: Record) -> SaidRows | None:
        return said_rows(record, model, vault, erased)

    try:
        found = find(context.log, topic, model, requests, take, erased)
    except TooFarApart:
        raise too_far_apart() from None
    return {one.record.id: one for one in found}


def _shadows(context: ApiContext, model: str, said: Mapping[str, SaidRows]) -> dict[str, SaidRows]:
    """Return a shadow's answers to some requests, as far as they are found."""
    if not context.queries.now().models.had_shadow(model):
        return {}
    with suppress(Problem):
        found = _asked(context, model, {derived(request) for request in said})
        return {one.asked: one for one in found.values() if one.record.shadow_of}
    return {}


def _row_answer(said: SaidRows, row: int) -> RowAnswer:
    """Return the answer to a row."""
    predicted, record = said.predicted[row], said.record
    value = predicted if isinstance(predicted, str) else float(predicted)
    return RowAnswer(record.version, record.time[:13], value, record.shadow_of != "")


def _answer(said: SaidRows | None, request: str, row: int) -> SaidRows:
    """Return the answer to a request. Raises _Unfit."""
    if said is None:
        raise _Unfit(f"nobody asked this model the request {request}, or it cannot be read")
    if said.record.shadow_of:
        raise _Unfit(f"{request} is a shadow's answer; the request is {said.asked}")
    if said.record.purpose != PRODUCTION:
        raise _Unfit(f"the request {request} was made for {said.record.purpose}: it has no truth")
    if row >= said.record.rows:
        last = said.record.rows - 1
        raise _Unfit(f"the request {request} has the rows 0 to {last}, and no row {row}")
    if row in said.erased:
        raise _Unfit(f"row {row} of the request {request} is erased")
    return said


def _labels(context: ApiContext, model: str, said: SaidRows) -> Sequence[str]:
    """Return the labels that a version can answer; none if it predicts numbers, or is secretive.

    Raises:
        Problem: it is of another task, or cannot be read.
    """
    now = context.queries.now()
    row = now.models.version(model, said.record.version)
    source = None if row is None else row.source
    if row is None or source is None:
        raise unreadable()
    if source.task not in (CLASSIFICATION, REGRESSION):
        detail = f"Truths are labels or numbers, and version {row.version} is of {source.task}."
        raise Problem(409, "no-truths", "This model has no truths", detail)
    if source.task == REGRESSION or said.labels:
        return said.labels
    artifact = source.artifact
    keyid = now.keyid_of_version(row)
    try:
        key = context.vault.key(keyid).derived("artifacts") if keyid and artifact.stored else None
        _, chunks = context.artifacts.with_key(key).read_file(artifact, "schema.json")
        target = json.loads(b"".join(chunks))["target"] or {}
    except ArtifactError as error:
        raise unavailable(error) from None
    except Unreadable:
        raise unreadable() from None
    found: list[str] = target.get("classes", [])  # absent if the target is sensitive
    return found


def _value(truth: TruthBody, said: SaidRows, row: int, labels: Sequence[str]) -> str | float:
    """Return the truth of a row as a label or a number, like its answer. Raises _Unfit."""
    predicted = said.predicted[row]
    if truth.right:
        return predicted if isinstance(predicted, str) else float(predicted)
    given = truth.value
    if not isinstance(predicted, str):
        number = math.nan
        with suppress(ValueError):
            number = math.nan if isinstance(given, bool) or given is None else float(given)
        if not math.isfinite(number):
            raise _Unfit(f"{_shown(given)} is no number, and this model predicts numbers")
        return number
    label = _label(given, labels)
    if labels and label not in labels:
        words = listed(labels, _LABELS)
        raise _Unfit(f"the model does not know the label {_shown(label)}: it knows {words}")
    return label


def _label(given: Any, labels: Sequence[str]) -> str:
    """Return a value as the label of a class: 1 and 1.0 are 1, true is true or True."""
    if isinstance(given, bool):
        return str(given) if str(given) in labels else str(given).lower()
    if isinstance(given, float) and given.is_integer():
        given = str(given) if str(given) in labels else int(given)
    return str(given)


def _there(context: ApiContext, model: str, said: dict[str, SaidRows]) -> dict[str, dict[int, Any]]:
    """Return the truths of some requests. Raises Problem if these cannot be known."""
    oldest = min(one.time for one in said.values())
    found, reached = truths_since(context, model, oldest, said, _TRUTHS_AMONG)
    if reached > oldest:
        raise Problem(
            422,
            "too-far-apart",
            "The requests are too old",
            f"More than {_TRUTHS_AMONG:,} truths came since {text(oldest)}: it cannot be known "
            "whether these requests have one.",
        )
    return {request: {**rows} for request, rows in found.items()}


def _shown(value: object) -> str:
    return cut(repr(value), 60)
