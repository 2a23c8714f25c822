"""What every store promises: the same tests in memory and on RocksDB."""

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store, key, prefix_of
from autolearn.schemas.errors import StoreError
from autolearn.testing import MemoryStore, StoreContract
from autolearn.testing.store_contract import fill, keys


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = MemoryStore()
        yield store
        store.close()


class TestRocksStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = RocksStore(tmp_path / "db")
        yield store
        store.close()


def test_keys_of_parts():
    assert key("a", 1, "é") == b"a\x00" + bytes(7) + b"\x01\x00\xc3\xa9"
    assert prefix_of("a") == b"a\x00"
    assert key("a", "b").startswith(prefix_of("a"))
    assert not key("ab", "c").startswith(prefix_of("a"))


def test_both_stores_agree_whatever_is_done(tmp_path: Path):
    for seed in range(15):
        random = Random(seed)
        memory, rocks = MemoryStore(), RocksStore(tmp_path / str(seed))
        some = [bytes(random.choices(b"\x00a\xff", k=random.randint(0, 4))) for _ in range(20)]
        for _ in range(30):
            rows = {
                each: random.choice((b"1", b"2", None))
                for each in random.sample(some, random.randint(0, 5))
            }
            memory.write(rows)
            rocks.write(rows)
            prefix, after = random.choice(some)[:2], random.choice((b"", *some))
            for reverse in (False, True):
                assert list(memory.scan(prefix, after=after, reverse=reverse)) == list(
                    rocks.scan(prefix, after=after, reverse=reverse)
                ), (seed, prefix, after, reverse)
        rocks.close()


# RocksDB only


def test_what_was_written_is_there_after_reopening(tmp_path: Path):
    store = RocksStore(tmp_path / "a" / "b")
    fill(store, b"a", b"b")
    store.close()
    store = RocksStore(tmp_path / "a" / "b")
    assert keys(store.scan(b"")) == [b"a", b"b"]
    store.close()


def test_a_folder_is_opened_once(tmp_path: Path):
    store = RocksStore(tmp_path / "db")
    with pytest.raises(StoreError) as failure:
        RocksStore(tmp_path / "db")
    words = failure.value.diagnostics()
    assert str(tmp_path / "db") in words
    assert failure.value.advice
    store.close()
    RocksStore(tmp_path / "db").close()


def flip(file: Path) -> None:
    """Change some bytes in the middle of a file."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 50] = bytes(each ^ 0xFF for each in content[middle : middle + 50])
    file.write_bytes(content)


def cut(file: Path) -> None:
    """Leave the first half of a file."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def on_disk(folder: Path, rows: int = 50_000) -> None:
    """Have rows in sorted files."""
    store = RocksStore(folder)
    store.write({b"%06d" % number: b"v" * 40 for number in range(rows)})
    store.db.flush()
    store.close()


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        *itertools.product(["CURRENT", "MANIFEST-*"], [flip, cut, Path.unlink]),
        *itertools.product(["*.sst"], [cut, Path.unlink]),
    ],
)
def test_a_damaged_folder_is_made_anew(tmp_path: Path, file: str, harm, logged):
    on_disk(tmp_path / "db")
    for found in (tmp_path / "db").glob(file):
        harm(found)
    store = RocksStore(tmp_path / "db")
    left = len(keys(store.scan(b"")))
    if file == "MANIFEST-*" and harm is not Path.unlink:
        assert left in (0, 50_000), "as of an earlier moment: the offsets are of that moment too"
    else:
        assert left == 0
        assert "rebuilt from the log" in logged()
    store.write({b"a": b"1"})
    store.close()
    store = RocksStore(tmp_path / "db")
    assert store.get(b"a") == b"1"
    store.close()


def test_damage_that_shows_when_reading_mends_with_the_next_start(tmp_path: Path, logged):
    on_disk(tmp_path / "db", 500_000)
    store = RocksStore(tmp_path / "db")
    for found in (tmp_path / "db").glob("*.sst"):
        flip(found)
    with pytest.raises(StoreError, match="db"):
        [store.get(b"%06d" % number) for number in range(500_000)]
    with pytest.raises(StoreError, match="db"):
        list(store.scan(b""))
    store.close()
    store = RocksStore(tmp_path / "db")
    assert "rebuilt from the log" in logged()
    assert keys(store.scan(b"")) == []
    store.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["db"]


def test_a_folder_that_was_deleted_under_a_store_is_an_error(tmp_path: Path):
    store = RocksStore(tmp_path / "db")
    shutil.rmtree(tmp_path / "db")
    with pytest.raises(StoreError, match="db"):
        [store.write({b"%d" % number: b"v" * 1_000_000}) for number in range(200)]
    store.close()
    RocksStore(tmp_path / "db").close()


WRITER = """
import sys
from pathlib import Path
from autolearn.projections.storage.rocksdb import RocksStore
store = RocksStore(Path(sys.argv[1]))
number = int(store.get(b"count") or b"0")
print("open", flush=True)
while True:
    number += 1
    value = b"%d" % number
    rows = {b"%s%d" % (table, number % 50): value * 100 for table in (b"p", b"q")}
    store.write({b"count": value, **rows})
    if number % 100 == 0:
        print(number, flush=True)
"""


def test_a_write_is_there_wholly_or_not_at_all_after_kill_9(tmp_path: Path):
    last = 0
    for seed in range(3):
        random = Random(seed)
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "db")], stdout=subprocess.PIPE, text=True
        )
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "open\n"
            for _ in range(random.randint(1, 12)):
                told = int(child.stdout.readline())
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait(10)
            child.stdout.close()
        store = RocksStore(tmp_path / "db")
        count = int(store.get(b"count") or b"0")
        assert count >= told > last, "what was written before it was said is there"
        last = count
        for number in range(max(1, count - 49), count + 1):
            for table in (b"p", b"q"):
                assert store.get(table + b"%d" % (number % 50)) == b"%d" % number * 100
        store.close()
