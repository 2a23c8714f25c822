"""Verifies the whole chain: every partition, from checkpoint to checkpoint."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from autolearn.eventlog.integrity.signed_checkpoints import fingerprint, opened
from autolearn.operations.chain.findings import ChainFinding, Kind, Report
from autolearn.operations.chain.partition_check import PartitionCheck
from autolearn.operations.chain.sources import Source, UnreadableSource
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.security.signing_keys import PublicKeys, SignatureRefused

Told = Callable[[int, int], None]
"""Receives the number of checked records, and the number of all."""


class Verified(Struct, frozen=True):
    """The result. `unbroken`: everything up to the newest checkpoint is unchanged.

    `made` is the time of a backup by its manifest; `keys` are the trusted ones.
    """

    unbroken: bool
    findings: list[ChainFinding]
    partitions: list[Report]
    events: int
    attested: int
    unattested: int
    checkpoints: int
    seconds: float
    events_per_s: float
    keys: list[str]
    made: str | None = None


class Signed:
    """The checkpoints of all partitions, and the findings about themselves."""

    def __init__(self, keys: PublicKeys) -> None:
        self.keys = keys
        self.of: defaultdict[int, list[Checkpoint]] = defaultdict(list)
        self.findings: list[ChainFinding] = []
        self.known: set[str] = set()

    def gather(self, source: Source, elsewhere: Iterable[bytes]) -> None:
        """Read all checkpoints of a source, and those that were kept elsewhere."""
        try:
            here = list(source.tokens())
        except UnreadableSource as error:
            here = []
            self.wrong(0, "checkpoint-missing", -1, f"Checkpoints cannot be read: {error}")
        for partition, token in here:
            self.take(token, partition)
        on_log = frozenset(self.known)
        for token in elsewhere:
            one = self.take(token)
            later = one is not None and source.made is not None and one.time >= source.made
            if one is not None and later:
                self.of[one.partition].remove(one)
            elif one is not None and fingerprint(token) not in on_log:
                why = f"The checkpoint of {one.time} was kept elsewhere, but is not on the log."
                self.wrong(one.partition, "checkpoint-missing", one.offset, why)
        for partition, all_of_it in self.of.items():
            all_of_it.sort(key=lambda one: (one.events, one.time))
            self._check_previous(partition, all_of_it)

    def take(self, token: bytes, partition: int | None = None) -> Checkpoint | None:
        """Add one checkpoint unless it is known; return it if it is new and signed."""
        name = fingerprint(token)
        if name in self.known:
            return None
        try:
            one = opened(token, self.keys)
        except SignatureRefused as error:
            self.wrong(partition or 0, "signature", -1, f"A checkpoint: {error.detail}")
            return None
        if partition is not None and one.partition != partition:
            why = f"The checkpoint of {one.time} is one of partition {one.partition}."
            self.wrong(partition, "signature", one.offset, why)
            return None
        self.known.add(name)
        self.of[one.partition].append(one)
        return one

    def _check_previous(self, partition: int, checkpoints: Iterable[Checkpoint]) -> None:
        for one in checkpoints:
            if one.previous and one.previous not in self.known:
                why = f"The checkpoint before that of {one.time} is missing."
                self.wrong(partition, "checkpoint-missing", one.offset, why)

    def wrong(self, partition: int, kind: Kind, offset: int, why: str) -> None:
        """Note a finding."""
        self.findings.append(ChainFinding(partition, kind, offset, why))


def verify_chain(
    source: Source, keys: PublicKeys, elsewhere: Iterable[bytes] = (), told: Told = lambda *_: None
) -> Verified:
    """Check every partition of `events`; `elsewhere` are checkpoints kept beside the log.

    Raises:
        LogError: the log cannot be read.
    """
    began = time.perf_counter()
    signed, spans = Signed(keys), source.spans()
    signed.gather(source, elsewhere)
    total, done = sum(end - begin for begin, end in spans.values()), 0
    reports = []
    for partition in sorted(spans.keys() | signed.of.keys()):
        begin, end = spans.get(partition, (0, 0))
        reports.append(
            _check_partition(source, partition, begin, end, signed.of[partition], told, done, total)
        )
        done += end - begin
    told(total, total)
    found = signed.findings + [each.finding for each in reports if each.finding is not None]
    events = sum(each.events for each in reports)
    if events and not signed.known and not found:
        found.append(ChainFinding(0, "unsigned", 0, "No checkpoint attests anything."))
    seconds = time.perf_counter() - began
    return Verified(
        not found,
        found,
        reports,
        events,
        sum(each.attested.events for each in reports if each.attested is not None),
        sum(each.unattested for each in reports),
        sum(each.checkpoints for each in reports),
        seconds,
        events / seconds,
        sorted(keys.keys),
        source.made,
    )


def _check_partition(
    source: Source,
    partition: int,
    begin: int,
    end: int,
    checkpoints: list[Checkpoint],
    told: Told,
    before: int,
    total: int,
) -> Report:
    """Check one partition up to its first finding."""
    check = PartitionCheck(partition, checkpoints)
    if begin:
        check.differ(f"The records before offset {begin} are gone.")
    try:
        for offset, value, header in source.records(partition) if 0 == begin < end else ():
            check.take(offset, value, header)
            if check.records % 5000 == 0:
                told(before + check.records, total)
            if check.finding is not None:
                break
    except UnreadableSource as error:
        check.differ(str(error))
    return check.report()


def lines_of(files: Iterable[Path]) -> list[bytes]:
    """Return the checkpoints in files, one a line.

    Raises:
        SettingsError: a file cannot be read.
    """
    found = []
    for file in files:
        try:
            found += [line for line in file.read_bytes().splitlines() if line.strip()]
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    return found
