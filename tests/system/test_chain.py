"""The chain for real: deciders on a broker that are killed, come back, and take over."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.integrity.signed_checkpoints import unchecked
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.eventlog.log import Record
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.operations.backup.write import write_backup
from autolearn.schemas import commands
from autolearn.schemas.settings import load
from tests.support.cli_processes import Ended, autolearn, run_tool
from tests.support.deciding_processes import Bench, deciding, until
from tests.support.random_histories import command_record
from tests.system.test_write_path import load as random_commands

pytestmark = pytest.mark.kafka

COUNT = 600
PATIENCE = 120.0
"""Seconds for a rebalance on a busy machine."""


def tool(bench: Bench, *words: object, home: Path | None = None) -> Ended:
    """Run the tool: exit code, result, and what it complained about."""
    environment = bench.environment
    if home is not None:
        environment = environment | {"AUTOLEARN_HOME": str(home), "AUTOLEARN_KAFKA": "127.0.0.1:9"}
    return run_tool("autolearn.operations.chain", *words, given=environment)


@pytest.fixture(scope="module")
def past(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log whose decider was killed and came back; another one has taken over since."""
    with deciding(kafka, tmp_path_factory.mktemp("chain")) as bench:
        bench.environment |= {
            "AUTOLEARN_CHECKPOINT_EVENTS": "50",
            "AUTOLEARN_CHECKPOINT_INTERVAL": "0.5",
            "AUTOLEARN_CHECKPOINT_FILE": str(bench.folder / "checkpoints.jws"),
        }
        first, asked = bench.process("0"), random_commands(Random(5), COUNT)
        until(lambda: first.claimed() >= 2, PATIENCE)
        bench.send(*asked[:200])
        until(lambda: bench.events() > 100, PATIENCE)
        first.kill()
        bench.send(*asked[200:400])
        first.start()
        until(lambda: bench.events() > 300, PATIENCE)
        second = bench.process("1")
        until(lambda: second.claimed() > 0, PATIENCE)
        bench.send(*asked[400:500])
        until(lambda: bench.events() > 500, PATIENCE)
        first.kill()
        bench.send(*asked[500:])  # to both partitions: one of them is taken over
        until(lambda: bench.events() > COUNT + 5, PATIENCE)
        assert sum(bench.answered(COUNT).terms.values()) > 5
        assert second.stop() == 0
        yield bench


@pytest.fixture(scope="module")
def key(past: Bench) -> Path:
    """The public key, kept elsewhere."""
    code, result, _ = tool(past, "public-key")
    assert code == 0
    (past.folder / "public.pem").write_text(result["pem"])
    return past.folder / "public.pem"


@pytest.fixture(scope="module")
def backup(past: Bench) -> Path:
    settings, log = load(past.environment), KafkaLog(past.kafka)
    store = ArtifactStore((past.folder / "store").as_uri())
    write_backup(log, settings, store, past.folder / "backup", lambda *_: None)
    log.close()
    return past.folder / "backup"


def test_whatever_happened_to_deciders_the_chain_is_unbroken(past: Bench):
    code, found, said = tool(past, "verify", "--checkpoints", past.folder / "checkpoints.jws")
    assert (code, found["findings"]) == (0, []), said
    terms = sum(past.answered(COUNT).terms.values())
    assert found["events"] == COUNT + terms
    assert found["unattested"] == 0, "who stops signs for what it has decided"
    # One for 50 events; who is killed begins to count anew.
    assert found["checkpoints"] >= COUNT // 100


def test_the_key_is_nobody_elses_to_read(past: Bench, key: Path):
    private = past.folder / "home/keys/signing.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in key.read_text()
    private.chmod(0o640)
    code, _, said = tool(past, "verify")
    private.chmod(0o600)
    assert code == 2
    assert "chmod 600" in said


def test_a_backup_is_checked_with_nothing_but_the_public_key(
    past: Bench, key: Path, backup: Path, tmp_path: Path
):
    code, found, said = tool(
        past, "verify", "--backup", backup, "--public-key", key, home=tmp_path / "nobody"
    )
    assert (code, found.get("findings")) == (0, []), said
    assert found["attested"] == found["events"] > COUNT
    file = backup / "log/events/1.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:20], *lines[21:]]))
    code, found, _ = tool(
        past, "verify", "--backup", backup, "--public-key", key, home=tmp_path / "nobody"
    )
    file.write_text("".join(lines))
    assert code == 1
    (finding,) = found["findings"]
    assert (finding["partition"], finding["kind"], finding["offset"]) == (1, "changed", 20)
    assert finding["after"] < 20 <= finding["until"]


@pytest.mark.parametrize("place", ["the brokers", "a backup"])
def test_an_event_is_proved_to_somebody_without_the_log(
    past: Bench, key: Path, backup: Path, tmp_path: Path, place: str
):
    where = ("--backup", backup) if place == "a backup" else ()
    for word, file in (("1-20", tmp_path / "place.json"), ("", tmp_path / "id.json")):
        about = json.loads((tmp_path / "place.json").read_text()) if not word else {}
        word = word or json.loads(about["event"])["id"]
        code, made, said = tool(past, "prove", word, file, *where)
        assert code == 0, said
        code, found, said = tool(
            past, "check-proof", file, "--public-key", key, home=tmp_path / "nobody"
        )
        assert (code, found["number"]) == (0, made["number"]), said
        assert file.stat().st_size < 20_000
    assert (tmp_path / "place.json").read_bytes() == (tmp_path / "id.json").read_bytes()


def test_the_command_line_says_it_in_words(past: Bench, key: Path, backup: Path, tmp_path: Path):
    home = {"home": tmp_path / "nobody", "kafka": "127.0.0.1:9"}
    offline = ("--backup", backup, "--public-key", key)
    said = autolearn("replay", "verify", "--chain", *offline, **home)
    assert said.code == 0, said
    assert "Unbroken from the first event to the newest checkpoint." in said.out
    assert "The backup says that it was made at 20" in said.out
    file = backup / "log/events/0.jsonl"
    before = file.read_text()
    file.write_text(before.replace('"ada\\"', '"eve\\"', 1))
    said = autolearn("replay", "verify", "--chain", *offline, **home)
    file.write_text(before)
    assert said.code == 1
    assert "Broken: changed, partition 0," in said.out
    proof = tmp_path / "proof.json"
    said = autolearn("replay", "prove", "1-20", proof, *offline, **home)
    assert (said.code, "Signed for at" in said.out) == (0, True), said
    assert autolearn("replay", "prove", "1-20", proof, *offline, **home).code == 4, "it exists"
    said = autolearn("replay", "check-proof", proof, "--public-key", key, **home)
    assert (said.code, said.out.splitlines()[-1]) == (0, "Proved."), said
    proof.write_text(proof.read_text().replace('\\"id\\":\\"', '\\"id\\":\\"0'))
    said = autolearn("replay", "check-proof", proof, "--public-key", key, **home)
    assert (said.code, "Proved" in said.out) == (1, False)
    assert autolearn("replay", "public-key", **home).code == 2, "nobody has no key"
    assert autolearn("replay", "verify", "--backup", backup, **home).code == 2, "without --chain"
    ours = {k.removeprefix("AUTOLEARN_").lower(): v for k, v in past.environment.items()}
    assert json.loads(autolearn("replay", "public-key", "--jwk", **ours).out)["crv"] == "Ed25519"
    assert autolearn("replay", "public-key", **ours).out == key.read_text()


def copy(past: Bench, to: Bench, topic: str, change: Callable[[Record], bytes | None]) -> None:
    """Copy a topic, record by record."""
    log = KafkaLog(past.kafka)
    source, target = getattr(past.topics, topic).name, getattr(to.topics, topic).name
    for partition, end in log.ends(source).items():
        reader, at = log.reader(source, {partition: 0}), 0
        while at < end:
            for message in reader.read(500, 10):
                log.append(
                    target, change(message), key=message.key, partition=partition,
                    headers=tuple(message.headers),
                )  # fmt: skip
                at = message.offset + 1
        reader.close()
    log.flush(20)
    log.close()


def forged(message: Record) -> bytes | None:
    """What somebody does who has the brokers' disks in hand."""
    value = message.content
    if (message.partition, message.offset) == (0, 30):
        changed = re.sub(rb'"actor":"[^"]*"', b'"actor":"eve"', value, count=1)
        assert changed != value
        return changed
    return value


@pytest.mark.parametrize("setting", [pytest.param("on", marks=pytest.mark.long), "strict"])
def test_a_changed_log_is_found_by_the_next_decider(past: Bench, tmp_path: Path, setting: str):
    with deciding(past.kafka, tmp_path) as other:
        other.environment |= {
            "AUTOLEARN_CHAIN": setting,
            "AUTOLEARN_CHECKPOINT_INTERVAL": "0.5",
            "AUTOLEARN_SIGNING_KEY": str(past.folder / "home/keys/signing.pem"),
        }
        for topic in ("commands", "events", "checkpoints"):
            copy(past, other, topic, forged if topic == "events" else lambda m: m.value)
        process = other.process()
        until(lambda: process.claimed() >= 2, PATIENCE)
        assert "the chain is broken" in process.said()
        assert "offset=30" in process.said()
        names = one_each()
        other.send(*(command_record(name, commands.OpenSession(), "more") for name in names))
        other.flush()
        wanted = names[1:] if setting == "strict" else names
        until(lambda: len(answered(other)) >= len(wanted), PATIENCE, pause=0.2)
        assert process.stop() == 0
        assert answered(other) == wanted, "strict: nothing is decided on partition 0 any more"
        code, found, _ = tool(other, "verify")
        assert code == 1
        assert [(f["partition"], f["kind"], f["offset"]) for f in found["findings"]] == [
            (0, "changed", 30)
        ]
        newest = [unchecked(r.value) for r in other.records(other.topics.checkpoints.name)[0]][-1]
        assert newest.broken == 30, "whoever signs on says so"


def answered(bench: Bench) -> list[str]:
    """The sessions that were opened by a command with the id `more`."""
    topic = bench.records(bench.topics.events.name)
    events = [
        json.loads(record.value or b"") for partition in topic.values() for record in partition
    ]
    return [event["subject"] for event in events if event["causationid"] == "more"]


def one_each() -> list[str]:
    """The name of a session on each partition."""
    names = (f"session/{uuid.UUID(int=number)}" for number in range(1000, 1100))
    found = {partition_of(name, 2): name for name in names}
    return [found[0], found[1]]
