"""What a dataset holds on the command line: tables that fit, CSV, and files."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from autolearn.client.cli.tables.datasets.dataset_diff import changes
from autolearn.client.cli.tables.datasets.dataset_rows import first_rows, write_csv
from autolearn.schemas.datasets.look import TableRows
from autolearn.schemas.rest.catalog import Dataset, FindingInWords
from tests.support.cli_processes import Cli
from tests.support.samples import DATASET

JSON = {"content-type": "application/json"}
TYPES = {
    "customer_id": "string",
    "signup_date": "timestamp",
    "seen": "timestamp",
    "plan": "string",
    "age": "integer",
    "monthly charges in euros, before taxes": "number",
    "active": "boolean",
    "notes": "string",
    "city": "string",
}
ADDRESS = "大阪市中央区本町一丁目二番三号の建物の五階"
ROWS: list[list[Any]] = [
    ["C1", "2024-01-31T00:00:00Z", "2024-01-31T10:30:00Z", "pro", 41, 0.1, True,
     "called twice\nabout the invoice, and will call again", ADDRESS],
    ["C2", None, "2024-01-31T00:00:00Z", None, None, 12345.678901234, None, "\x1b[31mred", "Oslo"],
    ["C3", "2023-12-01T00:00:00Z", None, "-", 7, -3.0, False, "", "Rome"],
]  # fmt: skip
FOUND = TableRows([*TYPES], [*TYPES.values()], ROWS, [], "churn", "ae57c087" * 8, 3000)


def drawn(one: TableRows, width: int | None) -> str:
    out = io.StringIO()
    Console(file=out, width=width or 1000, color_system=None).print(first_rows(one, width))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_a_table_fits_and_counts_what_it_leaves_out(width: int):
    text = drawn(FOUND, width)
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    heads = lines[: next(at for at, line in enumerate(lines) if line.startswith("─"))]
    shown = [name for name in TYPES if name.split()[0] in " ".join(heads)]
    assert shown == [*TYPES][: len(shown)]
    left = len(TYPES) - len(shown)
    assert (f"… {left} column" in text) == (left > 0)
    assert "3 of 3,000 rows of churn@ae57c087." in " ".join(text.split())
    assert sum(line.startswith("C") for line in lines) == 3, "a row is one line"
    assert len(shown) == {40: 2, 80: 5, 100: 7, 160: 9}[width]


def test_values_are_whole_or_cut_with_a_mark():
    text = drawn(FOUND, 160)
    line = next(line for line in text.splitlines() if line.startswith("C1"))
    assert line.split()[:2] == ["C1", "2024-01-31"]
    assert "2024-01-31 10:30:00" in line
    assert "called twice about the invo…" in line
    assert "大阪市中央区本町一丁目二番…" in line
    second = next(line for line in text.splitlines() if line.startswith("C2"))
    assert "12345.6789" in second
    assert "\x1b" not in text
    whole = drawn(FOUND, None)
    assert "called twice about the invoice, and will call again" in whole
    assert "more" not in whole


def test_notes_on_what_is_hidden_and_on_many_columns():
    names, kinds = [f"pixel_{n}" for n in range(65)], ["integer"] * 65
    one = TableRows(names, kinds, [[0] * 65], ["pixel_0", "age"], "digits", "5" * 64, 9)
    text = " ".join(drawn(one, 80).split())
    assert "pixel_8 ─" in text
    assert "─ (hidden) 0 0" in text
    assert "… 56 columns more: pixel_9, pixel_10" in text
    assert "and 48 more (choose with --columns)" in text
    assert "Hidden, for their values are sensitive: pixel_0, age." in text


def test_csv_has_whole_values():
    out = io.StringIO()
    write_csv(FOUND, out)
    read = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert read[0]["notes"] == ROWS[0][7]
    assert read[0] | {"notes": ""} == {
        "customer_id": "C1",
        "signup_date": "2024-01-31T00:00:00Z",
        "seen": "2024-01-31T10:30:00Z",
        "plan": "pro",
        "age": "41",
        "monthly charges in euros, before taxes": "0.1",
        "active": "true",
        "notes": "",
        "city": ROWS[0][8],
    }
    assert (read[1]["plan"], read[2]["plan"], read[1]["notes"]) == ("", "-", "\x1b[31mred")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_csv_on_a_terminal_cannot_control_it():
    out = Terminal()
    write_csv(FOUND, out)
    assert "\x1b" not in out.getvalue()


def test_head(cli: Cli):
    asked: list[httpx.URL] = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, content=msgspec.json.encode(FOUND), headers=JSON)

    said = cli(played, "dataset", "head", "churn@ae57", "-n", 3, "--columns", 'age,"a,b"')
    assert (said.code, "C1 " in said.out) == (0, True)
    assert asked[0].path == "/v1/catalog/datasets/churn/rows"
    assert asked[0].params.multi_items() == [
        ("limit", "3"),
        ("version", "ae57"),
        ("column", "age"),
        ("column", "a,b"),
    ]
    said = cli(played, "dataset", "head", "churn", "-o", "json")
    assert json.loads(said.out)["rows"][0][0] == "C1"
    assert asked[1].params.multi_items() == [("limit", "10")]
    said = cli(played, "dataset", "head", "churn", "-o", "csv")
    assert said.out.startswith("customer_id,signup_date,")
    assert cli(played, "dataset", "head", "churn", "-n", 1001).code == 2
    assert cli(played, "dataset", "head", "churn@").code == 2
    assert len(asked) == 3


def version(*findings: FindingInWords) -> Dataset:
    about = msgspec.to_builtins(DATASET) | {"owner": "ada", "everybody": False}
    about |= {"registered": "2026-01-02T03:04:05Z", "links": {}, "findings": findings}
    return msgspec.convert(about, Dataset)


def finding(code: str, words: str, column: str = "petal") -> FindingInWords:
    return FindingInWords(code=code, column=column, severe=False, words=words)


def test_a_finding_whose_figures_changed_is_one_line():
    before = version(finding("constant", "petal: 3 of 150."), finding("old", "It was so."))
    now = version(finding("constant", "petal: 5 of 160."), finding("new", "It is so."))
    out = io.StringIO()
    Console(file=out, width=100).print(changes(now, before))
    said = out.getvalue()
    assert "- changed: petal: 5 of 160. Before: petal: 3 of 150." in said
    assert "- new: It is so." in said
    assert "- gone: It was so." in said
    assert said.count("petal: 3 of 150.") == 1
