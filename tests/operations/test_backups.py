"""Backups of a log in memory: what is put back is what was there, and nothing else is."""

import base64
import hashlib
import json
import resource
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from autolearn.agents.command_handling.decision import actor_of
from autolearn.agents.deciders.user import may
from autolearn.artifacts.store.errors import Tampered
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.log import Log, Record, RecordReader
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.eventlog.read import read_between
from autolearn.operations.backup import __main__ as backup_tool
from autolearn.operations.backup.__main__ import run_restore
from autolearn.operations.backup.errors import BackupFailed, BackupRefused, Damaged, NotEmpty
from autolearn.operations.backup.format import Text, as_bytes, as_text, decode_line, line_of
from autolearn.operations.backup.read import BackupSet
from autolearn.operations.backup.restore import check_set, plan, restore
from autolearn.operations.backup.write import write_backup
from autolearn.runtime.state_folders import cut_off
from autolearn.schemas.codec import (
    CONTENT_TYPE,
    EventRecord,
    command_of,
    decode_command,
    encode,
    raw,
)
from autolearn.schemas.commands import RevokeToken
from autolearn.schemas.errors import LogError, SettingsError
from autolearn.schemas.events import (
    PasswordSet,
    TermStarted,
    TokenIssued,
    TokenRevoked,
    UserAdded,
    UserDisabled,
)
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.support import random_histories
from tests.support.settings import settings_of

HERE = settings_of(partitions=2, topic_prefix="here")
THERE = settings_of(partitions=2, topic_prefix="there")
OLD = 1_600_000_000_000


def nothing(*_: object) -> None:
    """Hear of progress."""


def append(log: Log, topic: str, partition: int, *values: bytes | None) -> None:
    for value in values:
        at = OLD + log.ends(topic)[partition]
        log.append(topic, value, key="é", partition=partition, headers=CONTENT_TYPE, time=at)


def told_log(seed: int = 1, count: int = 60, *, expired: int = 0) -> MemoryLog:
    """A log with a story on each partition: the last commands are not answered yet."""
    log, topics, random = MemoryLog(), Topics.of(HERE), Random(seed)
    log.create(topics.all())
    for partition in range(2):
        reference = random_histories.Reference(partition)
        claimed = EventRecord(
            id=f"t{partition}", source="tests", type=type_of(TermStarted), subject="partition/0",
            time="2026-01-01T00:00:00Z", sequence=0, term=1, data=raw(TermStarted("p")),
        )  # fmt: skip
        append(log, topics.events.name, partition, encode(claimed))
        for offset, record in enumerate(random_histories.random_records(random, count)):
            append(log, topics.commands.name, partition, encode(record))
            answer = reference.answer(offset, record) if offset < count - 5 else None
            if answer is not None:
                append(log, topics.events.name, partition, encode(answer))
    append(log, topics.dead_letters.name, 0, b"\xff\x00", None, b"")
    append(log, topics.audit.name, 1, b"{}")
    log.delete_before(topics.commands.name, {0: min(expired, count)})
    return log


def store_with(folder: Path, *contents: bytes) -> ArtifactStore:
    store = ArtifactStore(folder.as_uri())
    for content in contents:
        store.put_blob([content])
    return store


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup whose oldest commands had expired."""
    store = store_with(tmp_path / "store", b"one", b"two")
    write_backup(told_log(expired=20), HERE, store, tmp_path / "backup", nothing)
    return tmp_path / "backup"


def put_back(log: Log, backup: Path, to: Settings = THERE) -> tuple[int, list[str]]:
    """Restore; return how many records were there, and which views differ."""
    opened = BackupSet(backup)
    check_set(to, opened, nothing)
    parts = plan(log, to, opened)
    store = ArtifactStore((backup.parent / "restored").as_uri())
    restored = restore(log, to, store, opened, parts, nothing)
    return restored.already, restored.differs


def contents(log: Log, of: Settings) -> list[object]:
    """All that a reader can see of the topics of a backup."""
    seen: list[object] = []
    for topic in Topics.of(of).in_backup():
        begins, ends = log.begins(topic.name), log.ends(topic.name)
        seen += [begins, ends]
        for partition, begin in begins.items():
            if begin == ends[partition]:
                continue
            reader = log.reader(topic.name, {partition: begin})
            seen += [
                (m.offset, m.time, m.key, m.headers, m.value)
                for m in reader.read(ends[partition] - begin, 1)
            ]
    return seen


@given(some.none() | some.binary() | some.text().map(str.encode))
def test_any_bytes_can_be_written_as_json(data: bytes | None):
    assert as_bytes(msgspec.json.decode(msgspec.json.encode(as_text(data)), type=Text)) == data


@given(
    some.binary(), some.none() | some.binary(), some.lists(some.tuples(some.text(), some.binary()))
)
def test_a_record_survives_its_line(value, key, headers):
    log = MemoryLog()
    log.create(Topics.of(HERE).all())
    log.append("here.events", value, key=key, partition=0, headers=tuple(headers), time=OLD)
    (message,) = log.reader("here.events", {0: 0}).read(1, 1)
    line = line_of(message)
    assert line.count(b"\n") == 1
    read = decode_line(line)
    assert (read.offset, read.time, as_bytes(read.key), as_bytes(read.value)) == (
        0,
        OLD,
        key,
        value,
    )
    assert [(name, as_bytes(text)) for name, text in read.headers] == headers


@settings(max_examples=15)
@given(seed=some.integers(0, 2**32), count=some.integers(5, 80), expired=some.integers(0, 90))
def test_any_history_comes_back_as_it_was(seed, count, expired, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    before, after = told_log(seed, count, expired=expired), MemoryLog()
    manifest = write_backup(before, HERE, store_with(folder / "s"), folder / "b", nothing)
    assert put_back(after, folder / "b") == (0, [])
    assert contents(after, THERE) == contents(before, HERE)
    assert put_back(after, folder / "b") == (manifest.records(), []), "again: nothing to do"
    assert contents(after, THERE) == contents(before, HERE)


@pytest.mark.parametrize("gone", [{0}, {1}, {0, 2}, {3}])
def test_what_the_brokers_have_compacted_away_is_an_empty_place(tmp_path, gone, monkeypatch):
    before, after, name = told_log(), MemoryLog(), Topics.of(HERE).predictions.name
    append(before, name, 1, b"a", b"b", b"c", b"d", b"e")
    whole = before.reader

    def compacted(topic: str, start: Mapping[int, int], **more: Any) -> RecordReader:
        reader = whole(topic, start, **more)
        read = reader.read

        def left(limit: int, timeout: float) -> list[Record]:
            found = read(limit, timeout)
            return [one for one in found if topic != name or one.offset not in gone]

        monkeypatch.setattr(reader, "read", left)
        return reader

    monkeypatch.setattr(before, "reader", compacted)
    write_backup(before, HERE, store_with(tmp_path / "s"), tmp_path / "b", nothing)
    assert put_back(after, tmp_path / "b") == (0, [])
    found = [(one.key, one.value) for one in after.topics["there.predictions"][1]]
    assert found == [
        (b"", None) if at in gone else ("é".encode(), value)
        for at, value in enumerate((b"a", b"b", b"c", b"d", b"e"))
    ]


def test_the_files_can_be_read_without_this_program(backup):
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=backup, check=False).returncode == 0
    manifest = json.loads((backup / "manifest.json").read_bytes())
    assert manifest["format"] == 4
    assert [topic["topic"] for topic in manifest["topics"]] == [
        "checkpoints",
        "events",
        "commands",
        "dead-letters",
        "audit",
        "predictions",
        "prediction-hours",
        "truths",
    ]
    part = manifest["topics"][2]["partitions"][0]
    assert (part["first"], part["end"], part["records"]) == (20, 60, 40)
    lines = [json.loads(line) for line in (backup / part["file"]).read_bytes().splitlines()]
    assert [line["offset"] for line in lines] == list(range(20, 60))
    assert json.loads(lines[0]["value"])["specversion"] == "1.0"
    assert (lines[0]["key"], lines[0]["time"]) == ("é", OLD + 20)
    letters = (backup / "log/dead-letters/0.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in letters] == [
        {"base64": base64.b64encode(b"\xff\x00").decode()},
        None,
        "",
    ]
    name = hashlib.sha256(b"one").hexdigest()
    assert (backup / "artifacts/datasets" / name[:2] / name).read_bytes() == b"one"
    assert not list(backup.parent.glob("*.part"))


LACKS = [
    (1, ["checkpoints", "audit", "predictions", "truths"]),
    (2, ["audit", "predictions", "truths"]),
    (3, ["predictions", "truths"]),
]


@pytest.mark.parametrize(("version", "lacks"), LACKS)
def test_an_older_backup_lacks_topics_and_comes_back(backup, version, lacks):
    for topic in lacks:
        shutil.rmtree(backup / "log" / topic)
    manifest = json.loads((backup / "manifest.json").read_bytes())
    kept = [topic for topic in manifest["topics"] if topic["topic"] not in lacks]
    older = manifest | {"format": version, "topics": kept}
    edit(backup, "manifest.json", lambda _: [json.dumps(older)])
    sums = (backup / "SHA256SUMS").read_text().splitlines(keepends=True)
    kept = [line for line in sums if not any(f"log/{topic}/" in line for topic in lacks)]
    (backup / "SHA256SUMS").write_text("".join(kept))
    log = MemoryLog()
    assert put_back(log, backup) == (0, [])
    assert all(log.ends(f"there.{topic}") == {0: 0, 1: 0} for topic in lacks)
    other = MemoryLog()
    other.create(Topics.of(THERE).all())
    append(other, f"there.{lacks[0]}", 0, b"theirs")
    with pytest.raises(NotEmpty, match=f"there.{lacks[0]} has records"):
        put_back(other, backup)


def test_the_keys_come_back_wrapped_as_they_were_but_those_that_were_shredded(tmp_path):
    log, back = told_log(count=20), MemoryLog()
    of, to = Topics.of(HERE).keys, Topics.of(THERE).keys
    log.create([of])
    for key, value in (("a.1", b"{}"), ("b.1", b"{}"), ("roll", b"{}"), ("a.1", b'{"x":1}')):
        log.append(of.name, value, key=key)
    log.append(of.name, None, key="b.1")
    write_backup(log, HERE, store_with(tmp_path / "s"), tmp_path / "set", nothing)
    for _ in range(2):  # the second time all is there already
        put_back(back, tmp_path / "set")
        lying = [(m.key, m.value) for m in back.topics[to.name][0]]
        assert lying == [(b"a.1", b'{"x":1}')]


def test_artifacts_come_back(backup):
    put_back(MemoryLog(), backup)
    store = ArtifactStore((backup.parent / "restored").as_uri())
    assert len(store.blobs()) == 2


class CutOff(MemoryLog):
    """A log whose broker goes away after so many appends."""

    left = 10**9

    def append(self, *args: Any, **kwargs: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise LogError("the broker is gone")
        super().append(*args, **kwargs)


@pytest.mark.parametrize("at", [0, 1, 50, 111, 115, 130, 150, 200])
def test_a_restore_that_was_cut_off_goes_on(backup, at):
    log, whole = CutOff(), MemoryLog()
    log.left = at
    with pytest.raises(LogError, match="gone"):
        put_back(log, backup)
    log.left = 10**9
    already, differs = put_back(log, backup)
    assert (already > 0, differs) == (at > 0, [])
    put_back(whole, backup)
    assert contents(log, THERE) == contents(whole, THERE)


def flip(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)


def edit(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    """Change a file's lines, and make the checksums fit: only the log's own order can tell."""
    lines = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text("".join(change(lines)))
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    fitting = [f"{digest}  {name}" if line.endswith(f"  {name}") else line for line in sums]
    (folder / "SHA256SUMS").write_text("\n".join(fitting) + "\n")


def newer(lines: list[str]) -> list[str]:
    return [line.replace('"format": 4', '"format": 5') for line in lines]


def an_artifact(folder: Path) -> str:
    found = (path for path in (folder / "artifacts").rglob("*") if path.is_file())
    return next(found).relative_to(folder).as_posix()


EVENTS = "log/events/1.jsonl"
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte in the log": (lambda f: flip(f, EVENTS), EVENTS),
    "a flipped byte in an artifact": (
        lambda f: flip(f, an_artifact(f)),
        "artifacts/datasets/",
    ),
    "a flipped byte in the manifest": (lambda f: flip(f, "manifest.json"), "manifest.json"),
    "a flipped byte in the checksums": (lambda f: flip(f, "SHA256SUMS"), "SHA256SUMS|missing"),
    "a missing file": (lambda f: (f / EVENTS).unlink(), EVENTS),
    "no checksums": (lambda f: (f / "SHA256SUMS").unlink(), "SHA256SUMS"),
    "a file too many": (lambda f: (f / "notes.txt").touch(), "notes.txt"),
    "a line too few": (lambda f: edit(f, EVENTS, lambda lines: lines[:-1]), EVENTS),
    "a line twice": (lambda f: edit(f, EVENTS, lambda lines: [*lines, lines[-1]]), EVENTS),
    "a line cut": (lambda f: edit(f, EVENTS, lambda lines: [*lines[:-1], lines[-1][:-9]]), EVENTS),
    "a hole": (lambda f: edit(f, EVENTS, lambda lines: [*lines[:3], *lines[4:]]), EVENTS),
    "a newer version": (lambda f: edit(f, "manifest.json", newer), "format version 5"),
    "no backup": (lambda f: (f / "manifest.json").unlink(), "is not a backup"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_set_that_is_not_whole_is_refused_and_nothing_is_written(backup, damage):
    spoil, words = DAMAGES[damage]
    spoil(backup)
    log = MemoryLog()
    with pytest.raises(BackupRefused, match=words) as refused:
        put_back(log, backup)
    assert refused.type is (
        BackupRefused if damage in ("a newer version", "no backup") else Damaged
    )
    assert log.partitions() == {}
    assert not (backup.parent / "restored").exists()


@pytest.mark.parametrize("topic", ["events", "commands", "dead-letters", "tasks", "workers"])
def test_a_log_in_use_is_left_alone(backup, topic):
    log = MemoryLog()
    log.create(Topics.of(THERE).all())
    append(log, f"there.{topic}", 0, b"mine")
    before = contents(log, THERE)
    with pytest.raises(NotEmpty, match=f"there.{topic}") as refused:
        put_back(log, backup)
    assert "AUTOLEARN_TOPIC_PREFIX" in refused.value.advice
    assert contents(log, THERE) == before


def test_a_system_that_has_run_since_is_not_restored_over(backup):
    log = MemoryLog()
    put_back(log, backup)
    append(log, "there.events", 1, b"a new term")
    with pytest.raises(NotEmpty, match="that are not in the backup"):
        put_back(log, backup)


def test_a_log_that_was_emptied_is_no_empty_log(backup):
    log = MemoryLog()
    log.create(Topics.of(THERE).all())
    append(log, "there.events", 0, b"1", b"2")
    log.delete_before("there.events", {0: 2})
    with pytest.raises(NotEmpty, match="it begins at 2"):
        put_back(log, backup)


def test_the_number_of_partitions_must_be_the_same(backup):
    log = MemoryLog()
    with pytest.raises(SettingsError, match="2 partitions of events") as refused:
        put_back(log, backup, settings_of(partitions=3, topic_prefix="there"))
    assert "AUTOLEARN_PARTITIONS to 2" in refused.value.advice
    assert log.partitions() == {}


def test_somebody_else_who_writes_meanwhile_is_noticed(backup):
    log = MemoryLog()
    opened = BackupSet(backup)
    parts = plan(log, THERE, opened)
    log.create(Topics.of(THERE).all())
    append(log, "there.events", 0, b"theirs")
    store = ArtifactStore((backup.parent / "restored").as_uri())
    with pytest.raises(LogError, match="somebody else writes"):
        restore(log, THERE, store, opened, parts, nothing)


def test_a_folder_in_use_is_left_alone(backup, tmp_path):
    log, store = told_log(), store_with(tmp_path / "store")
    with pytest.raises(BackupRefused, match="has something in it"):
        write_backup(log, HERE, store, backup, nothing)
    BackupSet(backup).check(nothing)
    (tmp_path / "other.part").mkdir()
    with pytest.raises(BackupRefused, match="cut off"):
        write_backup(log, HERE, store, tmp_path / "other", nothing)
    (tmp_path / "file").touch()
    for target in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none/b")):
        with pytest.raises(BackupRefused):
            write_backup(log, HERE, store, target, nothing)


def test_an_empty_folder_can_take_a_backup(tmp_path):
    (tmp_path / "empty").mkdir()
    write_backup(told_log(), HERE, store_with(tmp_path / "s"), tmp_path / "empty", nothing)
    BackupSet(tmp_path / "empty").check(nothing)


def test_without_a_log_there_is_nothing_to_back_up(tmp_path):
    with pytest.raises(BackupRefused, match=r"here\.events"):
        write_backup(MemoryLog(), HERE, store_with(tmp_path / "s"), tmp_path / "b", nothing)
    assert not list(tmp_path.glob("b*"))


def test_events_must_not_have_expired(tmp_path):
    log = told_log()
    log.delete_before("here.events", {0: 3})
    with pytest.raises(BackupRefused, match=r"oldest records of here\.events are gone"):
        write_backup(log, HERE, store_with(tmp_path / "s"), tmp_path / "b", nothing)


def test_what_cannot_be_written_is_no_backup(tmp_path):
    """As on a full disk: the system refuses to make a file any longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(BackupFailed, match="File too large"):
            write_backup(told_log(), HERE, store_with(tmp_path / "s"), tmp_path / "b", nothing)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob("b*"))


def test_a_damaged_artifact_stops_the_backup(tmp_path):
    store = store_with(tmp_path / "s", b"one")
    (blob,) = (path for path in (tmp_path / "s").rglob("*") if path.is_file())
    blob.write_bytes(b"two")
    with pytest.raises(Tampered, match=blob.name):
        write_backup(told_log(), HERE, store, tmp_path / "b", nothing)
    assert not list(tmp_path.glob("b*"))


def test_a_copy_of_a_backup_is_a_backup(backup, tmp_path):
    shutil.copytree(backup, tmp_path / "copy")
    assert put_back(MemoryLog(), tmp_path / "copy") == (0, [])


def log_of_users() -> MemoryLog:
    """A log on which t2 and t6 let somebody in; the other tokens were ended in every way."""
    log, topics = MemoryLog(), Topics.of(HERE)
    log.create(topics.all())
    gone, verifier = "2026-01-01T00:00:00.000Z", "$argon2id$x"
    happened: list[tuple[str, Event]] = [
        ("partition/0", TermStarted("p")),
        *((f"user/{name}", UserAdded("user", verifier)) for name in ("ada", "bo", "cy", "dee")),
        *(("user/ada", TokenIssued(f"t{n}", "", str(n) * 64, None)) for n in (1, 2)),
        ("user/ada", TokenRevoked("t1")),
        ("user/bo", TokenIssued("t3", "", "3" * 64, gone)),
        ("user/bo", TokenIssued("t4", "", "4" * 64, gone, dropped=("t3",))),
        ("user/cy", TokenIssued("t5", "", "5" * 64, None)),
        ("user/cy", TokenIssued("t6", "", "6" * 64, None)),
        ("user/cy", PasswordSet(verifier, keep="t6")),
        ("user/dee", TokenIssued("t7", "", "7" * 64, None)),
        ("user/dee", UserDisabled()),
    ]
    for number, (stream, event) in enumerate(happened):
        record = EventRecord(
            id=str(number), source="tests", type=type_of(type(event)), subject=stream, time=gone,
            sequence=[of for of, _ in happened[: number + 1]].count(stream), term=1,
            commandoffset=number, prev=number - 1 if number > 1 else -1, data=raw(event),
        )  # fmt: skip
        log.append(topics.events.name, encode(record), key=stream, partition=0)
    return log


def test_every_token_of_a_backup_can_be_revoked_also_by_a_restore_that_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder, home = tmp_path / "backup", tmp_path / "home"
    write_backup(log_of_users(), HERE, store_with(tmp_path / "store"), folder, nothing)
    target = CutOff()
    there = settings_of(home=home, kafka="played:1", partitions=2, topic_prefix="there")
    home.mkdir()
    monkeypatch.setattr(backup_tool, "open_log", lambda _: target)
    result, _ = run_restore(there, folder, nothing)
    assert (result["tokens"], result["revoked_tokens"]) == (2, 0)
    (stale := home / "state" / "api" / "CURRENT").parent.mkdir(parents=True)
    stale.touch()
    target.left = 1  # one of two commands is taken
    with pytest.raises(LogError, match="not all of its 2 tokens") as failed:
        run_restore(there, folder, nothing, revoke=True)
    assert "still be valid" in failed.value.title
    assert cut_off(home) == f"{folder} --revoke-tokens"
    assert not stale.exists(), "what was folded from the log before is not served"
    target.left = 10**9
    for revoke in (True, False):  # what was revoked stays so
        result, _ = run_restore(there, folder, nothing, revoke=revoke)
        assert (result["tokens"], result["revoked_tokens"], result["differs"]) == (0, 2, [])
        assert cut_off(home) == ""
    name = Topics.of(THERE).commands.name
    found = read_between(target, name, target.begins(name), target.ends(name), 5.0)
    asked = [decode_command(message.content) for message in found]
    assert {(one.subject, command_of(one)) for one in asked} == {
        ("user/ada", RevokeToken("t2")),
        ("user/cy", RevokeToken("t6")),
    }
    assert all(may(command_of(one), actor_of(one)) for one in asked), "deciders take them"
    assert len(asked) == 5
    assert len({one.id for one in asked}) == 2, "each is answered once"
