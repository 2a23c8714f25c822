"""Appends that are waited for, and reading one record back."""

import pytest

from autolearn.eventlog.append import append_all, append_and_wait
from autolearn.eventlog.log import Delivered
from autolearn.eventlog.read import read_record
from autolearn.schemas.errors import LogError
from autolearn.schemas.topics import Topic
from autolearn.testing import MemoryLog
from tests.support.both_logs import Bench, bench

__all__ = ["bench"]


class Failing(MemoryLog):
    """A log that refuses the values b"no", and never answers b"silence"."""

    def append(self, topic: str, value, *, delivered: Delivered | None = None, **rest) -> None:  # type: ignore[override]
        assert delivered is not None
        if value == b"no":
            delivered(LogError("refused"), 0, -1)
        elif value != b"silence":
            super().append(topic, value, delivered=delivered, **rest)


@pytest.fixture
def failing() -> MemoryLog:
    log = Failing()
    log.create([Topic("t", 1, 1, {})])
    return log


def test_an_append_that_is_waited_for_returns_its_offset(bench: Bench):
    bench.create(2)
    bench.append(b"0", b"1", partition=1)
    headers = (("name", b"value"),)
    offset = append_and_wait(
        bench.log, bench.topic, b"2", key="k", partition=1, headers=headers, time=1000, timeout=10
    )
    found = read_record(bench.log, bench.topic, 1, offset)
    assert (found.partition, found.offset, found.content) == (1, 2, b"2")
    assert (found.key, found.headers, found.time) == (b"k", headers, 1000)
    assert read_record(bench.log, bench.topic, 1, 0).content == b"0"


def test_all_that_is_appended_is_written(bench: Bench):
    bench.create()
    append_all(bench.log, bench.topic, [("a", b"0"), (b"b", None)], timeout=10)
    assert [(one.key, one.value) for one in bench.read(2)] == [(b"a", b"0"), (b"b", None)]


def test_a_refused_append_raises(failing: MemoryLog):
    with pytest.raises(LogError, match="refused"):
        append_and_wait(failing, "t", b"no", key="k", partition=0)
    with pytest.raises(LogError, match="refused"):
        append_all(failing, "t", [("k", b"0"), ("k", b"no"), ("k", b"1")], timeout=1)
    assert failing.ends("t") == {0: 2}


def test_an_append_that_is_not_acknowledged_is_given_up(
    failing: MemoryLog, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(LogError, match="not acknowledged"):
        append_and_wait(failing, "t", b"silence", key="k", partition=0, timeout=0.05)
    monkeypatch.setattr("autolearn.eventlog.append._LOOK", 0.01)
    looks = iter([None, None])
    with pytest.raises(StopIteration):
        append_and_wait(failing, "t", b"silence", key="k", partition=0, check=lambda: next(looks))


def test_a_record_that_is_not_there_is_an_error(bench: Bench):
    bench.create()
    bench.append(*(b"%d" % number for number in range(5)))
    bench.log.delete_before(bench.topic, {0: 3})
    assert read_record(bench.log, bench.topic, 0, 3).content == b"3"
    for offset in (0, 7):
        with pytest.raises(LogError, match=bench.topic):
            read_record(bench.log, bench.topic, 0, offset)
