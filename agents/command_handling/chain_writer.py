"""The hash chain of one partition during a tenure: folded, and decided but not confirmed."""

from __future__ import annotations

import structlog

from autolearn.agents.command_handling.state_store import DeciderStateStore
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.integrity.hash_chain import Chain, header_of, headers_of, link
from autolearn.eventlog.integrity.signed_checkpoints import chain_at, fingerprint, unchecked
from autolearn.eventlog.log import Record, RecordSource
from autolearn.eventlog.read import read_between, read_record
from autolearn.schemas.codec import EventRecord, Headers, event_on_log
from autolearn.schemas.errors import MalformedRecord
from autolearn.schemas.records.checkpoint import Checkpoint

logger = structlog.get_logger(__name__)


class ChainWriter:
    """A decider's view of its partition's chain.

    `folded` is the chain as far as the log was folded; `previous` and `signed` are the fingerprint
    of the partition's newest checkpoint on the log and how many events it attests. `tried` is how
    many the newest sent one attests, and `on_its_way` whether its append is pending. `broken` is
    the first offset at which the log was found changed, None if it was not.
    """

    def __init__(self, states: DeciderStateStore, partition: int) -> None:
        self.states, self.partition = states, partition
        self.folded = states.chain(partition) or Chain()
        self.ahead = self.folded.hash
        self.previous, self.signed, self.tried = "", 0, 0
        self.on_its_way = False
        self.broken: int | None = None

    def take(self, offset: int, value: bytes, told: bytes | None = None) -> None:
        """Add one admitted event; `told` is the hash in its header, if it has one."""
        self.folded = self.folded.then(offset, value)
        self.states.keep_chain(self.partition, self.folded)
        if told is not None and told != self.folded.hash:
            self._found_broken(offset, "the hash in its header is not that of the chain")

    def note(self, value: bytes) -> Headers:
        """Add a decision that is on its way to the log; return its header."""
        self.ahead = link(self.ahead, value)
        return headers_of(self.ahead)

    def _found_broken(self, offset: int, why: str) -> None:
        logger.error("the chain is broken", partition=self.partition, offset=offset, why=why)
        if self.broken is None:
            self.broken = offset

    @property
    def unsigned(self) -> int:
        """The number of events that no checkpoint attests yet."""
        return self.folded.events - self.signed

    def begin(
        self, log: RecordSource, events: str, checkpoints: str, reached: PartitionProgress
    ) -> None:
        """Resume from the newest checkpoint of the partition, once the log is folded and claimed.

        The attested hash, continued over the events after it, must equal the folded one. The
        signature may be another home's, and is ignored here: `replay verify` checks it.

        Raises:
            LogError: the log cannot be read.
        """
        self.ahead = self.folded.hash
        token = _newest_token(log, checkpoints, self.partition)
        if token is None:
            return
        self.previous = fingerprint(token)
        try:
            newest = unchecked(token)
        except MalformedRecord as error:
            self._found_broken(self.folded.offset, f"the newest checkpoint is none: {error.detail}")
            return
        if newest.partition != self.partition:
            self._found_broken(self.folded.offset, "the newest checkpoint is of another partition")
            return
        self.signed = self.tried = min(newest.events, self.folded.events)
        if newest.broken is not None:
            self._found_broken(newest.broken, "the newest checkpoint says so")
        elif _continued(log, events, newest, self.folded, reached) != self.folded:
            self._found_broken(newest.offset, "the log does not go on from its newest checkpoint")


class Chained(Projector):
    """A projector of one partition that adds admitted events to the chain, too."""

    links: ChainWriter

    def fold(self, records: list[Record]) -> list[EventRecord]:
        """Fold records; they are stored with the next `commit`. Return the admitted events."""
        admitted = []
        for record in records:
            if (event := self.take(record)) is not None:
                self.links.take(record.offset, record.content, header_of(record.headers))
                admitted.append(event)
        return admitted


def _newest_token(log: RecordSource, checkpoints: str, partition: int) -> bytes | None:
    """Return the newest checkpoint of a partition as it lies on the log, or None.

    Raises:
        LogError: the log cannot be read.
    """
    begin, end = log.begins(checkpoints)[partition], log.ends(checkpoints)[partition]
    return read_record(log, checkpoints, partition, end - 1).content if begin < end else None


def _continued(
    log: RecordSource,
    events: str,
    checkpoint: Checkpoint,
    folded: Chain,
    reached: PartitionProgress,
) -> Chain:
    """Return the chain of a checkpoint, continued over the events after it up to `reached`.

    Raises:
        LogError: the log cannot be read.
    """
    chain, partition = chain_at(checkpoint), checkpoint.partition
    if chain.offset >= folded.offset:
        return chain
    at = PartitionProgress(chain.offset + 1, checkpoint.term, checkpoint.last)
    for record in read_between(log, events, {partition: at.next}, {partition: reached.next}):
        if at.admit(event_on_log(record.value)):
            chain = chain.then(record.offset, record.content)
    return chain
