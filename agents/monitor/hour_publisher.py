"""Appends the folded hours: those that are over for ever, the others as they are by now."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from autolearn.eventlog.append import append_all
from autolearn.eventlog.log import Log
from autolearn.projections.predictions.hour_content import content_of, put_content
from autolearn.projections.predictions.hour_fold import UNCLOSED, HourFold
from autolearn.projections.predictions.hour_rows import CLOSED, FOLDED, HourTopic, hour_in, key_of
from autolearn.projections.storage.store import Store
from autolearn.projections.storage.table import Table
from autolearn.runtime.timestamps import millis
from autolearn.schemas.records.prediction_hour import PredictionHour
from autolearn.schemas.topics import Topics

_HOUR_MS = 3_600_000
_GRACE_MS = 5 * 60_000
"""Milliseconds after an hour within which its last records come; a later one is appended anew."""
_OPEN_PAUSE = 10.0
"""Seconds between two records of an hour that is not over."""
_CLOSE_PAUSE = 5.0
_AGAIN = 300.0
"""Seconds before an hour that is over is appended once more: truths may come for weeks."""
_PATIENCE = 30.0
_MOST = 500
"""Hours that are appended at a time."""


class HourPublisher:
    """Appends hours from the store of a fold. One thread may use it.

    What is on `prediction-hours` is read from there (`closed`), so that an hour is appended again
    only if more requests or truths were counted since, by whichever process.
    """

    def __init__(self, log: Log, topics: Topics, store: Store, fold: HourFold) -> None:
        self.log, self.topics, self.store, self.fold = log, topics, store, fold
        self.closed = HourTopic(log, topics.prediction_hours.name, store, CLOSED)
        self.closed.catch_up()
        self.goal: tuple[float, dict[int, int]] | None = None
        """A time, and the ends of `predictions` then: behind them, hours before it can be closed.
        """
        self.looked = float("-inf")
        self.sent: dict[bytes, float] = {}
        self.appended: dict[str, float] = {}
        """When hours that are over were appended last."""
        fold.changed |= {key_of(FOLDED, row) for row in self._unclosed()}

    def publish(self) -> None:
        """Append what is due (blocks).

        Raises:
            LogError: it is not acknowledged in time.
        """
        self.closed.step(0.0)
        if time.monotonic() - self.looked >= _CLOSE_PAUSE:
            self.looked = time.monotonic()
            self._close()
        self._show()

    def _close(self) -> None:
        """Append the hours that are over, and of which everything is folded."""
        if self.goal is None:
            self.goal = time.time() * 1000, self.log.ends(self.topics.predictions.name)
        by, ends = self.goal
        if any(self.fold.next.get(p, 0) < end for p, end in ends.items()):
            return
        self.goal = None
        now = time.monotonic()
        self.appended = {at: then for at, then in self.appended.items() if now - then < _AGAIN}
        records: list[tuple[str, bytes | None]] = []
        written: dict[bytes, bytes | None] = {}
        for row in self._unclosed():
            if len(records) >= _MOST or _end_of(row) + _GRACE_MS > by:
                continue
            known = _stored(self.store, CLOSED, row)
            newer = known is None or row.requests > known.requests or row.told > known.told
            if newer and now - self.appended.get(row.key, -math.inf) < _AGAIN:
                continue
            if newer:
                records.append((row.key, msgspec.json.encode(self._newest(row, known))))
                self.appended[row.key] = now
            else:
                written[UNCLOSED.key(row.key)] = None
                self.fold.changed.discard(key_of(FOLDED, row))
        append_all(
            self.log, self.topics.prediction_hours.name, records, partition=0, timeout=_PATIENCE
        )
        self.store.write(written)
        gone = [(name.partition(b"\0")[2], None) for name in written]
        append_all(self.log, self.topics.open_hours.name, gone, partition=0, timeout=_PATIENCE)

    def _newest(self, row: PredictionHour, known: PredictionHour | None) -> PredictionHour:
        """Return an hour with what is newest of two records: the requests, and the truths.

        Where predictions have expired, or their records were compacted away, a rebuilt fold has
        counted fewer of them, and may have newer truths.
        """
        if known is None or (row.requests >= known.requests and row.told >= known.told):
            return row
        of, other = (row, known) if row.requests >= known.requests else (known, row)
        vault = self.fold.vault
        content, more = content_of(of, vault), content_of(other, vault)
        of = replace(of, truths=other.truths, told=other.told)
        if content is not None and more is not None:
            content.truths = more.truths
            put_content(of, content, vault, secret=of.keyid != "" or other.keyid != "")
        return of

    def _show(self) -> None:
        """Append the changed hours that are not over, each one now and then."""
        now = time.monotonic()
        due = [
            at for at in self.fold.changed if now - self.sent.get(at, -_OPEN_PAUSE) >= _OPEN_PAUSE
        ]
        records: list[tuple[str, bytes | None]] = []
        for at in due[:_MOST]:
            value = self.store.get(at)
            assert value is not None, "it was stored with its key"
            row = FOLDED.decode(value)
            if _end_of(row) + _GRACE_MS > time.time() * 1000:  # else it is closed by and by
                records.append((row.key, value))
            self.fold.changed.discard(at)
            self.sent[at] = now
        append_all(self.log, self.topics.open_hours.name, records, partition=0, timeout=_PATIENCE)
        self.sent = {at: then for at, then in self.sent.items() if now - then < _OPEN_PAUSE}

    def _unclosed(self) -> Iterator[PredictionHour]:
        """Yield the folded hours that `prediction-hours` may not have as they are."""
        for at, _ in self.store.scan(UNCLOSED.prefix()):
            named = hour_in(at.partition(b"\0")[2], None)
            row = _stored(self.store, FOLDED, named) if named is not None else None
            if row is not None:
                yield row

    def close(self) -> None:
        """Close the connections."""
        self.closed.close()


def _end_of(row: PredictionHour) -> int:
    """Return the end of an hour in milliseconds since 1970."""
    return millis(f"{row.hour}:00:00Z") + _HOUR_MS


def _stored(
    store: Store, table: Table[PredictionHour], row: PredictionHour
) -> PredictionHour | None:
    """Return the row of the same hour in a table."""
    value = store.get(key_of(table, row))
    return None if value is None else table.decode(value)
