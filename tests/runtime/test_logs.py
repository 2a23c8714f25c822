"""What is written to the log of a process, and how often."""

from __future__ import annotations

import logging

import pytest

from autolearn.runtime import logs
from autolearn.runtime.logs import Seldom


def record(words: object, *arguments: object, name: str = "aiokafka") -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 1, words, arguments, None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    return now


def test_what_a_library_repeats_is_said_once_in_a_while_and_counted(clock: list[float]):
    seldom = Seldom()
    passed = [seldom.filter(record("Unable to connect to %s", node)) for node in range(300)]
    assert passed == [True] + [False] * 299
    assert seldom.filter(record("Another thing")), "others are not held back"
    clock[0] += seldom.PAUSE
    again = record("Unable to connect to %s", 7)
    assert seldom.filter(again)
    assert again.getMessage() == "Unable to connect to 7 (299 more like this since)"


def test_what_we_say_is_always_said(clock: list[float]):
    seldom = Seldom()
    assert all(seldom.filter(record({"event": "offered"})) for _ in range(9))


def test_it_remembers_so_many_things_at_most(clock: list[float]):
    seldom = Seldom()
    for number in range(5 * seldom.MOST):
        assert seldom.filter(record(f"Nothing is like {number}"))
        assert len(seldom.said) <= seldom.MOST
