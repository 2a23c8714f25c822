"""The records of truths: appended, and read back by request and row."""

from __future__ import annotations

import base64
import queue
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw

from autolearn.api.services.models.prediction_records import clear_content
from autolearn.api.services.models.truths.log_scan import SCANNED, scan
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.log import Record
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.runtime.timestamps import now
from autolearn.schemas.codec import from_json
from autolearn.schemas.errors import LogError, MalformedRecord
from autolearn.schemas.records.truth import RowAnswer, TruthContent, TruthRecord, truth_purpose
from autolearn.schemas.rest.truths import RowTruth
from autolearn.security.data_key import NONCE, Unreadable

_SALT = secrets.token_hex(16)
_APPENDED_WITHIN = 30.0
"""Seconds within which Kafka must acknowledge the truths of one request."""
Truths = Mapping[str, Mapping[int, RowTruth]]
"""The truths by request and row."""


class Value(NamedTuple):
    """What a row of a request is, and what was answered.

    `keyid` is the key of the answer, "" if that is in clear.
    """

    request: str
    row: int
    value: str | float
    keyid: str
    answers: tuple[RowAnswer, ...] = ()


def append(
    context: ApiContext, model: str, actor: str, values: Iterable[Value], *, replace: bool
) -> None:
    """Append truths, a record for each request, and wait until they are acknowledged (blocks).

    Raises:
        LogError: Kafka does not acknowledge them; some may be on the log.
        Unreadable: a key is gone.
    """
    of_request = dict[str, list[Value]]()
    for one in values:
        of_request.setdefault(one.request, []).append(one)
    outcomes = queue.SimpleQueue[LogError | None]()
    at = now()
    for request, rows in of_request.items():
        content = msgspec.json.encode(
            TruthContent([one.value for one in rows], [one.answers for one in rows])
        )
        keyid, sealed = rows[0].keyid, ""
        if keyid:
            key = AESGCM(context.vault.key(keyid).derived(truth_purpose(_SALT)))
            nonce, about = secrets.token_bytes(NONCE), f"truth {model}/{request}".encode()
            sealed = base64.b64encode(nonce + key.encrypt(nonce, content, about)).decode()
        record = TruthRecord(
            id=request,
            time=at,
            model=model,
            actor=actor,
            rows=tuple(one.row for one in rows),
            replaces=replace,
            keyid=keyid,
            salt=_SALT if keyid else "",
            data=UNSET if keyid else Raw(content),
            data_base64=sealed if keyid else UNSET,
        )
        context.log.append(
            context.topics.truths.name,
            msgspec.json.encode(record),
            # A key of its own: the brokers keep the newest record of each key only.
            key=f"{model}/{request}/{secrets.token_hex(8)}",
            partition=partition_of(f"{model}/{request}", context.topics.truths.partitions),
            delivered=lambda error, _, __: outcomes.put(error),
        )
    until = time.monotonic() + _APPENDED_WITHIN
    for _ in of_request:
        try:
            error = outcomes.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise LogError("Kafka has not taken the truths in time.") from None
        if error is not None:
            raise error


def truths_since(
    context: ApiContext,
    model: str,
    since: int,
    requests: Collection[str] | None = None,
    most: int = SCANNED,
) -> tuple[Truths, int]:
    """Return the truths that were given since a time, all or those of some requests (blocks).

    The second one of the result is since when these are all of them, as `scan` has it.

    Raises:
        LogError: they cannot be read.
    """
    topic, prefix = context.topics.truths, f"{model}/".encode()
    wanted = None if requests is None else {f"{model}/{one}".encode() for one in requests}
    only = None if wanted is None else {partition_of(one, topic.partitions) for one in wanted}

    def take(record: Record) -> TruthRecord | None:
        key = b"/".join((record.key or b"").split(b"/")[:2])
        if not key.startswith(prefix) or (wanted is not None and key not in wanted):
            return None
        with suppress(MalformedRecord):
            return from_json(record.content, TruthRecord)
        return None

    records, reached = scan(context.log, topic.name, since, take, only, most)
    # What replaces a record, because a row was erased, comes later, and counts at the same place.
    records.sort(key=lambda one: one.time)
    found = dict[str, dict[int, RowTruth]]()
    for record in records:
        with suppress(Unreadable, msgspec.DecodeError):
            content = msgspec.json.decode(clear_content(record, context.vault), type=TruthContent)
            rows = found.setdefault(record.id, {})
            for row, value in zip(record.rows, content.values, strict=True):
                if record.replaces or row not in rows:
                    rows[row] = RowTruth(row, value, record.actor, record.time)
    return found, reached
