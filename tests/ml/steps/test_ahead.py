"""What comes later: it is found by the clock, and nothing of it is in a feature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.ml.errors import InputError
from autolearn.ml.step_functions.ahead import ahead
from autolearn.ml.step_functions.windows import windows
from autolearn.schemas.pipelines.horizons import duration
from autolearn.testing import run_step

START = datetime(2026, 1, 1, tzinfo=UTC)
Row = tuple[str, int, int | None]
"""A series, an hour, and a value."""
ROWS = st.lists(
    st.tuples(st.sampled_from("pq"), st.integers(0, 30), st.none() | st.integers(0, 99)),
    min_size=2,
    max_size=40,
    unique_by=lambda row: row[:2],
)
HORIZONS = {"1h": 1, "5h": 5, "12h": 12}


def table_of(rows: list[Row]) -> pa.Table:
    return pa.table(
        {
            "shop": [shop for shop, _, _ in rows],
            "when": pa.array([START + timedelta(hours=hour) for _, hour, _ in rows]),
            "load": pa.array([value for _, _, value in rows], pa.int64()),
        }
    )


def added(rows: list[Row]) -> pa.Table | None:
    """Windows and what comes later; None where a horizon has no row."""
    before = windows(
        table_of(rows), time="when", columns=["load"], group=["shop"], lags=[1], rolling=[3]
    )
    try:
        return ahead(
            before, column="load", ahead=[*HORIZONS], time="when", group=["shop"],
            season="6h", test=0,
        )  # fmt: skip
    except InputError:
        hours = {row[:2] for row in rows}
        assert any(
            not any((shop, hour + later) in hours for shop, hour in hours)
            for later in HORIZONS.values()
        )
        return None


@given(ROWS)
@settings(max_examples=25, deadline=None)
def test_it_is_the_value_in_the_row_of_that_time(rows: list[Row]) -> None:
    found = added(rows)
    if found is None:
        return
    known = {(shop, hour): value for shop, hour, value in rows}
    for horizon, later in HORIZONS.items():
        back = {1: 6, 5: 6, 12: 12}[later]
        assert found[f"load in {horizon}"].to_pylist() == [
            known.get((shop, hour + later)) for shop, hour, _ in rows
        ]
        naive = f"load in {horizon}, {back}h before"
        assert (naive in found.column_names) == (back != later), "else it is the last value"
        if back != later:
            assert found[naive].to_pylist() == [
                known.get((shop, hour + later - back)) for shop, hour, _ in rows
            ]


@given(ROWS, st.integers(0, 30))
@settings(max_examples=25, deadline=None)
def test_no_feature_of_a_row_depends_on_what_comes_later(rows: list[Row], now: int) -> None:
    """With other values after now, all columns of the rows until now are the same, but targets."""
    other = [(shop, hour, value if hour <= now else 1000) for shop, hour, value in rows]
    found, changed = added(rows), added(other)
    if found is None or changed is None:
        return
    targets = [f"load in {horizon}" for horizon in HORIZONS]
    until = pa.array([hour <= now for _, hour, _ in rows])
    one, two = (table.filter(until).drop_columns(targets) for table in (found, changed))
    assert one.equals(two)


def hourly(values: list[float], step: int = 1) -> pa.Table:
    times = [START + timedelta(hours=step * at) for at in range(len(values))]
    return pa.table({"when": times, "load": values})


def test_naive_forecasts_are_measured_on_the_latest_rows_that_have_a_target() -> None:
    values = [float(at % 7 + (at % 3 == 0)) for at in range(60)]
    report = run_step(
        ahead, hourly(values), column="load", ahead=["2h"], season="24h", test=0.25
    ).report
    with_target = range(58)
    held_out = [*with_target][-15:]  # a quarter of 58 rows, rounded up
    errors = [abs(values[at + 2] - values[at]) for at in held_out]
    again = [abs(values[at + 2] - values[at + 2 - 24]) for at in held_out]
    found = report.naive["2h"]
    assert found["last value"]["mae"] == pytest.approx(sum(errors) / 15)
    assert found["1d before"]["mae"] == pytest.approx(sum(again) / 15)
    assert {"mae", "rmse", "r2"} <= {*found["1d before"]}


def test_a_forecast_that_is_not_there_for_all_rows_says_so() -> None:
    values = [float(at) for at in range(20)]
    report = run_step(ahead, hourly(values), column="load", ahead=["1h"], season="17h").report
    assert report.naive["1h"]["17h before"]["mae"] == 17
    assert report.notes == (
        "the forecast 17h before of load in 1h has a value in 3 of the 5 held-out rows, and is "
        "measured on these",
    )
    none = run_step(ahead, hourly(values), column="load", ahead=["1h"], season="40d").report
    assert [*none.naive["1h"]] == ["last value"]


@pytest.mark.parametrize(
    ("table", "given", "words"),
    [
        (hourly([1.0] * 9, 24), {"ahead": ["1h"]}, "exactly 1h .* median distance is 1d"),
        (hourly([1.0] * 9), {"ahead": ["2d"]}, "reach over 8h, so none is 2d after another"),
        (hourly([1.0] * 9), {"ahead": ["1x"]}, "'1x' is not a whole number with s, m, h, d or w"),
        (hourly([1.0] * 9), {"ahead": ["60m", "1h"]}, "two of the times ahead are the same"),
        (hourly([1.0] * 9), {"season": "week"}, "'week' is not a whole number"),
        (hourly([1.0] * 9), {"column": "when"}, "the column when holds no numbers"),
        (hourly([1.0] * 9).drop_columns(["when"]), {}, "needs a column of times, and none has"),
        (
            hourly([1.0] * 9).append_column("then", hourly([1.0] * 9)["when"]),
            {},
            "several have times: then, when|several have times: when, then",
        ),
        (pa.table({"when": ["2026-01-01"] * 2, "load": [1, 2]}), {"time": "when"}, "holds text"),
        (
            pa.concat_tables([hourly([1.0, 2.0])] * 2),
            {},
            "2 rows have a time when that another row has",
        ),
        (hourly([1.0] * 9).append_column("load in 1h", [[1.0] * 9]), {}, "has a column load in 1h"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(table: pa.Table, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_step(ahead, table, **{"column": "load", "ahead": ["1h"], **given})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1s"), (90, "90s"), (3600, "1h"), (129_600, "36h"), (1_209_600, "14d"), (1_724_400, "20d"),
     (0.5, "0.5s"), (5400.5, "1.5h")],
)  # fmt: skip
def test_a_duration_is_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
