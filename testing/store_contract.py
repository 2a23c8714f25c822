"""What every store promises: its contract suite.

class TestMyStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = MyStore()
        yield store
        store.close()
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from autolearn.projections.storage.store import Store, key, prefix_of


def fill(store: Store, *keys: bytes) -> None:
    """Write rows of these keys."""
    store.write({each: b"v" + each for each in keys})


def keys(rows: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the keys of rows."""
    return [each for each, _ in rows]


class StoreContract:
    """The tests that every store passes; a subclass provides the fixture `store`, empty."""

    def test_what_is_written_is_read(self, store: Store) -> None:
        store.write({b"a": b"1", b"b": b"", b"c": b"\x00\xff"})
        assert [store.get(each) for each in (b"a", b"b", b"c", b"d", b"")] == [
            b"1",
            b"",
            b"\x00\xff",
            None,
            None,
        ]
        store.write({b"a": b"2", b"b": None, b"never": None})
        assert [store.get(each) for each in (b"a", b"b", b"never")] == [b"2", None, None]

    def test_rows_come_in_the_order_of_their_bytes(self, store: Store) -> None:
        wanted = [b"", b"\x00", b"a", b"a\x00", b"aa", b"b", b"\x7f", b"\x80", b"\xff", b"\xff\xff"]
        for each in Random(1).sample(wanted, len(wanted)):
            store.write({b"p" + each: b"v"})
        assert keys(store.scan(b"p")) == [b"p" + each for each in wanted]
        assert keys(store.scan(b"p", reverse=True)) == [b"p" + each for each in reversed(wanted)]

    def test_a_scan_keeps_to_its_prefix(self, store: Store) -> None:
        fill(store, b"a", b"a\x00x", b"a\x00y", b"a\x01", b"ab\x00z", b"b", b"\xff", b"\xff\xffz")
        assert keys(store.scan(prefix_of("a"))) == [b"a\x00x", b"a\x00y"]
        assert keys(store.scan(b"a")) == [b"a", b"a\x00x", b"a\x00y", b"a\x01", b"ab\x00z"]
        assert keys(store.scan(b"\xff")) == [b"\xff", b"\xff\xffz"]
        assert keys(store.scan(b"c")) == keys(store.scan(b"c", reverse=True)) == []
        assert len(keys(store.scan(b""))) == len(keys(store.scan(b"", reverse=True))) == 8

    def test_a_scan_of_an_empty_store(self, store: Store) -> None:
        assert keys(store.scan(b"a")) == keys(store.scan(b"a", after=b"b", reverse=True)) == []

    @pytest.mark.parametrize(
        ("after", "forward", "backward"),
        [
            (b"", [b"p1", b"p2", b"p3"], [b"p3", b"p2", b"p1"]),
            (b"p2", [b"p3"], [b"p1"]),
            (b"p1", [b"p2", b"p3"], []),
            (b"p3", [], [b"p2", b"p1"]),
            (b"p20", [b"p3"], [b"p2", b"p1"]),
            (b"p", [b"p1", b"p2", b"p3"], []),
            (b"a", [b"p1", b"p2", b"p3"], []),
            (b"z", [], [b"p3", b"p2", b"p1"]),
        ],
    )
    def test_a_scan_goes_on_after_a_key(
        self, store: Store, after: bytes, forward: list[bytes], backward: list[bytes]
    ) -> None:
        fill(store, b"o9", b"p1", b"p2", b"p3", b"q0")
        assert keys(store.scan(b"p", after=after)) == forward
        assert keys(store.scan(b"p", after=after, reverse=True)) == backward

    def test_numbers_in_keys_are_in_order(self, store: Store) -> None:
        numbers = [0, 1, 9, 10, 255, 256, 65535, 2**31, 2**32, 2**63, 2**64 - 2, 2**64 - 1]
        for number in Random(2).sample(numbers, len(numbers)):
            store.write({key("run", "s", number): b"%d" % number})
        store.write({key("run", "s0", 5): b"other", key("run", "r", 7): b"other"})
        prefix = prefix_of("run", "s")
        assert [int(value) for _, value in store.scan(prefix)] == numbers
        assert [int(value) for _, value in store.scan(prefix, reverse=True)] == numbers[::-1]
        after = key("run", "s", 256)
        assert [int(value) for _, value in store.scan(prefix, after=after)] == numbers[6:]
        assert [int(value) for _, value in store.scan(prefix, after=after, reverse=True)] == [
            *reversed(numbers[:5])
        ]

    def test_a_snapshot_does_not_change(self, store: Store) -> None:
        fill(store, b"p1", b"p2", b"p3")
        snapshot = store.snapshot()
        store.write({b"p1": b"new", b"p2": None, b"p4": b"new"})
        assert keys(snapshot.scan(b"p")) == [b"p1", b"p2", b"p3"]
        assert (snapshot.get(b"p1"), snapshot.get(b"p2"), snapshot.get(b"p4")) == (
            b"vp1",
            b"vp2",
            None,
        )
        assert keys(store.scan(b"p")) == [b"p1", b"p3", b"p4"]

    @pytest.mark.parametrize("reverse", [False, True])
    def test_reads_between_the_rows_of_a_scan_do_no_harm(self, store: Store, reverse: bool) -> None:
        fill(store, *(b"p%d" % number for number in range(10)))
        for readable in (store, store.snapshot()):
            found = []
            for row, value in readable.scan(b"p", reverse=reverse):
                found.append(row)
                assert value == b"v" + row
                assert readable.get(b"p5") == b"vp5"
                assert readable.get(b"zzz") is None
                assert len(list(readable.scan(b"p7"))) == 1
            assert found == [b"p%d" % number for number in range(10)][:: -1 if reverse else 1]

    def test_a_scan_does_not_see_later_writes(self, store: Store) -> None:
        fill(store, b"p1", b"p2", b"p3")
        scan = store.scan(b"p")
        found = [next(scan)[0]]
        store.write({b"p2": None, b"p4": b"new"})
        assert found + keys(scan) == [b"p1", b"p2", b"p3"]

    def test_clear(self, store: Store) -> None:
        fill(store, b"a", b"b")
        store.clear()
        assert keys(store.scan(b"")) == []
        fill(store, b"c")
        assert keys(store.scan(b"")) == [b"c"]
