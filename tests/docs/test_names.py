"""What the pages for who changes AutoLearn name is there: files, folders, classes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("architecture.md", "diagrams.md")
ROOMS = (
    *("agents", "api", "artifacts", "client", "eventlog", "ml", "operations", "projections"),
    *("runtime", "schemas", "security", "tests"),
)


@pytest.fixture(scope="module")
def code() -> str:
    return "\n".join(path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_is_named_is_there(page: str):
    text = (ROOT / "docs" / page).read_text()
    named = re.findall(rf"\b(?:{'|'.join(ROOMS)})/[\w/]+(?:\.py)?", text)
    assert len(named) > 5
    assert [one for one in named if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_class_that_is_named_is_there(page: str, code: str):
    text = re.sub(
        r"\b(?:AutoLearn|RocksDB|FastAPI|OpenAPI|AsyncAPI)\b",
        "",
        (ROOT / "docs" / page).read_text(),
    )
    named = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", text))
    assert len(named) > 3
    assert named - set(re.findall(r"^class (\w+)", code, re.MULTILINE)) == set()


def test_every_method_of_the_class_diagram_is_there(code: str):
    drawn = re.findall(r"class \w+ \{ ([^}]*) \}", (ROOT / "docs" / "diagrams.md").read_text())
    methods = {name for body in drawn for name in re.findall(r"(\w+)\(", body)}
    assert len(methods) > 10
    assert [one for one in methods if not re.search(rf"\b{one}\b[(:]", code)] == []
