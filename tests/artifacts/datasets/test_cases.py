"""Files as people have them, one each: read right, or said what is odd, or refused in words."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.schemas.datasets.findings import FINDINGS
from autolearn.schemas.datasets.read_options import ReadHints
from tests.artifacts.datasets.cases import OWN, REFUSED, SHEET, content_of, day
from tests.artifacts.datasets.read_case import read_as_a_user_would
from tests.artifacts.datasets.workbook import workbook

CASES = Path(__file__).parents[2] / "data" / "cases"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("name", OWN)
def test_a_case(name: str, file: Path) -> None:
    case = OWN[name]
    file.write_bytes(content_of(case.content))
    read = read_as_a_user_would(file, case.hints, target=case.target, before=case.before)
    found = "".join(kind[0] for kind in read.types.values())
    assert found == case.types, read.said()
    for name, values in case.values.items():
        assert read.column(name) == values
    noise = {"all-different"} if case.types == "ss" else set()
    assert read.codes - noise == set(case.codes.split()) - noise, read.said()
    assert case.said in read.said()


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal(name: str, file: Path) -> None:
    case = REFUSED[name]
    file.write_bytes(content_of(case.content))
    with pytest.raises(DatasetRefused, match=f"(?s){case.words}") as caught:
        read_as_a_user_would(file, case.hints, target=case.target)
    assert all(one.endswith(".") for one in caught.value.sentences)


def test_no_finding_without_a_case() -> None:
    produced = set(itertools.chain(*(case.codes.split() for case in OWN.values())))
    assert produced == set(FINDINGS) - {"expectation"}  # which depends on what is expected


FILES = {
    "semi_num.csv": ("ns", "decimal-comma read-as"),
    "semi_comma_header.csv": ("ns", "decimal-comma read-as"),
    "thousands.csv": ("in", "rising row-number thousands"),
    "miss_NULL.csv": ("nn", "missing-words"),
    "miss_target.csv": ("in", "missing-words row-number"),
    "zeros_target.csv": ("ns", "leading-zeros"),
    "huge.csv": ("ss", "all-different beyond-64-bits"),
    "cr.csv": ("ns", ""),
    "nl_header.csv": ("ns", ""),
    "index.csv": ("ns", "left-out"),
    "excel_sep.csv": ("ns", "read-as"),
    "bom.csv": ("snn", ""),
    "utf16.csv": ("ns", "read-as"),
    "packed.csv.gz": ("ns", "read-as"),
    "float_classes.csv": ("nn", ""),
    "index_leak.parquet": ("ns", "left-out"),
    "float_target.parquet": ("nn", ""),
    "int_target.parquet": ("ni", ""),
    "bools.csv": ("bnb", ""),
    "bf_train.csv": ("bs", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_cases(name: str) -> None:
    read = read_as_a_user_would(CASES / name)
    types, codes = FILES[name]
    assert "".join(kind[0] for kind in read.types.values()) == types, read.types
    assert read.codes - {"same-rows"} == set(codes.split()), read.said()


def test_one_word_among_sixty_thousand_numbers(file: Path) -> None:
    file.write_text(
        "x,y\n" + "".join(f"{n % 977 / 4},{n * 2}\n" for n in range(60_000)) + "1,unknown\n"
    )
    read = read_as_a_user_would(file, target="x")
    odd = next(one for one in read.spec.findings if one.is_severe)
    assert (odd.code, odd.column, odd.count, odd.of) == ("not-all-numbers", "y", 1, 60_001)
    assert "unknown (line 60002)" in odd.say()
    said = ReadHints(types={"y": "number"}, missing=("unknown",))
    assert read_as_a_user_would(file, said).types == {"x": "number", "y": "number"}


def test_excel(file: Path) -> None:
    file.write_bytes(workbook(("Data", SHEET)))
    read = read_as_a_user_would(file)
    assert read.types == {
        "n": "integer",
        "f": "number",
        "t": "string",
        "ok": "boolean",
        "when": "timestamp",
    }
    assert read.column("f") == [1.5, None]
    assert read.column("ok") == [True, False]
    assert read.column("when") == [day("2024-01-31"), day("2024-02-01")]
    assert read.codes == set()


def test_excel_of_two_sheets(file: Path) -> None:
    file.write_bytes(workbook(("Notes", [["a"], ["hello"], ["you"]]), ("Data", SHEET)))
    read = read_as_a_user_would(file, ReadHints(sheet="Data"))
    assert (read.codes, read.spec.rows) == (set(), 2)
    with pytest.raises(DatasetRefused, match="no sheet 'Dta'; there are Notes, Data"):
        read_as_a_user_would(file, ReadHints(sheet="Dta"))


SECOND = """
import json, sys
from pathlib import Path
import msgspec
from autolearn.artifacts.datasets.table import read_table
from autolearn.schemas.datasets.read_options import ReadOptions
for path, options in json.load(sys.stdin):
    table = read_table(Path(path), msgspec.convert(options, ReadOptions))
    print(json.dumps({name: [str(value) for value in array.to_pylist()] for name, array in
    table.arrays.items()}))
"""


def test_a_second_program_reads_the_same(tmp_path: Path) -> None:
    asked, wanted = [], []
    for name, case in OWN.items():
        path = tmp_path / f"{len(asked)}"
        path.write_bytes(content_of(case.content))
        read = read_as_a_user_would(path, case.hints, target=case.target, before=case.before)
        asked.append([str(path), msgspec.to_builtins(read.spec.read)])
        wanted.append((name, {
            name: [str(value) for value in array.to_pylist()] for name, array in read.table.arrays.items()
        }))  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", SECOND],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    for line, (name, values) in zip(said.stdout.splitlines(), wanted, strict=True):
        assert json.loads(line) == values, name
