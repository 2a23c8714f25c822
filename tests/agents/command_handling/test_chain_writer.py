"""The chain in a decider's hands: what it folds, claims, finds changed, and signs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from autolearn.agents.command_handling import partition_claim
from autolearn.agents.command_handling.checkpoint_signer import CheckpointSigner
from autolearn.agents.command_handling.partition_claim import Names, PartitionClaim
from autolearn.eventlog.integrity.hash_chain import Chain
from autolearn.eventlog.integrity.signed_checkpoints import opened, sealed
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.operations.chain.sources import LogSource
from autolearn.operations.chain.verify import lines_of, verify_chain
from autolearn.runtime.meter import Meter
from autolearn.schemas.errors import LogError
from autolearn.schemas.records.checkpoint import Checkpoint
from autolearn.security.signing_keys import SigningKey
from tests.agents.command_handling.test_simulated_write_path import QuickStore
from tests.support import chains
from tests.support.chains import HERE, Record, log_of
from tests.support.settings import settings_of

NAMES = Names("here.commands", "here.events", "here.checkpoints")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuickStore, "folders", {})
    monkeypatch.setattr(partition_claim, "RocksStore", QuickStore)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return chains.story(4)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load_or_make(tmp_path_factory.mktemp("key") / "keys" / "signing.pem")


def claimed(log: MemoryLog, folder: str, names: Names = NAMES) -> PartitionClaim:
    claim = PartitionClaim(
        log, names, 0, Path(folder), f"process-{len(log.topics[NAMES.events][0])}"
    )
    claim.take()
    return claim


def now(log: MemoryLog) -> str:
    """The hash of the whole log, by other code."""
    values = [Record(message.content) for message in log.topics[NAMES.events][0]]
    return list(chains.hashes(values).values())[-1]


def test_the_chain_is_that_of_the_log_whoever_folds_it(records, key):
    log = log_of(records, chains.checkpoints(records, key, 10))
    for folder in ("a", "b", "a", "b", "c"):
        links = claimed(log, folder).links
        assert links is not None
        assert (links.folded.hash.hex(), links.broken) == (now(log), None)


def test_a_state_that_was_folded_without_the_chain_is_folded_again(records, key):
    log = log_of(records, [])
    off = NAMES._replace(checkpoints="")
    assert claimed(log, "a", off).links is None
    for names in (NAMES, off, off, NAMES):
        claim = claimed(log, "a", names)
        if claim.links is not None:
            assert claim.links.folded.hash.hex() == now(log)
        else:
            assert claim.states.chain(0) is None, "it would have a hole"


def test_a_header_that_does_not_fit_is_noticed(records, key):
    at = chains.told(records)[20]
    changed = [*records]
    changed[at] = changed[at].changed(actor="eve")
    claim = claimed(log_of(changed, []), "a")
    assert claim.links is not None
    assert claim.links.broken == at


def test_headers_that_fit_do_not_hide_it_from_the_newest_checkpoint(records, key):
    at, tokens = chains.told(records)[20], chains.checkpoints(records, key, 10**6)
    changed = [*records]
    changed[at] = changed[at].changed(actor="eve")
    log = log_of(chains.rechained(changed), tokens)
    claim = claimed(log, "a")
    assert claim.links is not None
    assert claim.links.broken == opened(tokens[0], key.public()).offset
    shorter = log_of(records[:at], tokens)
    links = claimed(shorter, "b").links
    assert links is not None
    assert links.broken is not None, "the log ends before its newest checkpoint"


def test_a_state_that_has_outlived_a_change_is_not_what_is_signed_for(records, key):
    """The change is after the checkpoint, and the decider has folded the log before."""
    tokens, log = chains.checkpoints(records, key, 30), log_of(records, [])
    claimed(log, "a").close()
    at = chains.told(records)[-1]
    changed = [*records]
    changed[at] = changed[at].changed(actor="eve")
    forged = log_of(changed, tokens[:1])
    forged.topics[NAMES.events][0].append(log.topics[NAMES.events][0][-1])
    links = claimed(forged, "a").links
    assert links is not None
    assert links.broken is not None


def test_what_is_no_checkpoint_is_no_beginning(records):
    links = claimed(log_of(records, [b"nonsense"]), "a").links
    assert links is not None
    assert links.broken is not None
    assert links.unsigned == links.folded.events


def test_a_checkpoint_of_another_partition_is_no_beginning(records, key):
    stranger = Checkpoint(partition=1, offset=0, events=1, hash="0" * 64, term=1, last=-1, time="")
    links = claimed(log_of(records, [sealed(stranger, key)]), "a").links
    assert links is not None
    assert links.broken is not None
    assert links.signed == 0


class Refusing(MemoryLog):
    """A log whose broker takes no checkpoint."""

    def append(self, topic: str, *args, delivered=None, **kwargs) -> None:  # type: ignore[override]
        if topic == NAMES.checkpoints:
            delivered(LogError("no"), 0, -1)
        else:
            super().append(topic, *args, delivered=delivered, **kwargs)


def signing(log: MemoryLog, key: SigningKey, file: str = "", **more: object) -> CheckpointSigner:
    settings = settings_of(topic_prefix="here", partitions=2, checkpoint_file=file, **more)
    return CheckpointSigner(settings, log, key, Meter("decide"))


def count(checkpointing: CheckpointSigner, name: str) -> float:
    return checkpointing.meter.registry.get_sample_value(f"autolearn_decider_{name}_total") or 0


async def stopped(checkpointing: CheckpointSigner, *partition_claim: PartitionClaim) -> None:
    checkpointing.start(lambda: partition_claim)
    await checkpointing.stop()


def test_what_is_admitted_is_signed_once(records, key, tmp_path: Path):
    file = tmp_path / "elsewhere.jws"

    async def story() -> None:
        log = log_of(records, [])
        checkpointing = signing(log, key, str(file), checkpoint_events=10**6)
        claim = claimed(log, "a")
        checkpointing.after(claim)
        assert count(checkpointing, "checkpoints") == 0, "few are not attested"
        checkpointing.every = 1
        checkpointing.after(claim)
        checkpointing.after(claim)
        await stopped(checkpointing, claim)
        assert count(checkpointing, "checkpoints") == 1
        other = claimed(log, "b")  # its TermStarted is news
        await stopped(signing(log, key, str(file)), other)
        (first, second) = [m.content for m in log.topics[NAMES.checkpoints][0]]
        one, two = opened(first, key.public()), opened(second, key.public())
        assert (one.previous, two.events) == ("", one.events + 1)
        assert two.hash == now(log)
        assert lines_of([file]) == [first, second]
        found = verify_chain(LogSource(log, HERE), key.public(), lines_of([file]))
        assert (found.findings, found.unattested) == ([], 0)

    asyncio.run(story())


@pytest.mark.parametrize("what", ["the log", "the file"])
def test_a_checkpoint_that_cannot_be_written_is_counted_and_stops_nothing(records, key, what):
    async def story() -> None:
        log = log_of(records, []) if what == "the file" else Refusing()
        if what == "the log":
            log.topics = log_of(records, []).topics
        checkpointing = signing(log, key, "/proc/none" if what == "the file" else "")
        await stopped(checkpointing, claimed(log, "a"))
        assert count(checkpointing, "checkpoints_failed") == 1

    asyncio.run(story())


class Later(MemoryLog):
    """A log that tells of checkpoints later what became of them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Callable[[bool], None]] = []

    def append(self, topic: str, *args, delivered=None, **kwargs) -> None:  # type: ignore[override]
        if topic != NAMES.checkpoints:
            super().append(topic, *args, delivered=delivered, **kwargs)
            return

        def tell(taken: bool) -> None:
            if taken:
                super(Later, self).append(topic, *args, delivered=delivered, **kwargs)
            else:
                delivered(LogError("no"), 0, -1)

        self.told.append(tell)


def test_a_checkpoint_that_was_not_taken_is_named_by_none(records, key):
    async def story() -> None:
        log = Later()
        log.topics = log_of(records, []).topics
        checkpointing, claim = signing(log, key), claimed(log, "a")
        checkpointing.sign(claim)
        checkpointing.sign(claim)
        assert len(log.told) == 1, "one is on its way at a time"
        log.told.pop()(False)
        assert claim.links is not None
        assert claim.links.unsigned == claim.links.folded.events
        for folder in ("a", "b"):  # what this one has tried, and what another goes on from it
            claim = claim if folder == "a" else claimed(log, folder)
            checkpointing.sign(claim)
            log.told.pop()(True)
        found = verify_chain(LogSource(log, HERE), key.public())
        assert (found.findings, found.checkpoints) == ([], 2)

    asyncio.run(story())


def test_who_was_deposed_signs_no_more(records, key):
    async def story() -> None:
        log = log_of(records, [])
        claim = claimed(log, "a")
        claim.fenced = True
        await stopped(signing(log, key), claim)
        assert log.topics[NAMES.checkpoints][0] == []

    asyncio.run(story())


def test_an_empty_chain():
    assert Chain().hash == bytes(32)
    assert (Chain().events, Chain().offset) == (0, -1)
