"""Finds the rows of a person in the prediction log, and replaces the records that hold them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import clear_content, plain
from autolearn.api.services.models.truths.log_scan import find
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.append import append_all
from autolearn.eventlog.log import Record
from autolearn.eventlog.read import read_between
from autolearn.schemas.bounds import ERASED_REQUESTS, ERASURE_TEXT, MIB
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.models.erasure import ErasedRows
from autolearn.schemas.records.prediction import (
    Erasure,
    PredictionContent,
    PredictionRecord,
    purpose_of,
)
from autolearn.schemas.records.truth import TruthContent, TruthRecord, truth_purpose
from autolearn.security.data_key import NONCE, Unreadable

_LOOKED, _LOOKED_BYTES = 20_000, 32 * MIB
"""Records that are looked at for one answer."""
_APPENDED_WITHIN = 30.0
_SALT = secrets.token_hex(16)
Spans = dict[int, tuple[int, int]]
"""What is left to read of each partition: from an offset to one that is not read any more."""


class Found(NamedTuple):
    """A record with rows to erase, its decrypted content, and all rows that are erased then."""

    record: Record
    said: PredictionRecord
    content: PredictionContent
    rows: tuple[int, ...]
    new: int


class _Left(Struct):
    """The spans that are left, and how much was looked at."""

    spans: Spans
    looked: int = 0
    size: int = 0

    def read(self, context: ApiContext, topic: str, model: str) -> Iterator[Record]:
        """Yield records of a model, until enough was looked at (blocks). Raises LogError."""
        prefix = f"{model}/".encode()
        for partition, (begin, end) in sorted(self.spans.items()):
            for record in read_between(context.log, topic, {partition: begin}, {partition: end}):
                self.spans[partition] = (record.offset + 1, end)
                self.looked += 1
                self.size += len(record.value or b"")
                if (record.key or b"").startswith(prefix):
                    yield record
                if self.looked >= _LOOKED or self.size >= _LOOKED_BYTES:
                    return
            del self.spans[partition]


def find_rows(
    context: ApiContext, model: str, key: Mapping[str, Sequence[Any]], spans: Spans
) -> tuple[dict[str, Found], int]:
    """Find records with rows that have a value of each column of a key (blocks).

    `spans` becomes what is left to look at. Also returns how many records were looked at.

    Raises:
        LogError: the log cannot be read.
    """
    wanted = {column: {plain(value) for value in values} for column, values in key.items()}
    erased = ErasedRequests(context.queries.now().models, model)
    found, stale, left = dict[str, Found](), dict[str, Found](), _Left(spans)
    topic, size = context.topics.predictions.name, 0
    for record in left.read(context, topic, model):
        if record.value is None:
            continue
        with suppress(MalformedRecord, Unreadable, msgspec.DecodeError):
            said = from_json(record.content, PredictionRecord)
            before = erased.rows(said.id)
            content = msgspec.json.decode(
                clear_content(said, context.vault), type=PredictionContent
            )
            if not (rows := _rows(content.inputs, wanted, said.rows)):
                continue
            of = Found(record, said, content, tuple(sorted({*rows, *before})), len(rows))
            (found if erased.counts(said) else stale)[said.id] = of
            # In the command a request has its id and an offset, and each row a number.
            size += 60 + 4 * len(of.rows)
        if len(found) + len(stale) >= ERASED_REQUESTS or size > ERASURE_TEXT // 2:
            break
    # Hidden, and not replaced: an erasure ended in between.
    there = _current(context, model, erased, [one for one in stale if erased.of(one)])
    found |= {one: of for one, of in stale.items() if one not in there and erased.of(one)}
    return found, left.looked


def _current(
    context: ApiContext, model: str, erased: ErasedRequests, requests: Sequence[str]
) -> set[str]:
    """Return which of some erased requests have the record that counts (blocks)."""

    def take(record: Record) -> str | None:
        with suppress(MalformedRecord):
            said = from_json(record.content, PredictionRecord)
            return said.id if erased.counts(said) else None
        return None

    return {*find(context.log, context.topics.predictions.name, model, requests, take, erased)}


def _rows(
    inputs: Mapping[str, Sequence[Any]], wanted: Mapping[str, set[str]], size: int
) -> list[int]:
    """Return the rows that have a wanted value in each column."""
    columns = [(inputs.get(name, ()), values) for name, values in wanted.items()]
    return [
        row
        for row in range(size)
        if all(row < len(column) and plain(column[row]) in values for column, values in columns)
    ]


def erased_rows(context: ApiContext, found: Mapping[str, Found]) -> dict[str, ErasedRows]:
    """Return found rows as a command has them (blocks). Raises LogError."""
    ends = context.log.ends(context.topics.predictions.name)
    return {
        request: ErasedRows(one.rows, ends[one.record.partition]) for request, one in found.items()
    }


def replace_records(
    context: ApiContext, found: Mapping[str, Found], command: str, time: str, actor: str
) -> None:
    """Append the records without the erased rows, and wait for the acknowledgement (blocks).

    Raises:
        LogError: Kafka does not acknowledge them; some may be on the log.
        Unreadable: a key is gone.
    """
    for one in found.values():
        gone = {*one.rows}
        inputs, outputs = (
            {
                name: [None if row in gone else value for row, value in enumerate(values)]
                for name, values in columns.items()
            }
            for columns in (one.content.inputs, one.content.outputs)
        )
        about = f"{one.said.model}/{one.said.id}"
        content = msgspec.json.encode(PredictionContent(inputs, outputs))
        erased = Erasure(command, time, actor, one.rows)
        said = replace(one.said, erased=erased)
        said = _with_content(context, said, content, purpose_of(_SALT), about)
        _append(context, context.topics.predictions.name, one.record, msgspec.json.encode(said))
    append_all(context.log, context.topics.predictions.name, (), timeout=_APPENDED_WITHIN)


def _with_content(
    context: ApiContext, record: Any, content: bytes, purpose: str, about: str
) -> Any:
    """Return a record with another content, encrypted with the key that it had, if it had one."""
    if not record.keyid:
        return replace(record, data=Raw(content), data_base64=UNSET)
    nonce, key = secrets.token_bytes(NONCE), context.vault.key(record.keyid).derived(purpose)
    sealed = base64.b64encode(nonce + AESGCM(key).encrypt(nonce, content, about.encode())).decode()
    return replace(record, salt=_SALT, data=UNSET, data_base64=sealed)


def _append(context: ApiContext, topic: str, before: Record, value: bytes | None) -> None:
    """Append a record in the place of another one: with its key, in its partition, of its time."""
    context.log.append(topic, value, key=before.key, partition=before.partition, time=before.time)


def replace_truths(context: ApiContext, model: str, spans: Spans) -> int:
    """Take the truths of erased rows off the log (blocks); return how many records were looked at.

    `spans` becomes what is left to look at.

    Raises:
        LogError: the log cannot be read, or Kafka does not acknowledge a record.
    """
    erased = ErasedRequests(context.queries.now().models, model)
    left, topic = _Left(spans), context.topics.truths.name
    # The newest of each key: what was replaced before is not replaced again.
    newest = {record.key: record for record in left.read(context, topic, model)}
    for record in newest.values():
        if record.value is None:
            continue
        with suppress(MalformedRecord, Unreadable, msgspec.DecodeError):
            said = from_json(record.content, TruthRecord)
            gone = {*erased.rows(said.id)} & {*said.rows}
            if not gone:
                continue
            kept = [at for at, row in enumerate(said.rows) if row not in gone]
            if not kept:
                _append(context, topic, record, None)
                continue
            clear = clear_content(said, context.vault)
            values, answers = msgspec.structs.astuple(msgspec.json.decode(clear, type=TruthContent))
            content = msgspec.json.encode(
                TruthContent([values[at] for at in kept], [answers[at] for at in kept if answers])
            )
            said = replace(said, rows=tuple(said.rows[at] for at in kept), erased=True)
            about = f"truth {said.model}/{said.id}"
            said = _with_content(context, said, content, truth_purpose(_SALT), about)
            _append(context, topic, record, msgspec.json.encode(said))
    append_all(context.log, topic, (), timeout=_APPENDED_WITHIN)
    return left.looked
