"""The data of a backtest: which requests are frozen, and why others are left out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, Raw
from msgspec.structs import replace
from pyarrow import parquet

from autolearn.api.http.problems import Problem
from autolearn.api.services.models import asked_rows
from autolearn.api.services.models.asked_rows import AskedRows, LogPart, freeze
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.runtime.timestamps import text
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.models.backtests import ANSWER, REQUEST, ROW, SCORE, VERSION
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord
from autolearn.schemas.topics import Topic
from autolearn.security.data_key import Unreadable

NOW = 1_800_000_000_000
TOPIC = "predictions"
KINDS = {"age": "number", "member": "boolean", "plan": "string", "since": "timestamp"}
ROW_OF = {"age": [41], "member": [True], "plan": ["gold"], "since": ["2026-01-31T09:30:00Z"]}
SAID = {"prediction": ["yes"], "probability_no": [0.25], "probability_yes": [0.75]}


def record(
    inputs: Mapping[str, Any] = ROW_OF, outputs: Mapping[str, Any] = SAID, **more: Any
) -> PredictionRecord:
    content = msgspec.json.encode(PredictionContent(dict(inputs), dict(outputs)))
    rows = len(next(iter(outputs.values())))
    when = more.pop("when", NOW - 1000)
    about = {"model": "churn", "version": 1, "rows": rows, "data": Raw(content), **more}
    return PredictionRecord(id=uuid7(when), time=text(when), **about)


def shredded(_: str, __: str) -> AESGCM:
    raise Unreadable


@pytest.fixture
def frozen(tmp_path: Path) -> Callable[..., Any]:
    """Freezes records; returns what is said about them, and the columns of the table."""

    def freezes(*records: PredictionRecord, **more: Any) -> Any:
        log = MemoryLog()
        log.create([Topic(TOPIC, 1, 1, {})])
        for one in records:
            value, key = msgspec.json.encode(one), f"{one.model}/{one.id}"
            log.append(TOPIC, value, key=key, time=NOW)
        log.append(TOPIC, b"{", key="churn/odd", time=NOW)
        log.append(TOPIC, None, key="churn/gone", time=NOW)
        tasks = {1: CLASSIFICATION, 2: CLASSIFICATION, 3: REGRESSION}
        wanted = AskedRows("churn", NOW - 5000, NOW, 0, CLASSIFICATION, KINDS, tasks.__getitem__)
        file = tmp_path / "rows.parquet"
        said, read = freeze(LogPart(log, TOPIC, shredded), wanted._replace(**more), file)
        return said, read.types, parquet.read_table(file).to_pydict()

    return freezes


def test_rows_are_frozen_with_their_types_and_what_was_answered(frozen: Callable[..., Any]) -> None:
    gaps = {"age": [2.5, None], "member": [None, False], "plan": ["a", None], "since": [None] * 2}
    both = {"prediction": ["no", "new"], "probability_no": [0.5, 0.5]}
    first, second = record(), record(gaps, both, version=2)
    said, types, columns = frozen(first, second)
    assert (said.requests, said.rows, said.left_out) == (2, {"1": 1, "2": 2}, {})
    assert types == "nbstsiisns"
    assert columns["age"] == [41.0, 2.5, None]
    assert columns["member"] == [True, None, False]
    assert columns["since"][0].isoformat() == "2026-01-31T09:30:00+00:00"
    assert columns[REQUEST] == [first.id, second.id, second.id]
    assert (columns[ROW], columns[VERSION]) == ([0, 0, 1], [1, 2, 2])
    assert (columns[ANSWER], columns[SCORE]) == (["yes", "no", "new"], [0.75, 0.5, None])


def test_what_cannot_be_replayed_is_counted_with_its_reason(frozen: Callable[..., Any]) -> None:
    said, _, columns = frozen(
        record(),
        record({**ROW_OF, "age": ["old"]}),
        record({**ROW_OF, "since": ["yesterday"]}),
        record({name: values for name, values in ROW_OF.items() if name != "plan"}),
        record(version=3),
        record(data=UNSET, keyid="k", data_base64="AAAA"),
        record(model="other"),
        record(shadow_of="somebody"),
        record(purpose="showroom"),
        record(when=NOW - 6000),
        record(when=NOW),
    )
    assert (said.requests, len(columns[REQUEST])) == (1, 1)
    assert said.left_out == {
        "some have values of another type in age": 1,
        "some have values of another type in since": 1,
        "some have no plan": 1,
        "some were answered by a version with another task": 1,
        "some cannot be read any more": 1,
    }


def test_one_version_is_compared_alone_if_it_is_named(frozen: Callable[..., Any]) -> None:
    said, _, _ = frozen(record(), record(version=2), record(version=2), against=2)
    assert (said.requests, said.rows, said.against) == (2, {"2": 2}, 2)
    with pytest.raises(Problem, match="Nothing was asked of churn and answered by version 2"):
        frozen(record(), against=2)


@pytest.mark.parametrize("bound", ["BACKTEST_ROWS", "BACKTEST_BYTES", "BACKTEST_RECORDS"])
def test_too_much_is_refused(
    frozen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(asked_rows, bound, 3)
    with pytest.raises(Problem, match="choose a later `since`"):
        frozen(*(replace(record(), id=uuid7(NOW - 1000)) for _ in range(4)))
