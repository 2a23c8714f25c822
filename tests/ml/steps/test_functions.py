"""AutoLearn's own steps, each run alone as a pipeline runs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest

from autolearn.ml.errors import InputError
from autolearn.ml.expressions.errors import ExpressionError
from autolearn.ml.step_functions.clean import clean
from autolearn.ml.step_functions.features import features
from autolearn.ml.step_functions.fetch import fetch
from autolearn.ml.step_functions.sample import sample
from autolearn.ml.step_functions.select import select
from autolearn.ml.step_functions.windows import windows
from autolearn.plugins import step
from autolearn.testing import run_step

TABLE = pa.table({"a": [1, 2, 2, None, 90], "s": [" x", "Y", "Y", "n/a", None]})


def columns(function: Any, *tables: pa.Table, **parameters: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = run_step(function, *tables, **parameters).table.to_pydict()
    return found


def changes(function: Any, table: pa.Table, **parameters: Any) -> list[tuple[str, str, int, str]]:
    found = run_step(function, table, **parameters).report.changes
    return [(one.what, one.reason, one.rows, one.column) for one in found]


def test_select() -> None:
    assert columns(select, TABLE, where="a > 1", rename={"a": "b"}, drop=["s"]) == {"b": [2, 2, 90]}
    assert columns("select", TABLE, columns=["s", "a"], limit=1) == {"s": [" x"], "a": [1]}
    assert changes(select, TABLE, where="a > 1", limit=2) == [
        ("removed", "not where a > 1", 2, ""), ("removed", "after the first 2 rows", 1, "")
    ]  # fmt: skip
    for where, words in (("a", "neither true nor false"), ("a > bb", "no column 'bb'")):
        with pytest.raises(InputError, match=words):
            run_step(select, TABLE, where=where)
    with pytest.raises(InputError, match="gives a table without rows"):
        run_step(select, TABLE, where="a > 1000")


def test_sample() -> None:
    table = pa.table({"n": list(range(100))})
    one, other = (columns(sample, table, rows=10, seed=seed)["n"] for seed in (1, 2))
    assert len(one) == 10
    assert one == sorted(one)
    assert one != other
    assert one == columns(sample, table, fraction=0.1, seed=1)["n"]
    assert len(columns(sample, table, rows=1000)["n"]) == 100
    with pytest.raises(InputError, match="one of the two"):
        run_step(sample, table)


def test_clean_mends_text_and_types() -> None:
    words = columns(clean, TABLE, trim=True, case={"s": "lower"}, missing=["n/a"])["s"]
    assert words == ["x", "y", "y", None, None]
    texts = pa.table({"n": ["1", "2.0", "x"], "b": ["Yes", "0", None], "t": ["2024-01-02"] * 3})
    kinds = {"n": "integer", "b": "boolean", "t": "timestamp"}
    found = columns(clean, texts, types=kinds, unfit="null")
    assert (found["n"], found["b"]) == ([1, 2, None], [True, False, None])
    assert found["t"][0].isoformat() == "2024-01-02T00:00:00"
    assert changes(clean, texts, types={"n": "integer"}, unfit="drop") == [
        ("removed", "it does not fit the type integer", 1, "n")
    ]
    with pytest.raises(InputError, match=r"1 values of the column n do not fit .* such as 'x'"):
        run_step(clean, texts, types={"n": "number"})


def test_clean_removes_duplicates_outliers_and_gaps() -> None:
    assert columns(clean, TABLE, duplicates="drop")["a"] == [1, 2, None, 90]
    assert columns(clean, TABLE, duplicates="drop", duplicates_by=["s"])["a"] == [1, 2, None, 90]
    assert changes(clean, TABLE, duplicates="drop") == [("removed", "equal to a row before", 1, "")]
    assert columns(clean, TABLE, outliers="clip")["a"] == [1, 2, 2, None, 57]
    assert columns(clean, TABLE, outliers={"a": "drop"}, factor=1)["a"] == [1, 2, 2, None]
    assert columns(clean, TABLE, outliers="null", outliers_by="quantiles", quantiles=[0, 0.9])[
        "a"
    ] == [1, 2, 2, None, None]
    assert columns(clean, TABLE, gaps="median") == {
        "a": [1, 2, 2, 2, 90], "s": [" x", "Y", "Y", "n/a", "Y"]
    }  # fmt: skip
    assert columns(clean, TABLE, gaps={"a": "mean"})["a"] == [1.0, 2.0, 2.0, 23.75, 90.0]
    assert columns(clean, TABLE, gaps={"a": {"constant": 0}, "s": "forward"}) == {
        "a": [1, 2, 2, 0, 90], "s": [" x", "Y", "Y", "n/a", "n/a"]
    }  # fmt: skip
    assert changes(clean, TABLE, gaps={"a": "drop"}) == [("removed", "a value is missing", 1, "a")]
    for gaps, words in (
        ({"s": "mean"}, "holds no numbers, so it has no mean"),
        ({"a": {"constant": "x"}}, "'x' is no integer"),
        ({"b": "drop"}, "gaps names 'b', which is no column"),
        ({"a": "medium"}, "a: a value of gaps must be one of drop"),
    ):
        with pytest.raises(InputError, match=words):
            run_step(clean, TABLE, gaps=gaps)


def test_features() -> None:
    table = pa.table(
        {"a": [1, 2, None], "b": [0.0, 4.0, 9.0], "t": [datetime(2024, 5, 6, tzinfo=UTC)] * 3}
    )
    found = columns(
        features, table, add={"c": "a + r", "r": "a / b", "a": "a * 10"},
        dates={"t": ["month", "weekday"]}, bins={"b": [1, 5]}, log=["b"], drop=["t"],
    )  # fmt: skip
    assert found["r"] == [None, 0.5, None]
    assert (found["a"], found["c"]) == ([10, 20, None], [None, 2.5, None])
    assert (found["t_month"], found["t_weekday"], found["b_bin"]) == ([5] * 3, [0] * 3, [0, 1, 2])
    assert found["b_log"][0] == 0.0
    assert "t" not in found
    with pytest.raises(ExpressionError, match="no column 'c'"):
        run_step(features, table, add={"x": "c + 1"})
    with pytest.raises(ExpressionError, match="no column 'y'"):
        run_step(features, table, add={"x": "y + 1", "y": "x + 1"})
    with pytest.raises(InputError, match="do not rise"):
        run_step(features, table, bins={"b": [2, 1]})


def test_what_has_no_result_is_warned_of() -> None:
    table = pa.table({"a": [1.0, 0.0, None, 9.0], "b": [0.0, 4.0, 1.0, 3.0]})
    add = {"part": "b / a", "huge": "9 ** 9 ** 9 ** 9", "large": "b * 1e308 * 1e308", "c": "part"}
    told = {
        (column, rows)
        for what, _, rows, column in changes(features, table, add=add, log=["b"])
        if what == "warned"
    }
    assert told == {("part", 1), ("huge", 4), ("large", 3)}
    (warned, removed) = run_step(select, table, where="b / a < 1").report.changes
    assert (warned.rows, warned.column, warned.sample) == (1, "", ({"a": 0.0, "b": 4.0},))
    assert warned.reason.startswith("where has no value in 1 of 4 rows, though all that it is made")
    assert (removed.what, removed.rows) == ("removed", 2)


def test_windows_never_look_at_the_row_itself() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    days = [2, 0, 1, 0, 1]
    table = pa.table(
        {
            "day": [start + timedelta(days=day) for day in days],
            "shop": ["p", "p", "p", "q", "q"],
            "load": [30, 10, 20, 1, 2],
        }
    )
    given: dict[str, Any] = {
        "time": "day", "columns": ["load"], "lags": [1], "rolling": [2],
        "statistics": ["mean", "max"],
    }  # fmt: skip
    found = columns(windows, table, group=["shop"], **given)
    assert found["load"] == [30, 10, 20, 1, 2], "the rows keep their order"
    assert found["load_lag_1"] == [20.0, None, 10.0, None, 1.0]
    assert found["load_mean_2"] == [15.0, None, 10.0, None, 1.0]
    assert found["load_max_2"] == [20.0, None, 10.0, None, 1.0]
    whole = run_step(windows, table, group=["shop"], complete=True, **given)
    assert whole.table["load"].to_pylist() == [30, 20, 2]
    assert whole.report.changes[0].rows == 2
    with pytest.raises(InputError, match="2 times of day come more than once"):
        run_step(windows, table, **given)


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/data")
            self.end_headers()
            return
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
            return
        self.send_response(200 if self.path.startswith("/data") else 404)
        self.end_headers()
        self.wfile.write(b"a;b\n1;x\n2;y\n")

    def log_message(self, *_: Any) -> None:
        pass


def test_fetch_reads_what_a_url_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    here = f"http://127.0.0.1:{server.server_port}"
    try:
        for path in ("/data?token=secret", "/moved"):
            found = run_step(fetch, url=here + path, types={"a": "number"})
            assert found.table.to_pydict() == {"a": [1.0, 2.0], "b": ["x", "y"]}
            assert "12 bytes with the SHA-256" in found.report.notes[0]
            assert "secret" not in found.report.notes[0]
        faults = [
            ({"url": f"{here}/none"}, "answers 404 Not Found, not 200 OK"),
            ({"url": f"{here}/round"}, "redirects more than 5 times"),
            ({"url": f"{here}/data", "format": "parquet"}, "cannot be read: This is not a Parquet"),
            ({"url": f"{here}/data", "types": {"a": "odd"}}, "'odd' is no type"),
            ({"url": "file:///etc/passwd"}, "is no URL that begins with"),
            ({"url": "http://127.0.0.1:1/x"}, "cannot be fetched"),
        ]
        for parameters, words in faults:
            with pytest.raises(InputError, match=words):
                run_step(fetch, **parameters)
        monkeypatch.setattr("autolearn.ml.step_functions.fetch._LARGEST", 5)
        with pytest.raises(InputError, match="the most that are fetched"):
            run_step(fetch, url=f"{here}/data")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_step_that_only_says_that_it_works_row_by_row_is_found_out() -> None:
    @step(row_wise=True)
    def centred(table: pa.Table) -> pa.Table:
        """Subtract the mean."""
        values = pa.compute.subtract(table["a"], pa.compute.mean(table["a"]))
        return pa.table({"a": values})

    with pytest.raises(InputError, match="gives other values for row 0 alone"):
        run_step(centred, TABLE)
