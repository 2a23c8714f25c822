"""Reads one record, or all between two positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from autolearn.eventlog.log import Record, RecordSource
from autolearn.schemas.errors import LogError

_PATIENCE = 10.0
"""Seconds without any record after which reading fails."""


def read_record(
    log: RecordSource, topic: str, partition: int, offset: int, patience: float = _PATIENCE
) -> Record:
    """Return the record at an offset (blocks).

    Raises:
        LogError: the log cannot be read, or has no such record.
    """
    begins, ends = {partition: offset}, {partition: offset + 1}
    found = next(read_between(log, topic, begins, ends, patience), None)
    if found is None:
        raise LogError(f"Partition {partition} of {topic} has no record at offset {offset}.")
    return found


def read_between(
    log: RecordSource,
    topic: str,
    begins: Mapping[int, int],
    ends: Mapping[int, int],
    patience: float = _PATIENCE,
) -> Iterator[Record]:
    """Yield the records between two positions (ends exclusive), in order per partition (blocks).

    Raises:
        LogError: the log cannot be read, or nothing has come for `patience` seconds.
    """
    left = {p: end for p, end in ends.items() if end > begins.get(p, 0)}
    if not left:
        return
    with closing(log.reader(topic, {p: begins.get(p, 0) for p in left})) as reader:
        while left:
            records = reader.read(2000, patience)
            if not records:
                raise LogError(f"{topic} cannot be read at the moment.")
            for record in records:
                partition, offset = record.partition, record.offset
                if offset < ends[partition]:
                    yield record
                if offset + 1 >= ends[partition]:
                    left.pop(partition, None)
