"""Signs checkpoints of the partitions that this process decides on (docs/chain.md)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from autolearn.agents.command_handling.chain_writer import ChainWriter
from autolearn.agents.command_handling.partition_claim import PartitionClaim
from autolearn.eventlog.integrity.signed_checkpoints import CONTENT_TYPE, fingerprint, sealed
from autolearn.eventlog.log import Producer
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import now
from autolearn.schemas.errors import LogError
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.signing_keys import SigningKey

SIGNED, FAILED = "autolearn_decider_checkpoints_total", "autolearn_decider_checkpoints_failed_total"
TICK = 1.0
"""Seconds between two checks for chains that were never signed."""
logger = structlog.get_logger(__name__)


class CheckpointSigner:
    """Appends a checkpoint at once at first, after many events, and every so often.

    It attests only admitted events, so it is true whoever decides by now. A checkpoint that cannot
    be written stops nothing: an error is logged, and the next one attests as much. Of a partition
    one is on its way at a time: each names the one before it, which must be on the log.
    """

    def __init__(self, settings: Settings, log: Producer, key: SigningKey, meter: Meter) -> None:
        self.log, self.key, self.meter = log, key, meter
        self.topic = Topics.of(settings).checkpoints.name
        chain = settings.chain
        self.every, self.interval = chain.checkpoint_events, chain.checkpoint_interval
        self.file = Path(chain.checkpoint_file) if chain.checkpoint_file else None
        self.writer = ThreadPoolExecutor(1, "checkpoint-file")
        self.stopping = asyncio.Event()
        self.held: Callable[[], Iterable[PartitionClaim]] = tuple
        self.task: asyncio.Task[None] | None = None

    def start(self, held: Callable[[], Iterable[PartitionClaim]]) -> None:
        """Start to sign the claims of `held()` every so often."""
        self.held = held
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        """Sign every so often, and once more when it is stopped.

        A partition without any checkpoint does not wait: nobody should have to mistake a log whose
        checkpoints were removed for a new one.
        """
        stopped, due = False, time.monotonic() + self.interval
        while not stopped:
            with contextlib.suppress(TimeoutError):
                stopped = await asyncio.wait_for(self.stopping.wait(), min(TICK, self.interval))
            if is_due := stopped or time.monotonic() >= due:
                due = time.monotonic() + self.interval
            for claim in self.held():
                if is_due or (claim.links is not None and not claim.links.tried):
                    self.sign(claim)

    async def stop(self) -> None:
        """Sign what is not attested yet, and wait until it is written."""
        self.stopping.set()
        if self.task is not None:
            await self.task
        await asyncio.to_thread(self.flush)
        for claim in self.held():  # chains that had to wait for a pending checkpoint
            if claim.links is not None and claim.links.tried < claim.links.folded.events:
                self.sign(claim)
        await asyncio.to_thread(self.finish)

    def flush(self) -> None:
        """Wait until sent checkpoints are on the log (blocks)."""
        try:
            self.log.flush(5.0)
        except LogError as error:
            logger.warning("checkpoints may not be written", why=error.detail)

    def finish(self) -> None:
        """Wait until everything is written (blocks)."""
        self.flush()
        self.writer.shutdown()
        self.file = None  # later checkpoints are on the log only

    def after(self, claim: PartitionClaim) -> None:
        """Sign a partition's chain if many events are not attested yet."""
        if claim.links is not None:
            attested = max(claim.links.signed, claim.links.tried)
            if claim.links.folded.events - attested >= self.every:
                self.sign(claim)

    def sign(self, claim: PartitionClaim) -> None:
        """Sign a partition's chain up to the newest admitted event, if it has grown."""
        links = claim.links
        if links is None or claim.fenced or not claim.taken or not links.unsigned:
            return
        if links.on_its_way:
            return
        links.on_its_way, links.tried = True, links.folded.events
        self.append(claim.partition, sealed(_statement(claim, links), self.key), links)

    def append(self, partition: int, token: bytes, links: ChainWriter) -> None:
        """Send a checkpoint to the log, and to the file once it is there."""

        def delivered(error: LogError | None, *_: int) -> None:
            if error is not None:
                self.failed(partition, error.detail)
            else:
                links.previous, links.signed = fingerprint(token), links.tried
                self.meter.count(SIGNED)
                if self.file is not None:
                    self.writer.submit(self.write, self.file, partition, token)
            links.on_its_way = False

        try:
            self.log.append(
                self.topic,
                token,
                key=f"partition/{partition}",
                partition=partition,
                headers=CONTENT_TYPE,
                delivered=delivered,
            )
        except LogError as error:
            links.on_its_way = False
            self.failed(partition, error.detail)

    def write(self, file: Path, partition: int, token: bytes) -> None:
        """Append a checkpoint to the file, as one line; it is on the disk when this returns."""
        try:
            with file.open("ab", buffering=0) as to:
                to.write(token + b"\n")
                os.fsync(to.fileno())
        except OSError as error:
            self.failed(partition, f"{file}: {error.strerror}")

    def failed(self, partition: int, why: str) -> None:
        """Log that a checkpoint could not be written."""
        self.meter.count(FAILED)
        logger.error("a checkpoint could not be written", partition=partition, why=why)


def _statement(claim: PartitionClaim, links: ChainWriter) -> Checkpoint:
    """Return the statement to sign about a partition now."""
    reached = claim.follower.progress[claim.partition]
    return Checkpoint(
        partition=claim.partition,
        offset=links.folded.offset,
        events=links.folded.events,
        hash=links.folded.hash.hex(),
        term=reached.term,
        last=reached.last,
        time=now(),
        previous=links.previous,
        broken=links.broken,
    )
