"""What the hash chain costs: an event's hash, a signature, and how fast all of it is checked.

What a process does alone is measured in processor time, so that others do not disturb it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from joserfc.jwk import OKPKey
from msgspec.structs import replace

from autolearn.agents.command_handling.chain_writer import ChainWriter
from autolearn.agents.command_handling.state_store import DeciderStateStore
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.integrity.hash_chain import Chain, headers_of
from autolearn.eventlog.integrity.signed_checkpoints import fingerprint, opened, sealed
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.operations.backup.write import write_backup
from autolearn.operations.chain.sources import BackupSource, LogSource, Source
from autolearn.operations.chain.verify import verify_chain
from autolearn.projections.storage.memory import MemoryStore
from autolearn.schemas.codec import decode_event
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.schemas.topics import Topics
from autolearn.security.signing_keys import SigningKey
from tests.bench.history import PARTITIONS, Record, history
from tests.bench.written_log import write
from tests.support.settings import settings_of

SESSIONS, ROUNDS, EVERY = 10_000, 3, 1000
SETTINGS = settings_of(topic_prefix="bench-chain", partitions=PARTITIONS)
TOPICS = Topics.of(SETTINGS)


class Head(NamedTuple):
    """A partition's chain while the log is written."""

    chain: Chain = Chain()
    previous: str = ""


async def chain() -> dict[str, float]:
    """Measure on a broker of its own."""
    return await asyncio.to_thread(measure)


def measure() -> dict[str, float]:
    key = SigningKey(OKPKey.generate_key("Ed25519"))
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedBroker(install(), Path(home) / "kafka") as broker,
    ):
        log = KafkaLog(broker.bootstrap)
        log.create(TOPICS.all())
        write(broker.bootstrap, chained(key, history(SESSIONS)))
        store = ArtifactStore((Path(home) / "store").as_uri())
        write_backup(log, SETTINGS, store, Path(home) / "backup", lambda *_: None)
        sources = LogSource(log, SETTINGS), BackupSource(Path(home) / "backup")
        rates: list[list[tuple[float, float]]] = [[], []]
        for _ in range(ROUNDS):
            for source, found in zip(sources, rates, strict=True):
                found.append(verified(source, key))
        log.close()
    return {
        "chain_event_us": hashing(),
        "chain_signature_ms": signing(key),
        "chain_verify_events_per_s": statistics.median(wall for wall, _ in rates[0]),
        "chain_verify_backup_events_per_s": statistics.median(wall for wall, _ in rates[1]),
        "chain_verify_event_cpu_us": statistics.median(cpu for _, cpu in rates[0]),
        "chain_verify_backup_event_cpu_us": statistics.median(cpu for _, cpu in rates[1]),
    }


def chained(key: SigningKey, records: Iterator[Record]) -> Iterator[tuple[str, Record]]:
    """Records with the headers and checkpoints that deciders would write."""
    heads: defaultdict[int, Head] = defaultdict(Head)
    for record in records:
        chain, previous = heads[record.partition]
        chain = chain.then(chain.offset + 1, record.value)
        yield (
            TOPICS.events.name,
            record._replace(headers=(*record.headers, *headers_of(chain.hash))),
        )
        if chain.events % EVERY == 0:
            event = decode_event(record.value)
            token = sealed(
                Checkpoint(
                    partition=record.partition, offset=chain.offset, events=chain.events,
                    hash=chain.hash.hex(), term=event.term, last=event.commandoffset,
                    time=event.time, previous=previous,
                ),
                key,
            )  # fmt: skip
            previous = fingerprint(token)
            yield TOPICS.checkpoints.name, record._replace(value=token)
        heads[record.partition] = Head(chain, previous)


def verified(source: Source, key: SigningKey) -> tuple[float, float]:
    """Events per second of `replay verify --chain`, and its processor time for one, in µs."""
    began = time.process_time()
    found = verify_chain(source, key.public())
    assert found.unbroken, found.findings
    assert found.unattested < PARTITIONS * EVERY
    return found.events_per_s, (time.process_time() - began) / found.events * 1e6


def hashing() -> float:
    """What a decider does more for an event: hash it twice, make its header, keep the row (µs)."""
    values = [record.value for record in history(500)]
    links = ChainWriter(DeciderStateStore(MemoryStore()), 0)
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for offset, value in enumerate(values):
            links.note(value)
            links.take(offset, value)
            links.states.commit({})
        best = min(best, time.process_time() - began)
    assert links.ahead == links.folded.hash
    return best / len(values) * 1e6


def signing(key: SigningKey, count: int = 300) -> float:
    """Making and signing one checkpoint, in ms."""
    one = Checkpoint(partition=0, offset=1, events=1, hash="0" * 64, term=1, last=1, time="now")
    began = time.process_time()
    tokens = [sealed(replace(one, offset=offset), key) for offset in range(count)]
    seconds = time.process_time() - began
    assert opened(tokens[-1], key.public()).offset == count - 1
    return seconds / count * 1000
