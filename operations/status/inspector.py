"""Inspects the log and the brokers, without delaying others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.consumers.term_holders import TermHolders, newest
from autolearn.eventlog.integrity.signed_checkpoints import unchecked
from autolearn.eventlog.kafka.cluster import Cluster
from autolearn.eventlog.kafka.consumer_groups import GroupState
from autolearn.eventlog.log import RecordSource
from autolearn.schemas.errors import LogError, MalformedRecord
from autolearn.schemas.reports.status import ChainState, Process, Status, Term, TopicState
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import GROUPS, Topics

Spans = Mapping[int, tuple[int, int]]
"""The oldest offset kept and the next one, per partition."""


class StatusInspector:
    """Inspects one installation. Any thread may, one at a time."""

    def __init__(self, cluster: Cluster, log: RecordSource, settings: Settings) -> None:
        self.cluster, self.log, self.settings = cluster, log, settings
        self.topics = Topics.of(settings)
        self.commands = RecordLookup(log, self.topics.commands.name)
        self.events = RecordLookup(log, self.topics.events.name)
        self.checkpoints = RecordLookup(log, self.topics.checkpoints.name)
        self.holders = TermHolders(self.events)

    def look(self, told_by: str, reached: Mapping[int, PartitionProgress] | None = None) -> Status:
        """Return the state of the brokers and the log (blocks, a few seconds at most).

        `reached` is the caller's progress on `events`; without it the last record of each partition
        must do, which a deposed decider may have written.
        """
        status = Status(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z", told_by)
        part = "brokers"
        try:
            least = self.settings.kafka.min_insync_replicas
            status.brokers = self.cluster.brokers()
            found = self.cluster.topics({topic.name: least for topic in self.topics.all()})
            status.topics = list(found.values())
            part = "terms"
            readable = {n: range(t.partitions) for n, t in found.items() if not t.leaderless}
            spans = self.cluster.spans(readable)
            events = spans.get(self.topics.events.name, {})
            at = self._last_records(events) if reached is None else reached
            status.terms = [self.term(p, at[p], span) for p, span in events.items() if p in at]
            part = "chain"
            if self.settings.chain.mode != "off":
                signed = spans.get(self.topics.checkpoints.name, {})
                status.chain = [self.chain(p, events[p], signed.get(p, (0, 0))) for p in events]
            part = "processes"
            status.processes = self.processes(found, spans, at)
        except LogError as error:  # no broker answers further requests
            status.unknown[part] = error.detail
        return status

    def _last_records(self, spans: Spans) -> dict[int, PartitionProgress]:
        """Return the deciders' progress by the last record of each partition of `events`."""
        found = {p: newest(self.events, p, *span) for p, span in spans.items()}
        return {
            p: PartitionProgress(spans[p][1], record.term, max(record.commandoffset, record.prev))
            for p, record in found.items()
            if record is not None
        }

    def term(self, partition: int, at: PartitionProgress, span: tuple[int, int]) -> Term:
        """Return the decider of a partition."""
        return Term(partition, at.term, self.holders.holder(partition, at.term, *span))

    def chain(self, partition: int, events: tuple[int, int], signed: tuple[int, int]) -> ChainState:
        """Return the newest checkpoint of a partition, without verifying its signature."""
        state = ChainState(partition, 0, -1, None)
        if signed[0] < signed[1]:
            token = self.checkpoints.read({partition: [signed[1] - 1]})[0].content
            try:
                one = unchecked(token)
            except MalformedRecord:
                state.broken = -1
            else:
                state.events, state.offset = one.events, one.offset
                state.signed, state.broken = one.time, one.broken
        after = max(state.offset + 1, events[0])
        if after < events[1]:
            written = self.events.read({partition: [after]})[0].time
            state.waiting = max(0.0, round(time.time() - written / 1000, 1))
        return state

    def processes(
        self,
        found: Mapping[str, TopicState],
        spans: Mapping[str, Spans],
        reached: Mapping[int, PartitionProgress],
    ) -> list[Process]:
        """Return every process type with a consumer group."""
        prefix = self.settings.kafka.topic_prefix
        full = {n: (f"{prefix}.{g.name}", f"{prefix}.{g.topic}") for n, g in GROUPS.items()}
        groups = self.cluster.groups(dict(full.values()))
        processes = []
        for name, (group_name, topic) in full.items():
            if topic not in found:
                continue
            group = groups[group_name]
            next_ = next_of(name, group, spans.get(topic, {}), reached)
            behind = {p: end - next_[p] for p, (_, end) in spans.get(topic, {}).items()}
            waiting = self.waiting(next_, behind) if name == "decide" else None
            shown = {str(p): count for p, count in behind.items()}
            processes.append(Process(name, topic, group.members, shown, waiting))
        return processes

    def waiting(self, next_: Mapping[int, int], behind: Mapping[int, int]) -> float | None:
        """Return how many seconds the oldest command without an answer has waited."""
        oldest = {p: [next_[p]] for p, count in behind.items() if count}
        if not oldest:
            return None
        times = [record.time for record in self.commands.read(oldest)]
        return max(0.0, round(time.time() - min(times) / 1000, 3))

    def close(self) -> None:
        """Close the connections."""
        self.commands.close()
        self.events.close()
        self.checkpoints.close()


def next_of(
    name: str, group: GroupState, spans: Spans, reached: Mapping[int, PartitionProgress]
) -> dict[int, int]:
    """Return the next offset of a process type, per partition, between begin and end.

    A decider commits a little later than it answers, and an answer on the log counts. A record that
    needs no answer (a dead letter, a command sent twice) only shows in the committed offset.
    """
    found = {}
    for partition, (begin, end) in spans.items():
        next_ = group.committed.get(partition, begin)
        if name == "decide" and partition in reached:
            next_ = max(next_, reached[partition].last + 1)
        found[partition] = min(max(next_, begin), end)
    return found
