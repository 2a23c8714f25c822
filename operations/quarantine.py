"""`python -m autolearn.operations.quarantine PARTITION OFFSET --reason WORDS`.

The way past a command that blocks: it claims the partition as a decider does, in a term of its own,
and answers that command with `CommandQuarantined`; the next decider goes on behind it. No state of
a stream is folded for that,
and nothing of the command is judged: it works where no decider can run. Where one runs, that one is
fenced, and claims the partition anew. It writes to the brokers directly: who may do that may do
anything, which is why no token is asked for; who did it is in the event and in the behaviour log.
"""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from autolearn.agents.command_handling.decision import check_stream, opened
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.log import Log, Record, RecordSource
from autolearn.eventlog.read import read_between
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.timestamps import now
from autolearn.runtime.trace_context import Trace, answering, instance_of, sending
from autolearn.schemas.bounds import LONGEST_TEXT, cut
from autolearn.schemas.codec import CONTENT_TYPE, EventRecord, Headers, decode_command, encode, raw
from autolearn.schemas.errors import AutoLearnError, ExitCode, LogError, MalformedRecord
from autolearn.schemas.events import CommandQuarantined
from autolearn.schemas.messages import type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.stream_kinds import kind_of
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import StreamId

_ATTEMPTS = 10
"""Claims until it gives up: a restarting decider claims in between."""
_UNREADABLE = "unreadable"
"""The type of a command that cannot be decoded."""


class NothingToDo(AutoLearnError):
    """The command does not exist, is answered, or is not the blocking one."""

    title = "Nothing was put in quarantine"
    exit_code = ExitCode.REFUSED


class Quarantined(Struct, frozen=True):
    """The quarantined command, and the event that answers it."""

    partition: int
    offset: int
    stream: StreamId
    command: str
    type: str
    event: str
    sequence: int
    actor: str


class Target(Struct, frozen=True):
    """A command as far as its answer names it; a malformed one is named by its place."""

    stream: StreamId
    id: str
    type: str
    fingerprint: str
    readable: bool
    headers: Headers


def _target_of(record: Record) -> Target:
    """Return the target of any record of `commands`."""
    headers = tuple((name, value or b"") for name, value in record.headers)
    try:
        command = decode_command(record.content)
        check_stream(command, record.key)
    except Exception:  # noqa: BLE001 - whatever blocks a decider must not block this
        place = f"{record.partition}-{record.offset}"
        stream = _stream_of_key(record.key) or StreamId(f"partition/{record.partition}")
        return Target(stream, f"unreadable-{place}", _UNREADABLE, "", False, headers)
    about = (command.subject, command.id, command.type, command.fingerprint)
    try:
        opened(command, SessionCipher())
    except MalformedRecord:
        return Target(*about, False, headers)
    return Target(*about, True, headers)


def _stream_of_key(key: bytes | None) -> StreamId | None:
    try:
        name = (key or b"").decode()
        kind_of(name)
    except ValueError:
        return None
    return StreamId(name)


class _Sequences:
    """The numbers of events of some streams, and the answered commands (in memory only)."""

    def __init__(self, targets: Mapping[int, Target]) -> None:
        self.streams = {target.stream: 0 for target in targets.values()}
        self.wanted = {(target.stream, target.id) for target in targets.values()}
        self.answered: set[tuple[str, str]] = set()

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Count an admitted event, without its data."""
        if record.subject in self.streams and record.sequence:
            self.streams[record.subject] = record.sequence
            if (at := (record.subject, record.causationid)) in self.wanted:
                self.answered.add(at)

    def progress(self) -> Mapping[int, PartitionProgress]:
        """Return nothing: no progress is stored."""
        return {}

    def commit(self, _: Mapping[int, PartitionProgress]) -> None:
        """Store nothing."""

    def reset(self) -> None:
        """Forget everything."""
        self.streams = dict.fromkeys(self.streams, 0)
        self.answered.clear()

    def chain(self, _: int) -> Chain | None:
        """Return None: no chain is kept."""

    def keep_chain(self, _: int, __: Chain) -> None:
        """Keep nothing: the chain is in the claim's links."""

    def forget_chain(self, _: int) -> None:
        """Do nothing: no chain is kept."""


class QuarantineClaim(PartitionClaim):
    """A claim for one answer. Before it claims, it checks that the command is the next."""

    states: _Sequences  # type: ignore[assignment]

    def __init__(
        self, log: Log, topics: Names, partition: int, offset: int, targets: Mapping[int, Target]
    ) -> None:
        process = f"quarantine-{uuid.uuid4().hex[:12]}"
        super().__init__(log, topics, partition, Path(process), process)
        self.offset, self.targets = offset, targets

    def take(self) -> None:
        """Catch up, check, and claim the partition.

        Raises:
            NothingToDo: that command is answered, or another one comes first.
            LogError: the log cannot be read or written.
        """
        self.states = _Sequences(self.targets)
        self.catch_up_and_claim()

    def append_term(self, term: int) -> int:
        """Append TermStarted, if there is a command to answer."""
        self.look()
        return super().append_term(term)

    def look(self) -> None:
        """Raise NothingToDo unless the command is the next one to be answered."""
        last = self.follower.progress[self.partition].last
        place = f"offset {self.offset} of partition {self.partition}"
        target = self.targets[self.offset]
        if last >= self.offset or (target.stream, target.id) in self.states.answered:
            raise NothingToDo(f"The command at {place} was answered already.")
        for before, other in self.targets.items():
            skipped = not other.readable or (other.stream, other.id) in self.states.answered
            if last < before < self.offset and not skipped:
                raise NothingToDo(
                    f"The command at offset {before} comes before the one at {place}, and is not "
                    "answered.",
                    advice=f"If that one blocks, put it in quarantine: offset {before}.",
                )

    def answer(self, reason: str, actor: str) -> Quarantined | None:
        """Answer the command; None if another process has claimed the partition meanwhile.

        Raises:
            NothingToDo: another process has answered it meanwhile.
            LogError: the log cannot be read or written.
        """
        self.look()
        target = self.targets[self.offset]
        event = CommandQuarantined(cut(reason, LONGEST_TEXT))
        record = EventRecord(
            id=f"{self.partition}-{self.offset}-{self.term}",
            source="autolearn/quarantine",
            type=type_of(CommandQuarantined),
            subject=target.stream,
            time=now(),
            sequence=self.states.streams[target.stream] + 1,
            causationid=target.id,
            commandoffset=self.offset,
            prev=self.answered,
            term=self.term,
            actor=actor,
            fingerprint=target.fingerprint,
            data=raw(event),
        )
        value = encode(record)
        headers = CONTENT_TYPE + (self.links.note(value) if self.links is not None else ())
        end = self.append_record(record, value, headers + _traced(target))
        self.catch_up_to(end + 1)
        if self.follower.progress[self.partition].last != self.offset:
            return None
        about = (target.stream, target.id, target.type)
        return Quarantined(self.partition, self.offset, *about, record.id, record.sequence, actor)


def _traced(target: Target) -> Headers:
    instance = instance_of("quarantine", "0")
    found = answering(target.headers, target.type, instance)
    return found or sending(Trace.begin(), instance, str(time.time_ns() // 10**6))


def quarantine(
    log: Log, settings: Settings, partition: int, offset: int, reason: str, actor: str
) -> Quarantined:
    """Answer a command that blocks its partition, so that the next decider continues behind it.

    Raises:
        NothingToDo: there is no such command, it is answered, or another one comes first.
        LogError: the log cannot be read or written, or other claims always interfere.
    """
    topics = Topics.of(settings)
    names = Names(
        topics.commands.name,
        topics.events.name,
        topics.checkpoints.name if settings.chain.mode != "off" else "",
    )
    begins, ends = log.begins(names.commands), log.ends(names.commands)
    if not begins.get(partition, 0) <= offset < ends.get(partition, 0):
        raise NothingToDo(
            f"Partition {partition} of {names.commands} has no offset {offset}.",
            advice=f"It has {begins.get(partition, 0)} to {ends.get(partition, 0) - 1}.",
        )
    last = _answered_so_far(log, names.events, partition)
    targets = _read_targets(
        log, names.commands, partition, max(last + 1, begins[partition]), offset
    )
    for _ in range(_ATTEMPTS):
        claim = QuarantineClaim(log, names, partition, offset, targets)
        claim.take()
        if (found := claim.answer(reason, actor)) is not None:
            return found
    raise LogError(
        f"Somebody else claims partition {partition} all the time.",
        advice="Stop the deciders (`autolearn run decide`, `autolearn up`) and repeat this.",
    )


def _answered_so_far(log: RecordSource, events: str, partition: int) -> int:
    """Return the offset of the last answered command by the newest events; -1 for none.

    It may be too low, never too high: events that do not count may lie there as well.
    """
    with closing(Projector(log, events, _Sequences({}), [partition])) as follower:
        follower.catch_up()
        return follower.progress[partition].last


def _read_targets(
    log: RecordSource, commands: str, partition: int, begin: int, offset: int
) -> dict[int, Target]:
    """Return the commands from the first possibly unanswered one to the one at `offset`.

    Raises:
        LogError: they cannot be read.
    """
    begins, ends = {partition: min(begin, offset)}, {partition: offset + 1}
    return {
        record.offset: _target_of(record) for record in read_between(log, commands, begins, ends)
    }


def user_name() -> str:
    """Return the user of this process, by number if there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def work(settings: Settings, chosen: argparse.Namespace, _: ProgressLines) -> ToolResult:
    """Answer the command on the settings' log."""
    actor = f"operator {user_name()}@{socket.gethostname()}"[:200]
    with closing(open_log(settings)) as log:
        found = quarantine(log, settings, chosen.partition, chosen.offset, chosen.reason, actor)
        return found, ExitCode.DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.quarantine")
    parser.add_argument("partition", type=int)
    parser.add_argument("offset", type=int)
    parser.add_argument("--reason", required=True)
    run_as_tool(work, parser)
