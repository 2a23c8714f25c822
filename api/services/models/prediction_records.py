"""Reads the prediction log of a model, newest first."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET

from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.log import RecordSource
from autolearn.runtime.timestamps import millis
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.prediction import (
    PredictionContent,
    PredictionRecord,
    Purpose,
    purpose_of,
)
from autolearn.schemas.records.truth import TruthRecord, truth_purpose
from autolearn.schemas.rest.predictions import RecordedPrediction
from autolearn.schemas.rest.truths import RowTruth
from autolearn.security.data_key import NONCE, Unreadable

_CHUNK = 2000
"""Offsets of a partition that are read at a time, from the end backwards."""
_MOST = 40_000
"""Records that one page looks at."""
_LAST = "~"
"""Behind every id."""


class Sought(NamedTuple):
    """The wanted records of a model: those of a user or a request, and those before an id.

    Without a purpose, explanations are only wanted by their id. Of `erased` requests the newest
    record is wanted.
    """

    model: str
    erased: ErasedRequests
    actor: str | None = None
    request: str = ""
    version: int = 0
    before: str = ""
    purpose: Purpose | None = None

    def fits(self, record: PredictionRecord) -> bool:
        """Return whether a record is wanted."""
        return (
            record.model == self.model
            and (self.actor is None or record.actor == self.actor)
            and self.request in ("", record.id)
            and self.version in (0, record.version)
            and (self.purpose == record.purpose or self.purpose is None)
            and (record.purpose != "explain" or bool(self.purpose or self.request))
            and (not self.before or place_of(record) < self.before)
            and self.erased.counts(record)
        )


def place_of(record: PredictionRecord) -> str:
    """Return by what a record is sorted: its id, which begins with its time.

    Of an erased request that is the time of the erasure, since when its record is on the log.
    """
    if record.erased is None:
        return record.id
    return f"{uuid7(millis(record.erased.time))[:13]}-{record.id}"


Spans = Mapping[int, tuple[int, int]]
"""What is left to read of each partition: from an offset to one that is not read any more."""


def page(
    log: RecordSource, topic: str, spans: Spans, sought: Sought, limit: int
) -> tuple[list[PredictionRecord], Spans]:
    """Return records, newest first, and what is left (blocks).

    At most about _MOST records are looked at, so a page may have few records, or none, and another
    one follow.

    Raises:
        LogError: they cannot be read.
    """
    left, looked, reached = dict(spans), 0, dict.fromkeys(spans, _LAST)
    found: list[tuple[str, int, int, PredictionRecord]] = []
    while open_ := {p for p, (begin, end) in left.items() if end > begin}:
        # The partition that has come least far back: what it still has may be the newest.
        partition = max(open_, key=lambda p: reached[p])
        found.sort(key=lambda one: one[:3], reverse=True)
        enough = len(found) >= limit and found[limit - 1][0] >= reached[partition]
        if enough or looked >= _MOST:
            break
        begin, end = left[partition]
        start = max(begin, end - _CHUNK)
        for offset, value in _read(log, topic, partition, start, end):
            with suppress(MalformedRecord):  # what is none was not written by us
                record = from_json(value, PredictionRecord)
                reached[partition] = min(reached[partition], place_of(record))
                if sought.fits(record):
                    found.append((place_of(record), partition, offset, record))
        looked += end - start
        left[partition] = (begin, start)
    found.sort(key=lambda one: one[:3], reverse=True)
    horizon = max((reached[p] for p, (begin, end) in left.items() if end > begin), default="")
    shown = [one for one in found if one[0] >= horizon][:limit]
    for _, partition, offset, _ in found[len(shown) :]:  # they come again, on the next page
        begin, end = left[partition]
        left[partition] = (begin, max(end, offset + 1))
    return [one[3] for one in shown], {p: one for p, one in left.items() if one[1] > one[0]}


def _read(
    log: RecordSource, topic: str, partition: int, start: int, end: int
) -> Iterator[tuple[int, bytes]]:
    with closing(log.reader(topic, {partition: start})) as reader:
        at = start
        while at < end:
            records = reader.read(_CHUNK, 2.0)
            if not records:
                return  # what was there is deleted by now
            for record in records:
                at = record.offset + 1
                if record.offset < end and record.value is not None:
                    yield record.offset, record.value


def shown(
    record: PredictionRecord, vault: SessionCipher, truths: Sequence[RowTruth] | None = ()
) -> RecordedPrediction:
    """Return a record as it is shown; without content if that cannot be read any more."""
    content = None
    with suppress(Unreadable, msgspec.DecodeError):
        content = msgspec.json.decode(clear_content(record, vault), type=PredictionContent)
    return RecordedPrediction(
        request=record.id,
        time=record.time,
        model=record.model,
        version=record.version,
        rows=record.rows,
        actor=record.actor,
        route=record.route,
        client=record.client,
        instance=record.instance,
        trace=record.trace,
        duration=record.duration,
        warned=record.warned,
        shadow_of=record.shadow_of,
        purpose=record.purpose,
        inputs=None if content is None else content.inputs,
        outputs=None if content is None else content.outputs,
        truths=None if truths is None else [*truths],
        erased=record.erased,
    )


def cipher_of(vault: SessionCipher, keyid: str, purpose: str) -> AESGCM:
    """Return the cipher of the records with a key and a purpose. Raises Unreadable."""
    return AESGCM(vault.key(keyid).derived(purpose))


def clear_content(record: PredictionRecord | TruthRecord, vault: SessionCipher) -> bytes:
    """Return the content of a record. Raises Unreadable."""
    return opened_content(record, partial(cipher_of, vault))


def opened_content(
    record: PredictionRecord | TruthRecord, cipher: Callable[[str, str], AESGCM]
) -> bytes:
    """Return the content of a record, with the `cipher` of its key and purpose.

    Raises Unreadable.
    """
    if record.data is not UNSET:
        return bytes(record.data)
    if record.data_base64 is UNSET:
        raise Unreadable
    about, purpose = f"{record.model}/{record.id}", purpose_of(record.salt)
    if isinstance(record, TruthRecord):
        about, purpose = f"truth {about}", truth_purpose(record.salt)
    sealed = base64.b64decode(record.data_base64)
    try:
        return cipher(record.keyid, purpose).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode())
    except InvalidTag:
        raise Unreadable from None


def plain(value: Any) -> str:
    """Return a value as it is compared: a number is the same as text and as a number."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    with suppress(ValueError):
        return repr(float(value))
    return str(value)
