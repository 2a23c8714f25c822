"""The values of a column in the terminal: readable at any width, and without colours."""

from __future__ import annotations

import io
from typing import Any

import httpx
import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from autolearn.client.cli.tables.datasets.column_summary import column_summary
from autolearn.schemas.datasets.look import ColumnSummary, Histogram
from autolearn.schemas.rest.catalog import Dataset
from tests.support.cli_processes import Cli

JSON = {"content-type": "application/json"}
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
OF = msgspec.convert(
    {
        "name": "churn", "version": "ae57c087" * 8, "format": "csv", "bytes": 1, "rows": 1200,
        "columns": [], "schema_hash": "", "target": "churned", "owner": "ada", "everybody": False,
        "registered": "", "links": {}, "roles": {"monthly_eur": "feature"},
        "findings": [
            {"code": "spelling", "column": "plan", "severe": False, "words": "plan: odd.",
             "remedy": "Write them alike."},
            {"code": "not-all-numbers", "column": "zip", "severe": True, "words": "zip is text."},
        ],
    },
    Dataset,
)  # fmt: skip
NUMBERS = ColumnSummary(
    "monthly_eur", "number", 1200, 12, 1089,
    [(28.07 + n, 4) for n in range(20)],
    [(share, share * 1e9 + 0.5) for share in SHARES],
    36316.247, 0.000123456,
    Histogram([float(n) for n in range(11)], [1, 0, 5, 20, 400, 30, 10, 5, 1, 1]),
)  # fmt: skip


def told(one: ColumnSummary, width: int = 80) -> list[str]:
    said = io.StringIO()
    Console(file=said, width=width).print(column_summary(one, OF))
    assert "\x1b" not in said.getvalue()
    lines = said.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    return lines


def line_of(lines: list[str], *words: str) -> str:
    (found,) = (line for line in lines if line.split()[: len(words)] == [*words])
    return found


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_numbers(width: int):
    lines = told(NUMBERS, width)
    text = "\n".join(lines)
    assert "column     monthly_eur of churn@ae57c087" in text
    assert "role       feature" in text
    assert "missing    12 (1.0%)" in text
    assert "mean       36,316.2" in text
    assert "deviation  0.000123456" in text
    assert "and 1,084 other values" in text
    assert line_of(lines, "smallest").split()[-1] == "0.5"
    assert line_of(lines, "99%").split()[-1] == "990,000,000"
    assert line_of(lines, "4", "5", "400").count("█") == 24
    assert line_of(lines, "0", "1", "1").count("█") == 1, "a row is seen"
    assert "█" not in line_of(lines, "1", "2", "0")
    assert len(lines) < 48


def test_whole_numbers_have_whole_bins():
    bins = Histogram([18, 19, 20, 21], [20, 9, 1])
    ages = ColumnSummary("age", "integer", 30, 0, 3, [(18, 20), (19, 9), (20, 1)],
                         [(0.0, 18)], 18.4, 0.5, bins)  # fmt: skip
    lines = told(ages)
    assert line_of(lines, "19", "19", "9").count("█") == round(24 * 9 / 20)
    assert line_of(lines, "18", "20", "66.7%")
    assert not any("other values" in line for line in lines)


def test_days_and_times():
    edges = [f"2024-01-{day:02}T00:00:00Z" for day in range(1, 4)]
    days = ColumnSummary("day", "timestamp", 9, 0, 3, [(edges[0], 5)],
                         [(0.0, edges[0]), (0.5, "2024-01-02T12:00:00Z")],
                         "2024-01-02T12:30:00Z", None, Histogram([*edges], [5, 4]))  # fmt: skip
    lines = told(days)
    assert line_of(lines, "2024-01-01", "2024-01-02", "5")
    assert line_of(lines, "median", "2024-01-02", "12:00:00")
    assert line_of(lines, "mean", "2024-01-02", "12:30:00")


def test_text_that_is_frequent_long_or_never_there_twice():
    plan = ColumnSummary("plan", "string", 1000, 0, None,
                         [("basic", 600), ("x\ny" + "大" * 40, 100)], undercount=7)  # fmt: skip
    lines = told(plan, 60)
    assert ">= 600" in line_of(lines, "basic")
    assert any(line.startswith("x y大大") and "…" in line for line in lines)
    assert "and other values" in lines
    assert "- plan: odd." in lines
    assert "  Write them alike." in lines
    ids = ColumnSummary("id", "string", 1000, 0, 1000, [(f"C{n}", 1) for n in range(20)])
    assert not any("share" in line for line in told(ids))
    codes = told(ColumnSummary("zip", "string", 9, 0, None, []))
    assert "! zip is text." in codes
    assert "distinct  too many to count" in "\n".join(codes)
    flags = told(ColumnSummary("churned", "boolean", 9, 1, 2, [(True, 5), (False, 3)]))
    assert "role      target" in "\n".join(flags)
    assert line_of(flags, "false", "3", "33.3%")


def test_a_sample_and_a_constant_say_so():
    many = msgspec.structs.replace(NUMBERS, sample=11_200_000, top=None, distinct=None)
    assert "of 11,200,000 values, which were chosen at random." in " ".join(told(many))
    one = ColumnSummary("x", "integer", 9, 0, 1, [(5, 9)], [(0.0, 5)], 5.0, 0.0,
                        Histogram([5, 5], [9]))  # fmt: skip
    assert not any("from" in line for line in told(one)), "one bin says nothing more"


def test_a_sensitive_column_says_so():
    lines = told(ColumnSummary("name", "string", 9, 0, 3, sensitive=True))
    assert lines[-1].split(maxsplit=1) == ["values", "hidden, for they are sensitive"]


def test_show_of_a_column(cli: Cli):
    asked: list[httpx.URL] = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        found: Any = NUMBERS if request.url.path.endswith("/column") else OF
        return httpx.Response(200, content=msgspec.json.encode(found), headers=JSON)

    said = cli(played, "dataset", "show", "churn@ae57", "monthly_eur")
    assert (said.code, "monthly_eur of churn@ae57c087" in said.out) == (0, True)
    assert asked[0].path == "/v1/catalog/datasets/churn/column"
    assert asked[0].params.multi_items() == [("column", "monthly_eur"), ("version", "ae57")]
    assert asked[1].params.multi_items() == [("version", "ae57")]
    said = cli(played, "dataset", "show", "churn", "monthly_eur", "-o", "json")
    assert msgspec.json.decode(said.out, type=ColumnSummary) == NUMBERS
    said = cli(played, "dataset", "show", "churn", "monthly_eur", "--as-of", "1d")
    assert (said.code, "values have no past" in " ".join(said.err.split())) == (2, True)
