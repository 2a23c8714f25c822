"""What README and docs/ name is there: files, and settings with the defaults that are told."""

import re
from pathlib import Path

import pytest

from autolearn.schemas.settings import (
    CLIENT_ONLY,
    GROUP_OF,
    KAFKA_PREFIX,
    PREFIX,
    Settings,
    variables_of,
)

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "|".join(
    folder.name for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_headings(page: Path):
    links = re.findall(r"\]\(([^)#:]*)#([^)]*)\)", page.read_text())
    assert [
        (to, at) for to, at in links if at not in headings(page.parent / to if to else page)
    ] == []


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_of_the_project_that_are_named_are_there(page: Path):
    """But for those in build/, which are made."""
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]+\.\w+)`", page.read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert [name for name in missing if not name.startswith("build/")] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_that_are_named_are_settings(page: Path):
    known = {PREFIX + name.upper() for name in GROUP_OF} | CLIENT_ONLY
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page.read_text()))
    assert {name for name in named - known if not name.startswith(KAFKA_PREFIX)} == set()


def test_the_limits_have_the_defaults_that_are_told():
    text = (ROOT / "docs" / "pressure.md").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+(?: MiB| s)?) \|", text, re.MULTILINE))
    assert len(told) > 5
    defaults = variables_of(Settings())
    units = {"": 1, "MiB": 2**20, "s": 1}
    for name, words in told.items():
        number, _, unit = words.partition(" ")
        assert float(defaults[PREFIX + name]) == float(number) * units[unit], name
