"""Counts undecided commands, and refuses new ones when they are too many."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from autolearn.api.http.problems import unavailable
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.schemas.values import StreamId

PROBE = 60.0
"""Seconds between two probes while there are no answers."""
_RETRY_AFTER = 2
"""Seconds."""


class Backlog:
    """The commands of each partition behind the last answered one, as this process knows them.

    The offset of each own append shows how many commands lie before it: those of other processes,
    and workers' reports. `reached` returns the last answered command (`commandoffset` of the newest
    event), `answered` whether a command is; `clock` is in seconds.

    Commands that are never answered count too: repeated ones, which deciders skip, and malformed
    ones. At the end of a partition they would keep it closed for ever. So one command at a time
    passes as a probe: its answer shows the deciders' progress. While they stand still, one probe
    passes every PROBE seconds.
    """

    def __init__(
        self,
        partitions: int,
        limit: int,
        reached: Callable[[], Mapping[int, PartitionProgress]],
        answered: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self.reached, self.answered, self.clock = limit, reached, answered, clock
        self.newest = dict.fromkeys(range(partitions), -1)
        self.last = dict.fromkeys(range(partitions), -1)
        self.probes: dict[int, tuple[str, float]] = {}

    def wrote(self, partition: int, offset: int) -> None:
        """Note the offset of a command of this process (in the log's thread)."""
        self.newest[partition] = max(offset, self.newest[partition])

    def undecided(self) -> dict[int, int]:
        """Return the number of undecided commands per partition."""
        self.last |= {partition: at.last for partition, at in self.reached().items()}
        return {p: self.waiting(p) for p in self.newest}

    def waiting(self, partition: int) -> int:
        """Return the newest result of `undecided`."""
        return max(0, self.newest[partition] - self.last[partition])

    def require_room(self, stream: StreamId, command: str) -> None:
        """Raise a problem if the deciders of a stream's partition are too far behind."""
        if max(map(self.waiting, self.newest)) < self.limit:
            return
        partition = partition_of(stream, len(self.newest))
        waiting = self.undecided()[partition]
        if waiting < self.limit or self._is_probe(partition, command):
            return
        raise unavailable(
            f"{waiting:,} commands wait for their decision before this one: the deciders are "
            "behind, or do not run. Nothing was sent: try again.",
            kind="deciders-behind",
            retry_after=_RETRY_AFTER,
        )

    def _is_probe(self, partition: int, command: str) -> bool:
        probe = self.probes.get(partition)
        if probe is not None and self.clock() - probe[1] < PROBE and not self.answered(probe[0]):
            return False
        self.probes[partition] = (command, self.clock())
        return True
