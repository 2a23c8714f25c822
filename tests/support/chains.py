"""Logs with a hash chain, made by deciders on the in-memory log, and people who change them.

The chain is computed here by other code than the program's, so that a fault cannot hide itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from autolearn.agents.command_handling import partition_claim
from autolearn.eventlog.integrity.signed_checkpoints import CONTENT_TYPE, sealed
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.codec import encode
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.schemas.topics import Topics
from autolearn.security.signing_keys import SigningKey
from tests.agents.command_handling.test_simulated_write_path import QuickStore, run
from tests.golden.log import golden_log
from tests.support.settings import settings_of

HERE = settings_of(partitions=2, topic_prefix="here")
TERM = "autolearn.TermStarted.v1"


class Record(NamedTuple):
    """A record on partition 0 of the events; `told` is its header."""

    value: bytes
    told: str | None = None

    @property
    def event(self) -> dict:
        return json.loads(self.value)

    def changed(self, **fields: object) -> Record:
        """The same with other content, and the header that it had."""
        return self._replace(value=json.dumps(self.event | fields).encode())


def admitted(records: Sequence[Record]) -> list[int]:
    """The indexes of those that count."""
    term, last, found = 0, -1, []
    for index, record in enumerate(records):
        event = record.event
        if event["type"] == TERM:
            if event["term"] <= term:
                continue
            term = event["term"]
        elif (event["term"], event["prev"]) == (term, last) and event["commandoffset"] > last:
            last = event["commandoffset"]
        else:
            continue
        found.append(index)
    return found


def hashes(records: Sequence[Record]) -> dict[int, str]:
    """The chain's hash after each record that counts, by its index."""
    now, found = bytes(32), {}
    for index in admitted(records):
        now = hashlib.sha256(now + hashlib.sha256(records[index].value).digest()).digest()
        found[index] = now.hex()
    return found


def rechained(records: Sequence[Record]) -> list[Record]:
    """The same records with headers that fit: what somebody who knows the program would write."""
    right = hashes(records)
    return [
        record if record.told is None else record._replace(told=right.get(index, record.told))
        for index, record in enumerate(records)
    ]


def story(seed: int, steps: int = 300) -> list[Record]:
    """What deciders write while some are killed, and others wake up late and write too."""
    with mock.patch.object(partition_claim, "RocksStore", QuickStore):
        QuickStore.folders.clear()
        world = run(seed, Path(f"chain-{seed}"), steps)
    found = []
    for message in world.log.topics["events"][0]:
        headers = dict(message.headers)
        told_hash = headers.get("chain")
        found.append(Record(message.content, told_hash and told_hash.decode()))
    return found


def golden() -> list[Record]:
    """The golden log, without headers."""
    return [Record(encode(record)) for record in golden_log()]


def checkpoints(records: Sequence[Record], key: SigningKey, every: int) -> list[bytes]:
    """Signed checkpoints: one every so many events, and one at the end."""
    right, tokens = hashes(records), list[bytes]()
    counted = list(right)
    term, last = 0, -1
    for number, index in enumerate(counted, 1):
        event = records[index].event
        term, last = event["term"], max(last, event["commandoffset"])
        if number % every == 0 or number == len(counted):
            previous = hashlib.sha256(tokens[-1]).hexdigest() if tokens else ""
            one = Checkpoint(
                partition=0, offset=index, events=number, hash=right[index], term=term, last=last,
                time=f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z", previous=previous,
            )  # fmt: skip
            tokens.append(sealed(one, key))
    return tokens


def log_of(records: Sequence[Record], tokens: Sequence[bytes]) -> MemoryLog:
    """A log with these records and checkpoints."""
    log, topics = MemoryLog(), Topics.of(HERE)
    log.create(topics.all())
    for record in records:
        headers = () if record.told is None else (("chain", record.told.encode()),)
        key = record.event.get("subject", "") if record.value[:1] == b"{" else ""
        log.append(topics.events.name, record.value, key=key, partition=0, headers=headers)
    for token in tokens:
        log.append(topics.checkpoints.name, token, key="p", partition=0, headers=CONTENT_TYPE)
    return log


def told(records: Sequence[Record]) -> list[int]:
    """The indexes of answers that count, and have a header."""
    return [index for index in admitted(records) if records[index].told is not None]
