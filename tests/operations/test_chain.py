"""The chain is unbroken as deciders write it, whatever happens to them; a change is named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random

import pytest
from joserfc.jwk import OKPKey
from msgspec.structs import replace

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.integrity.signed_checkpoints import opened, sealed
from autolearn.operations.backup.write import write_backup
from autolearn.operations.chain.findings import ChainFinding
from autolearn.operations.chain.sources import BackupSource, LogSource
from autolearn.operations.chain.verify import Verified, verify_chain
from autolearn.security.signing_keys import PublicKeys, SigningKey
from tests.support import chains
from tests.support.chains import HERE, Record, log_of, rechained

EVERY = 20
SEEDS = range(12)


@cache
def key() -> SigningKey:
    return SigningKey(OKPKey.generate_key("Ed25519"))


@cache
def story(seed: int) -> tuple[Record, ...]:
    return tuple(chains.story(seed))


@cache
def signed(seed: int) -> tuple[bytes, ...]:
    return tuple(chains.checkpoints(story(seed), key(), EVERY))


def verified(
    records: Sequence[Record], tokens: Sequence[bytes], elsewhere: Sequence[bytes] = ()
) -> Verified:
    source = LogSource(log_of(records, tokens), HERE)
    return verify_chain(source, key().public(), elsewhere)


def the_finding(found: Verified) -> ChainFinding:
    assert not found.unbroken
    assert len(found.findings) == 1
    return found.findings[0]


def span(records: Sequence[Record], index: int) -> tuple[int, int]:
    """The offsets of the last checkpoint before a record, and of the first that attests it."""
    counted = chains.admitted(records)
    number = counted.index(index) + 1
    before = (number - 1) // EVERY * EVERY
    until = min(before + EVERY, len(counted))
    return (counted[before - 1] if before else -1), counted[until - 1]


def in_pairs(records: Sequence[Record]) -> list[int]:
    """Answers that count, whose successor is one of the same term and counts, too."""
    told = set(chains.told(records))
    return [
        index
        for index in told
        if index + 1 in told and records[index].event["term"] == records[index + 1].event["term"]
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_deciders_write_is_unbroken(seed: int):
    records = story(seed)
    counted = chains.admitted(records)
    right = chains.hashes(records)
    assert {index: records[index].told for index in chains.told(records)} == {
        index: right[index] for index in chains.told(records)
    }, "headers are those of the chain"
    assert all(
        (records[i].told is None) == (records[i].event["type"] == chains.TERM) for i in counted
    )
    found = verified(records, signed(seed))
    assert (found.unbroken, found.findings) == (True, [])
    assert (found.events, found.attested, found.unattested) == (len(counted), len(counted), 0)
    report = found.partitions[0]
    assert report.left_out == len(records) - len(counted)
    assert report.attested is not None
    assert report.attested.hash == right[counted[-1]]


def test_the_stories_have_late_writers_and_takeovers():
    left_out = [len(story(seed)) - len(chains.admitted(story(seed))) for seed in SEEDS]
    assert sum(left_out) > 20
    terms = [record.event["term"] for seed in SEEDS for record in story(seed)]
    assert max(terms) > 5


# What somebody does who cannot sign. Each returns the offset of the first record that is not as it
# was.
def change(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    records[index] = records[index].changed(actor="eve")
    return index


def remove(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    del records[index]
    return index


def insert_bare(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    records.insert(index, records[index].changed(id="forged", actor="eve")._replace(told=None))
    return index


def insert_fitting(records: list[Record], random: Random) -> int:
    """With the header that fits at this place."""
    index = random.choice(in_pairs(records))
    records.insert(index, records[index].changed(id="forged", actor="eve"))
    records[index] = rechained(records[: index + 1])[index]
    return index


def insert_another(records: list[Record], random: Random) -> int:
    """As the answer to a command that is not asked yet: all that follows counts no more."""
    index = random.choice(in_pairs(records))
    records.insert(index, records[index].changed(id="forged", commandoffset=10**6))
    records[index] = rechained(records[: index + 1])[index]
    return index


def insert_term(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    records.insert(index, records[0].changed(term=10**6, id="forged"))
    return index


def insert_copy(records: list[Record], random: Random) -> int:
    """An old record once more: it does not count, but was not there."""
    index = random.choice(in_pairs(records))
    records.insert(index + 1, records[index])
    return index + 1


def insert_garbage(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    records.insert(index, Record(b"\x00 no event"))
    return index


def reorder(records: list[Record], random: Random) -> int:
    index = random.choice(in_pairs(records))
    records[index : index + 2] = records[index + 1], records[index]
    return index


def remove_term(records: list[Record], random: Random) -> int:
    starts = [
        index
        for index in chains.admitted(records)[1:]
        if records[index].event["type"] == chains.TERM and index + 1 in chains.told(records)
    ]
    if not starts:
        pytest.skip("nobody takes over in this story, and answers at once")
    index = random.choice(starts)
    del records[index]
    return index


NAIVE: list[Callable[[list[Record], Random], int]] = [
    change, remove, insert_bare, insert_fitting, insert_another, insert_term, insert_copy,
    insert_garbage, reorder, remove_term,
]  # fmt: skip
FITTING = (insert_fitting, insert_another)
"""The forged record has a header that fits: it is found by the one after it."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tamper", NAIVE)
def test_the_first_record_that_is_not_as_it_was_is_named(tamper, seed: int):
    before = story(seed)
    records = list(before)
    offset = tamper(records, Random(seed))
    found = the_finding(verified(records, signed(seed)))
    assert (found.partition, found.kind) == (0, "changed")
    after, until = span(before, offset)
    assert (found.after, found.until) == (after, until)
    seen = offset + 1 if tamper in FITTING else offset
    shown = [after, *(index for index in chains.told(before) if index < seen)]
    assert found.offset == min(max(shown) + 1, until)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_makes_the_headers_fit_is_found_by_the_next_checkpoint(seed: int):
    records = list(story(seed))
    offset = change(records, Random(seed))
    found = the_finding(verified(rechained(records), signed(seed)))
    assert (found.after, found.until) == span(records, offset)
    assert found.offset == found.until


@pytest.mark.parametrize("seed", SEEDS)
def test_a_log_without_headers_is_checked_from_checkpoint_to_checkpoint(seed: int):
    """As it was written before there were headers, or when somebody has taken them away."""
    bare = [record._replace(told=None) for record in story(seed)]
    assert verified(bare, signed(seed)).unbroken
    index = Random(seed).choice(in_pairs(story(seed)))
    changed = [*bare]
    changed[index] = changed[index].changed(actor="eve")
    swapped = [*bare[:index], bare[index + 1], bare[index], *bare[index + 2 :]]
    for tampered in (changed, swapped):
        found = the_finding(verified(tampered, signed(seed)))
        assert (found.after, found.until) == span(bare, index)
        assert found.offset == found.after + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_what_does_not_count_can_go_only_where_offsets_tell(seed: int):
    """Late records are not in the chain; without one, all that follows moves by one."""
    records = list(story(seed))
    counted = set(chains.admitted(records))
    late = [i for i in range(len(records)) if i not in counted and i < max(counted)]
    if not late:
        pytest.skip("nobody was late in this story")
    del records[late[0]]
    found = the_finding(verified(records, signed(seed)))
    assert found.kind == "changed"
    assert found.until is not None
    assert found.after < late[0] <= found.until


def test_a_log_that_was_cut_at_its_end():
    records, tokens = story(2), signed(2)
    counted = chains.admitted(records)
    cut = records[: counted[-5]]
    found = the_finding(verified(cut, tokens))
    assert (found.kind, found.offset) == ("truncated", len(cut))
    assert (found.after, found.until) == span(records, len(cut))
    # Cut with the checkpoints that attest it, nothing on the log tells.
    kept = tokens[: (len(counted) - 5) // EVERY]
    found = verified(cut, kept)
    assert found.unbroken
    assert found.unattested == len(chains.admitted(cut)) - len(kept) * EVERY
    # A checkpoint that was kept elsewhere does.
    found = verified(cut, kept, elsewhere=tokens[-1:])
    missing = ["checkpoint-missing"] * (len(tokens) - len(kept))
    assert [one.kind for one in found.findings] == [*missing, "truncated"]


def test_events_after_the_newest_checkpoint_are_told_by_their_headers_only():
    records, tokens = list(story(2)), signed(2)[:-1]
    index = chains.told(records)[-1]
    records[index] = records[index].changed(actor="eve")
    assert the_finding(verified(records, tokens)).offset == index
    assert verified(rechained(records), tokens).unbroken, "nobody can know"


@pytest.mark.parametrize("seed", SEEDS)
def test_after_the_newest_checkpoint_a_record_that_cannot_follow_is_found(seed: int):
    records, tokens = list(story(seed)), signed(seed)[:1]
    index = in_pairs(records)[-1]
    fork = records[index].changed(id="forged", commandoffset=10**6)
    found = the_finding(verified([*records[: index + 1], fork, *records[index + 1 :]], tokens))
    assert (found.offset, found.until) == (index + 1, None)
    offset = remove_term(records, Random(seed))
    assert the_finding(verified(records, tokens)).offset <= offset


def test_a_record_that_did_not_count_when_it_was_signed_for_is_no_change():
    """A broker that refuses an append in the middle of a batch leaves such records."""
    records = list(story(2))
    records.insert(in_pairs(records)[0] + 1, records[in_pairs(records)[0]])
    tokens = chains.checkpoints(records, key(), EVERY)
    assert verified(records, tokens).unbroken
    index = in_pairs(records)[-1]
    records[index] = records[index].changed(actor="eve")
    assert the_finding(verified(records, tokens)).offset == index


def test_who_signed_had_found_the_log_changed():
    records = story(2)
    one = replace(opened(signed(2)[0], key().public()), broken=3)
    found = the_finding(verified(records, [sealed(one, key())]))
    assert (found.kind, found.offset, found.until) == ("reported", 3, one.offset)


def test_checkpoints_that_are_not_right():
    records, tokens = story(3), list(signed(3))
    other = SigningKey(key().key.generate_key("Ed25519"))
    missing = verified(records, tokens[1:])
    assert [one.kind for one in missing.findings] == ["checkpoint-missing"]
    forged = verified(records, [*tokens, chains.checkpoints(records, other, 10**6)[0]])
    assert [one.kind for one in forged.findings] == ["signature"]
    assert "not among those given" in forged.findings[0].detail
    both = PublicKeys([*key().public().keys.values(), *other.public().keys.values()])
    more = [*tokens, chains.checkpoints(records, other, 10**6)[0]]
    assert verify_chain(LogSource(log_of(records, more), HERE), both).unbroken
    garbage = verified(records, [*tokens, b"nonsense", b"", b"a.b.c"])
    assert [one.kind for one in garbage.findings] == ["signature"] * 3
    assert [one.kind for one in verified(records, []).findings] == ["unsigned"]
    assert verified([], []).unbroken


def test_the_beginning_is_gone():
    log = log_of(story(1), signed(1))
    log.delete_before("here.events", {0: 3})
    found = the_finding(verify_chain(LogSource(log, HERE), key().public()))
    assert (found.kind, found.offset) == ("changed", 0)


RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_hash_of_the_golden_log():
    """The formula and the golden bytes are for ever: old checkpoints must hold."""
    digest = json.loads((GOLDEN / "chain.json").read_bytes())
    records = chains.golden()[: digest["events"]]  # new events are added behind them
    right = chains.hashes(records)
    assert {"events": len(right), "hash": right[max(right)]} == digest
    found = verified(records, chains.checkpoints(records, key(), 7))
    assert found.partitions[0].attested is not None
    assert found.partitions[0].attested.hash == digest["hash"]


def test_the_golden_checkpoint_of_the_golden_log():
    """Signed once, with the example key of RFC 8037; it must hold for ever."""
    token = (GOLDEN / "checkpoint.jws").read_bytes().strip()
    keys = PublicKeys([OKPKey.import_key(RFC_8037)])
    records = chains.golden()[: json.loads((GOLDEN / "chain.json").read_bytes())["events"]]
    found = verify_chain(LogSource(log_of(records, [token]), HERE), keys)
    assert (found.findings, found.checkpoints, found.unattested) == ([], 1, 0)


# In a backup: JSON lines.
@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    store = ArtifactStore((folder / "store").as_uri())
    write_backup(log_of(story(5), signed(5)), HERE, store, folder / "backup", lambda *_: None)
    return folder / "backup"


def in_backup(good: Path, to: Path, edit: Callable[[list[str]], object]) -> Verified:
    """Verify a copy of a backup whose events somebody has edited; the checksums are of no help."""
    import shutil

    shutil.copytree(good, to)
    file = to / "log/events/0.jsonl"
    lines = file.read_text().removesuffix("\n").split("\n")
    edit(lines)
    file.write_text("".join(f"{line}\n" for line in lines))
    return verify_chain(BackupSource(to), key().public())


def renumbered(lines: list[str]) -> None:
    lines[:] = [json.dumps(json.loads(line) | {"offset": n}) for n, line in enumerate(lines)]


@pytest.mark.parametrize("numbers", ["offsets kept", "offsets fitting"])
def test_a_backup_is_checked_offline(good: Path, tmp_path: Path, numbers: str):
    at = in_pairs(story(5))[3]

    def check(name: str, edit: Callable[[list[str]], object], offset: int) -> None:
        def both(lines: list[str]) -> None:
            edit(lines)
            if numbers == "offsets fitting":
                renumbered(lines)

        found = the_finding(in_backup(good, tmp_path / name, both))
        assert (found.kind, found.offset) == ("changed", offset), found

    def swap(lines: list[str]) -> None:
        lines[at], lines[at + 1] = lines[at + 1], lines[at]

    def forge(lines: list[str]) -> None:
        lines[at] = lines[at].replace('\\"actor\\":\\"', '\\"actor\\":\\"eve')

    assert in_backup(good, tmp_path / "same", list).unbroken
    if numbers == "offsets kept":
        check("forged", forge, at)
    check("removed", lambda lines: lines.pop(at), at)
    check("swapped", swap, at)
    check("twice", lambda lines: lines.insert(at, lines[at]), at + 1)


def test_a_backup_that_is_cut_or_no_json(good: Path, tmp_path: Path):
    cut = the_finding(in_backup(good, tmp_path / "cut", lambda lines: lines.pop()))
    assert cut.kind == "truncated"

    def spoil(lines: list[str]) -> None:
        lines[4] = lines[4][:-9]

    spoiled = the_finding(in_backup(good, tmp_path / "spoiled", spoil))
    assert (spoiled.kind, spoiled.offset) == ("changed", 4)


def test_checkpoints_of_later_say_nothing_of_an_older_backup(good: Path):
    later = chains.checkpoints(story(6), key(), 10**6)[0]
    one = replace(opened(later, key().public()), time="2999-01-01T00:00:00Z", events=10**6)
    assert verify_chain(BackupSource(good), key().public(), [sealed(one, key())]).unbroken
    digest = hashlib.sha256(b"").hexdigest()
    one = replace(one, time="2020-01-01T00:00:00Z", hash=digest)
    found = verify_chain(BackupSource(good), key().public(), [sealed(one, key())])
    assert not found.unbroken
