"""What is wrong with the answers of models, their records and their hours is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.answers import Answer, Promotion, check_answers, check_records, said_in, uncounted
from tests.support.log_checker import Broken


def told(share: float) -> dict[str, Any]:
    return {"prediction": "a", "probabilities": {"a": share, "b": 1 - share}}


REFERENCES = {1: [(told(0.5), told(0.75))], 2: [(told(0.625), told(0.875))]}
SAID = {version: known[0] for version, known in REFERENCES.items()}
PROMOTIONS = [Promotion(1, 0, 0), Promotion(2, 10, 11)]


def answer(version: int, *said: dict[str, Any], sent: float = 5.0) -> Answer:
    return Answer("r", version, 0, said, sent, sent + 0.1)


def record_of(given: Answer, **changed: Any) -> dict[str, Any]:
    shares = [one["probabilities"] for one in given.said]
    outputs = {
        "prediction": [one["prediction"] for one in given.said],
        **{f"probability_{name}": [one[name] for one in shares] for name in "ab"},
    }
    record = {"id": given.request, "model": "m", "version": given.version, "rows": 2}
    return {**record, "time": "2026-11-27T12:00:00Z", "data": {"outputs": outputs}, **changed}


ONE, TWO = answer(1, *SAID[1]), answer(2, *SAID[2], sent=20.0)


def test_right_answers_are_counted():
    late = answer(1, *SAID[1], sent=12.5)  # within the patience: the old one still answers
    found = check_answers([ONE, TWO, late], REFERENCES, PROMOTIONS, 3)
    assert found == (3, 2, 1.5)
    assert check_records([ONE], [record_of(ONE)], durable=True) == 0
    assert check_records([ONE], [], durable=False) == 1
    assert said_in(record_of(ONE)) == ONE.said
    hour = {"hour": "2026-11-27T12:00:00Z", "model": "m", "version": 1, "requests": 1, "rows": 2}
    assert uncounted([hour], [record_of(ONE), record_of(ONE)]) == 1
    assert uncounted([hour], [record_of(ONE)]) == 0
    with pytest.raises(Broken, match="1 requests are counted of 0"):
        uncounted([hour], [record_of(TWO)])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (answer(1, SAID[1][0], SAID[2][1]), "mixes versions"),
        (answer(1, *SAID[2]), "another version than it says"),
        (answer(1, SAID[1][0], told(0.1)), "is of no version"),
        (answer(2, *SAID[2], sent=9.0), "version 2 was not promoted then"),
        (answer(1, *SAID[1], sent=14.5), "version 1 was not promoted then"),
    ],
)
def test_wrong_answers_are_found(wrong: Answer, words: str):
    with pytest.raises(Broken, match=words):
        check_answers([wrong], REFERENCES, PROMOTIONS, 3)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "is not on the prediction log"),
        ([record_of(ONE), record_of(ONE)], "on the prediction log twice"),
        ([record_of(ONE, version=2)], "is recorded otherwise"),
        ([record_of(TWO, version=1)], "is recorded otherwise"),
    ],
)
def test_wrong_records_are_found(records: list[dict[str, Any]], words: str):
    with pytest.raises(Broken, match=words):
        check_records([ONE], records, durable=True)
