"""The decide agent: one Faust agent on `commands` that answers each with one event on `events`.

A delivered command is decided at once, against the state as decided so far; the event is on its way
to the log while the next command is decided (at most `_IN_FLIGHT` of them). The offset of a command
is committed only after its event was admitted. A failed append or fold ends the process: another
tenure starts from the log.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from faust.types import EventT

from autolearn.agents.command_handling.assignments import Assignments
from autolearn.agents.command_handling.checkpoint_signer import CheckpointSigner
from autolearn.agents.command_handling.decision import AppendFence, Decision, check_stream, decide
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.agents.delivery_watch import Deliveries
from autolearn.agents.fail_stop import end_process
from autolearn.agents.faust_app import consume, make_app
from autolearn.eventlog.encryption.session_cipher import open_vault
from autolearn.eventlog.log import Log
from autolearn.runtime.home import home_of, state_folder
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import stamp
from autolearn.runtime.trace_context import answering, instance_of
from autolearn.schemas.bounds import size_of
from autolearn.schemas.codec import CommandRecord, Headers, decode_command, to_json
from autolearn.schemas.errors import LogError, MalformedRecord
from autolearn.schemas.records.dead_letter import DeadLetter
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.security.signing_keys import SigningKey, key_path

_IN_FLIGHT = 500
"""Answers that are on their way to the log at a time."""
_SHARE = 128 * 1024
"""Bytes of a command for each of which it counts as one more: 64 MB are on their way at most."""
logger = structlog.get_logger(__name__)


class DecideAgent:
    """Decides on the partitions of `commands` that the group gives to this process."""

    def __init__(self, settings: Settings, log: Log, brokers: str, meter: Meter) -> None:
        self.log, self.topics, self.meter = log, Topics.of(settings), meter
        self.folder = state_folder(settings, "decide")
        self.process = f"decide-{settings.instance}"
        self.instance = instance_of("decide", settings.instance)
        self.claims: Assignments[PartitionClaim] = Assignments(self._new_claim)
        self.room = asyncio.Semaphore(_IN_FLIGHT)
        meter.watch(lambda: [("autolearn_decider_partitions", (), len(self.claims.held))])
        meter.watch(lambda: [("autolearn_decider_broken_chains", (), len(self.broken()))])
        self.checkpoints: CheckpointSigner | None = None
        self.strict = settings.chain.mode == "strict"
        if settings.chain.mode != "off":
            key = SigningKey.load_or_make(key_path(settings.chain, home_of(settings)))
            self.checkpoints = CheckpointSigner(settings, log, key, meter)
        self.vault = open_vault(settings, log)
        self.patience = settings.kafka.session_timeout
        self.app = app = make_app("decide", settings, brokers, self.claims.position)
        self.deliveries = Deliveries(app, log, self.topics.commands.name, self.claims.taking_any)
        self.claims.follow(app)
        consume(app, self.topics.commands.name, "decide", self.run)

    async def start(self) -> None:
        """Follow the keys, sign checkpoints; a tenure begins when a partition is assigned."""
        self.vault.start()
        await asyncio.to_thread(self.vault.catch_up)
        if self.checkpoints is not None:
            self.checkpoints.start(lambda: list(self.claims.held.values()))

    async def ready(self) -> None:
        """Wait until the first assignment is taken."""
        await self.claims.ready()

    async def stop(self) -> None:
        """Sign what was decided, and end all tenures."""
        if self.checkpoints is not None:
            await self.checkpoints.stop()
        await self.claims.close()
        await asyncio.to_thread(self.vault.stop)

    def _new_claim(self, partition: int) -> PartitionClaim:
        checkpoints = self.topics.checkpoints.name if self.checkpoints is not None else ""
        names = Names(self.topics.commands.name, self.topics.events.name, checkpoints)
        process = f"{self.process}-{uuid.uuid4().hex[:12]}"
        return PartitionClaim(self.log, names, partition, self.folder / f"p{partition}", process)

    def broken(self) -> list[PartitionClaim]:
        """Return the tenures of partitions with a broken chain."""
        held = list(self.claims.held.values())
        return [claim for claim in held if claim.links and claim.links.broken is not None]

    async def run(self, stream: Any) -> None:
        """Decide on every delivered command (the Faust agent)."""
        async for event in self.deliveries.of(stream.noack().events()):
            try:
                await self._handle(event)
            except Exception as error:  # noqa: BLE001 - Faust would lose the event and go on
                end_process("a command could not be handled", error)

    async def _handle(self, event: EventT[bytes]) -> None:
        """Decide on one delivered command, once there is room for one more append on its way."""
        claim = await self.claims.of(event.message.partition)
        if claim is None:
            return  # not ours: the owner of the partition decides
        if self.strict and claim in self.broken():
            return  # nothing is decided on a past that was changed; the command stays
        if self.vault.lacks(event.value or b""):
            # Its key was on the log before it, so that this is short; or it is shredded.
            await asyncio.to_thread(self.vault.catch_up)
        for _ in range(_weight(event)):
            await self.room.acquire()
        if not self.claims.holds(claim) or claim.fenced or not self.decide(claim, event):
            self.release(event)

    def release(self, event: EventT[bytes]) -> None:
        """Return the places in flight of a command."""
        for _ in range(_weight(event)):
            self.room.release()

    def decide(self, claim: PartitionClaim, event: EventT[bytes]) -> bool:
        """Decide on a command; return whether an answer is on its way to the log."""
        offset = event.message.offset
        if offset <= claim.decided:
            if offset <= claim.confirmed:
                event.ack()
            return False
        if offset != claim.decided + 1:
            end_process(f"command {offset} came after {claim.decided}", None)
        try:
            record = readable(event)
            if claim.seen(record.subject, record.id):
                claim.decided = offset
                event.ack()
                return False
            place = AppendFence(claim.partition, offset, claim.answered, claim.term)
            size = size_of(event.value or b"", event.message.key, headers_of(event))
            decision = decide(claim.stream(record.subject), record, place, self.vault, size)
        except MalformedRecord as error:
            claim.decided = offset
            self._bury(event, error)
            return True
        traced = answering(event.message.headers, record.type, self.instance)
        self.append(claim, event, decision, claim.note(decision) + traced)
        return True

    def append(
        self, claim: PartitionClaim, event: EventT[bytes], decision: Decision, headers: Headers
    ) -> None:
        """Send a decision to the log; `confirm` runs on the loop once it is written."""
        loop, began = asyncio.get_running_loop(), time.perf_counter()

        def delivered(error: LogError | None, _: int, offset: int) -> None:
            took = time.perf_counter() - began
            self.meter.observe("autolearn_decider_append_duration_seconds", took)
            loop.call_soon_threadsafe(self.confirm, claim, event, decision, error, offset)

        self.log.append(
            self.topics.events.name,
            decision.value,
            key=decision.record.subject,
            partition=claim.partition,
            headers=headers,
            time=stamp(decision.record.time),
            delivered=delivered,
        )

    def confirm(
        self,
        claim: PartitionClaim,
        event: EventT[bytes],
        decision: Decision,
        error: LogError | None,
        offset: int,
    ) -> None:
        """Apply a written decision to the state, and acknowledge its command."""
        self.release(event)
        if error is not None:
            end_process("an append failed", error)
        if not self.claims.holds(claim) or claim.fenced:
            return
        record = decision.record
        try:
            confirmed = claim.confirm(decision, offset)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the state is not to be trusted
            end_process("a decision could not be taken in", failure)
        if not confirmed:
            claim.fenced = True
            self.meter.count("autolearn_decider_fenced_total")
            logger.warning("somebody else decides here now", partition=claim.partition)
            asyncio.get_running_loop().call_later(self.patience, self._must_be_revoked, claim)
            return
        event.ack()
        if self.checkpoints is not None:
            self.checkpoints.after(claim)
        self.meter.count("autolearn_decider_decisions_total", record.type)
        logger.debug(
            "decided", stream=record.subject, command=record.causationid, answer=record.type
        )

    def _must_be_revoked(self, claim: PartitionClaim) -> None:
        """End the process if another has claimed a partition that the group still assigns to it.

        Rebalances in quick succession can cause that: the other has lost the partition again, and
        nobody would decide here. The next process claims it anew.
        """
        if self.claims.holds(claim):
            end_process(f"partition {claim.partition} is ours, but was claimed by somebody else")

    def _bury(self, event: EventT[bytes], error: MalformedRecord) -> None:
        """Append a command that cannot be decoded to `dead-letters`; then acknowledge it."""
        loop = asyncio.get_running_loop()
        message = event.message
        place = (message.topic, message.partition, message.offset)
        letter = DeadLetter.of(place, message.key, event.value, error.detail, headers_of(event))
        logger.warning("a command was put on dead-letters", at=place, reason=error.detail)

        def buried(failure: LogError | None) -> None:
            self.release(event)
            if failure is not None:
                end_process("a dead letter could not be written", failure)
            self.meter.count("autolearn_decider_dead_letters_total")
            event.ack()

        def delivered(failure: LogError | None, _: int, __: int) -> None:
            loop.call_soon_threadsafe(buried, failure)

        self.log.append(
            self.topics.dead_letters.name,
            to_json(letter),
            key="/".join(map(str, place)),
            delivered=delivered,
        )


def headers_of(event: EventT[bytes]) -> Headers:
    """Return the headers of a delivered record; one without a value has an empty one."""
    found = event.message.headers or ()
    pairs = found.items() if isinstance(found, Mapping) else found
    return tuple((name, value or b"") for name, value in pairs)


def readable(event: EventT[bytes]) -> CommandRecord:
    """Decode the record of a delivered command.

    Raises:
        MalformedRecord: it is none, or lies in a wrong place; whatever goes wrong.
    """
    try:
        record = decode_command(event.value or b"")
        check_stream(record, event.message.key)
    except MalformedRecord:
        raise
    except Exception as error:
        raise MalformedRecord(f"It cannot be read: {type(error).__name__}.") from error
    return record


def _weight(event: EventT[bytes]) -> int:
    """Return how many places in flight a command takes: its answer may be as large as it is."""
    return 1 + len(event.value or b"") // _SHARE
