"""docs/operations.md says of every metric what the code says, and names no other."""

import re
from pathlib import Path

from autolearn.operations.status import findings, inspector
from autolearn.schemas.prometheus import ALL_TYPES, INSTRUMENTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| `autolearn_")
]


def test_the_table_is_that_of_the_code():
    assert [row[0].strip("`") for row in ROWS] == list(INSTRUMENTS)
    for (name, about), row in zip(INSTRUMENTS.items(), ROWS, strict=True):
        of = "all" if about.where == ALL_TYPES else ", ".join(about.where)
        labels = ", ".join(about.labels) or "-"
        assert row[1:5] == [about.kind, labels, of, about.what], name


def test_no_other_metric_is_named():
    named = set(re.findall(r"\bautolearn_[a-z_]+[a-z]\b", TEXT)) - {"autolearn_process"}
    assert named == set(INSTRUMENTS)


def test_every_finding_is_explained():
    made = set()
    for module in (findings, inspector):
        made |= set(re.findall(r'Finding\(\s*"([a-z-]+)"', Path(module.__file__ or "").read_text()))
    for name in ("api/state/system_status.py", "operations/status/__main__.py"):
        made |= set(re.findall(r'Finding\(\s*"([a-z-]+)"', (ROOT / name).read_text()))
    explained = {
        kind
        for line in TEXT[TEXT.index("| finding |") :].split("\n\n")[0].splitlines()[2:]
        for kind in re.findall(r"`([a-z-]+)`", line.split("|")[1])
    }
    assert {kind for kind in explained if not kind.endswith("-unknown")} == made
