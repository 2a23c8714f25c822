"""How many commands wait for their decision, and when the API takes no more of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from autolearn.api.http.problems import unavailable
from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.memory.partitioner import partition_of

__all__ = ["Backlog"]

PROBE = 60.0
"""Seconds between two probes while nothing is answered."""
RETRY_AFTER = 2
"""Seconds."""


class Backlog:
    """The commands of each partition behind the last one answered, as far as this process knows.

    It knows the offset of every command that it appended itself, and with it how many others there
    are before it: that of any process, and what workers report. `reached` tells the last command
    answered (`commandoffset` of the newest event), `answered` whether a command is; `clock` is in
    seconds.

    Commands that nobody answers count too: those sent twice, which deciders pass over, and those
    that were no commands. At the end of a partition they would keep it closed for ever. So one
    command at a time is let through, as a probe: its answer shows where the deciders really are.
    While they stand still that is one command, and one more every PROBE seconds.
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
        """Note where a command of this process lies (in the log's thread)."""
        self.newest[partition] = max(offset, self.newest[partition])

    def undecided(self) -> dict[int, int]:
        """Return, per partition, how many commands wait for their decision."""
        self.last |= {partition: at.last for partition, at in self.reached().items()}
        return {p: self.waiting(p) for p in self.newest}

    def waiting(self, partition: int) -> int:
        """Return what `undecided` does, by what was asked last."""
        return max(0, self.newest[partition] - self.last[partition])

    def require_room(self, stream: str, command: str) -> None:
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
            retry_after=RETRY_AFTER,
        )

    def _is_probe(self, partition: int, command: str) -> bool:
        """Return whether a command may go all the same, to find out where the deciders are."""
        probe = self.probes.get(partition)
        if probe is not None and self.clock() - probe[1] < PROBE and not self.answered(probe[0]):
            return False
        self.probes[partition] = (command, self.clock())
        return True
