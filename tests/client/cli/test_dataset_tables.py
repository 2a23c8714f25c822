"""The values of datasets in the terminal: readable at any width."""

import io

import pytest
from rich.console import Console, RenderableType

from autolearn.client.cli.tables.dataset_values import column_summary, first_rows
from autolearn.schemas.datasets.look import ColumnSummary, Histogram, TableRows

ROWS = TableRows(
    [f"a_column_with_a_long_name_{n}" for n in range(12)],
    ["string"] * 12,
    [[f"value {n} {'x' * 40}" for n in range(12)], [None] * 12],
    ["a_column_with_a_long_name_1"],
)
NUMBERS = ColumnSummary(
    "monthly_eur",
    "number",
    1200,
    12,
    1089,
    [(28.07 + n, 4) for n in range(20)],
    [(q, q * 100) for q in (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)],
    35.37,
    19.9,
    Histogram([float(n) for n in range(11)], [1, 0, 5, 20, 40, 30, 10, 5, 1, 1]),
)


def told(what: RenderableType, width: int) -> list[str]:
    said = io.StringIO()
    Console(file=said, width=width).print(what)
    return said.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_rows_fit_and_say_what_is_left_out(width: int):
    lines = told(first_rows(ROWS, width), width)
    assert max(map(len, lines)) <= width
    shown = lines[0].count("a_column_with")
    assert shown == {80: 3, 100: 3, 160: 6}[width], lines
    assert f"{12 - shown} more columns:" in " ".join(lines)
    assert "(hidden)" in lines[2]
    assert "(hidden)" in lines[3]
    assert lines[2].count("…") == shown - 1


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_column_is_described_in_a_screen(width: int):
    lines = told(column_summary(NUMBERS), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "missing    12 (1.0%)" in text
    assert "and 1,084 more values" in text
    assert len(lines) < 40
    (longest,) = (line for line in lines if line.split()[:3] == ["4", "5", "40"])
    assert longest.count("█") == 24


def test_a_sensitive_column_says_so():
    lines = told(column_summary(ColumnSummary("name", "string", 9, 0, 3, sensitive=True)), 80)
    assert "hidden: the column is sensitive" in lines[-1]
