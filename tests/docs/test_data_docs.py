"""docs/data.md says of every finding what the code says, and its examples are read as it says."""

import re
from pathlib import Path

import pytest

from autolearn.artifacts.datasets.column_evidence import MISSING_IN_TEXT, MISSING_WORDS
from autolearn.schemas.datasets.findings import FINDINGS
from tests.artifacts.datasets.read_case import read_as_a_user_would

TEXT = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def table() -> str:
    rows = [
        f"| `{code}` | {kind.words} | {kind.remedy or '-'} | {'yes' if kind.severe else ''} |\n"
        for code, kind in FINDINGS.items()
    ]
    return "| code | words | what to do | severe |\n|---|---|---|---|\n" + "".join(rows)


def test_the_table_of_findings_is_that_of_the_code():
    assert TEXT.endswith(table())


def test_the_words_for_none_are_those_of_the_code():
    said = re.search(r"in every column: (.*?)\. Among.*?booleans\s+also (.*?)\. Empty", TEXT, re.S)
    assert said
    every, more = (tuple(part.replace("\n", " ").split(", ")) for part in said.groups())
    assert every == MISSING_IN_TEXT
    assert (*every, *more) == MISSING_WORDS


EXAMPLES = [
    ([one.strip("`") for one in cells[0].strip().split(", ")], cells[1].strip())
    for line in TEXT[TEXT.index("| values |") :].split("\n\n")[0].splitlines()[2:]
    if (cells := line.strip("|").split("|")) and cells[0].strip().startswith("`")
]


@pytest.mark.parametrize(("values", "kind"), EXAMPLES, ids=[kind for _, kind in EXAMPLES])
def test_an_example_is_read_as_it_says(values: list[str], kind: str, tmp_path: Path):
    every = {"1,234", "12%"} & set(values)  # values of columns of their own
    for group in [[one] for one in values] if every else [values]:
        quoted = "".join(f'k{n},"{value}"\n' for n, value in enumerate(group))
        (tmp_path / "data").write_text(f"k,x\n{quoted}")
        found = read_as_a_user_would(tmp_path / "data").types["x"]
        assert found == kind.partition(",")[0].replace("text", "string")
