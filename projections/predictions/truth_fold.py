"""Folds truths into the hours of the requests that they are about: how right each version was."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw, Struct

from autolearn.eventlog.log import Record, RecordReader, RecordSource
from autolearn.projections.predictions.hour_fold import FoldedHour, HourFold, Place
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.table import NumberedTable, Table
from autolearn.runtime.timestamps import millis
from autolearn.runtime.uuid7 import time_of
from autolearn.schemas.records.prediction_hour import HourContent, TruthCounts
from autolearn.schemas.records.truth import RowAnswer, TruthContent, TruthRecord, truth_purpose
from autolearn.security.data_key import NONCE, Unreadable

logger = structlog.get_logger(__name__)

_NEXT = NumberedTable("next-truth", int)
"""The offset on `truths` to read next, by partition."""
_MOST_PAIRS = 1000
"""Pairs of a truth and an answer that are counted one by one."""
_FORGOTTEN = 10_000
"""Truths that are forgotten at a time."""


class _Known(Struct, frozen=True):
    """The truth of a row that counts: its record as it is on the log, encrypted there or not."""

    key: str
    record: Raw


_KNOWN = Table("known-truth", _Known)
"""By request, model, and the number of the row."""
_record = msgspec.json.Decoder(TruthRecord).decode
_content = msgspec.json.Decoder(TruthContent).decode


class TruthFold:
    """Folds records of `truths` into the hours of an `HourFold`. One thread may use both.

    A record has the answers that it is about, so nothing is looked up. Of several truths of a row
    the first one counts, and each later one that replaces it: then the one before is taken off.
    Rows, truths and offsets are written atomically.
    """

    def __init__(self, hours: HourFold) -> None:
        self.hours, self.store = hours, hours.store
        self.next = RowReader(self.store).numbered(_NEXT)
        self.ciphers: dict[tuple[str, str], AESGCM | None] = {}

    def reader(self, log: RecordSource, topic: str) -> RecordReader:
        """Return a reader from where the fold is, or from the oldest record that is kept.

        Raises:
            LogError: the topic cannot be read.
        """
        begins, ends = log.begins(topic), log.ends(topic)
        self.next = {p: min(max(self.next.get(p, 0), at), ends[p]) for p, at in begins.items()}
        return log.reader(topic, self.next)

    def fold(self, records: Sequence[Record]) -> None:
        """Fold and store records.

        Raises:
            LogError: a key cannot be read now; nothing of the batch is counted.
        """
        self.ciphers = {}
        batch = _Batch(self)
        following = dict(self.next)
        for record in records:
            following[record.partition] = record.offset + 1
            key = (record.key or b"").decode(errors="replace")
            if record.value is None:
                batch.forget(key, ())
                continue
            try:
                said = _record(record.value)
            except msgspec.DecodeError as error:
                place = (record.partition, record.offset)
                logger.warning("a record is no truth", at=place, why=str(error))
                continue
            if said.erased:
                batch.forget(key, said.rows)
            elif (content := self.opened(said)) is not None:
                batch.add(key, said, content, Raw(record.value))
        more = {_NEXT.key(p): msgspec.json.encode(at) for p, at in following.items()}
        self.hours.write(batch.hours, batch.written | more)
        self.next = following

    def opened(self, said: TruthRecord) -> TruthContent | None:
        """Return the content of a record; None if it cannot be read. Raises LogError."""
        content = self._decrypted(said)
        try:
            for hour in {one.hour for of in (content.answers if content else ()) for one in of}:
                millis(f"{hour}:00:00Z")
        except ValueError:
            return None  # it was not written by us
        return content

    def _decrypted(self, said: TruthRecord) -> TruthContent | None:
        try:
            if said.data is not UNSET:
                return _content(said.data)
            by = (said.keyid, said.salt)
            if by not in self.ciphers:
                key = self.hours.vault.find(said.keyid).derived(truth_purpose(said.salt))
                self.ciphers[by] = AESGCM(key)
            cipher = self.ciphers[by]
            if cipher is None or said.data_base64 is UNSET:
                return None
            sealed = binascii.a2b_base64(said.data_base64)
            about = f"truth {said.model}/{said.id}".encode()
            return _content(cipher.decrypt(sealed[:NONCE], sealed[NONCE:], about))
        except Unreadable:
            self.ciphers[said.keyid, said.salt] = None
        except (InvalidTag, ValueError):
            pass
        return None

    def forget_before(self, time: int) -> None:
        """Forget some truths of requests before a time, in milliseconds since 1970."""
        gone: dict[bytes, bytes | None] = {}
        for at, _ in self.store.scan(_KNOWN.prefix()):
            asked = time_of(at.split(b"\0")[1].decode(errors="replace"))
            if (asked is not None and asked >= time) or len(gone) >= _FORGOTTEN:
                break
            gone[at] = None
        if gone:
            self.store.write(gone)


class _Batch:
    """What a batch of records changes."""

    def __init__(self, fold: TruthFold) -> None:
        self.fold = fold
        self.hours: dict[Place, FoldedHour] = {}
        self.written: dict[bytes, bytes | None] = {}

    def known(self, at: bytes) -> _Known | None:
        """Return the truth of a row."""
        value = self.written[at] if at in self.written else self.fold.store.get(at)
        return None if value is None else _KNOWN.decode(value)

    def add(self, key: str, said: TruthRecord, content: TruthContent, value: Raw) -> None:
        """Count the truths of a record."""
        known = msgspec.json.encode(_Known(key, value))
        parts = zip(said.rows, content.values, content.answers, strict=False)
        for row, truth, answers in parts:
            at = _KNOWN.key(said.id, said.model, f"{row:06}")
            before = self.known(at)
            if before is not None:
                if not said.replaces:
                    continue
                self.take_off(before, row)
            for answer in answers:
                self.count(said, answer, truth, 1)
            self.written[at] = known

    def take_off(self, before: _Known, row: int) -> None:
        """Count a truth no longer."""
        said = _record(before.record)
        content = self.fold.opened(said)
        if content is not None:
            at = said.rows.index(row)
            for answer in content.answers[at]:
                self.count(said, answer, content.values[at], -1)

    def count(self, said: TruthRecord, answer: RowAnswer, truth: str | float, by: int) -> None:
        """Count a truth of an answer, or take it off."""
        at = (said.model, answer.version, answer.hour, answer.shadow)
        hour = self.hours.get(at)
        if hour is None:
            hour = self.hours[at] = self.fold.hours.hour(at)
        hour.secret = hour.secret or said.keyid != ""
        hour.row.truths += by
        hour.row.told += 1
        hides = self.fold.hours.edges(said.model, answer.version).hides
        _count(hour.content, truth, answer.predicted, by, hides=hides)

    def forget(self, key: str, kept: Sequence[int]) -> None:
        """Forget the truths of a record, but those of some rows. The counts stay."""
        model, _, request = key.partition("/")
        prefix = _KNOWN.prefix(request.partition("/")[0], model)
        for at, value in self.fold.store.scan(prefix):
            row = int(at.rpartition(b"\0")[2])
            if row not in kept and _KNOWN.decode(value).key == key:
                self.written[at] = None


def _count(content: HourContent, truth: Any, predicted: Any, by: int, *, hides: bool) -> None:
    """Count a truth beside an answer."""
    counts = content.truths
    if isinstance(truth, str) or isinstance(predicted, str):
        counts.right += by * (str(truth) == str(predicted))
        if not hides:
            _count_pair(counts, str(truth), str(predicted), by)
        return
    error = float(truth) - float(predicted)
    counts.numbers += by
    counts.squared += by * error * error
    counts.absolute += by * abs(error)


def _count_pair(counts: TruthCounts, truth: str, predicted: str, by: int) -> None:
    known = counts.pairs.get(truth, {})
    if predicted not in known and (by < 0 or sum(map(len, counts.pairs.values())) >= _MOST_PAIRS):
        counts.other_pairs += by
        return
    known[predicted] = known.get(predicted, 0) + by
    if not known[predicted]:
        del known[predicted]
    counts.pairs[truth] = known
    if not known:
        del counts.pairs[truth]
