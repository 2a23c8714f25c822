"""What is public: all exported names stand in docs/public.md, and users are shown no others."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PUBLIC = ("autolearn", "autolearn.plugins", "autolearn.testing")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def documented(name: str) -> set[str]:
    """The names in a module's row of docs/public.md."""
    text = (ROOT / "docs" / "public.md").read_text()
    (row,) = re.findall(rf"^\| `{re.escape(name)}` \| (.*?) \|", text, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_exported_is_there_and_documented(name: str):
    module = importlib.import_module(name)
    assert set(module.__all__) == documented(name)
    assert len(module.__all__) == len(set(module.__all__))
    for each in module.__all__:
        getattr(module, each)


@pytest.mark.parametrize("name", PUBLIC)
def test_nothing_else_looks_public(name: str):
    module = importlib.import_module(name)
    others = {
        each
        for each, what in vars(module).items()
        if not each.startswith("_") and not isinstance(what, ModuleType)
    }
    assert others - {*module.__all__, "annotations", "TYPE_CHECKING"} == set()


@pytest.mark.parametrize("file", [*PAGES, *EXAMPLES], ids=lambda file: str(file.relative_to(ROOT)))
def test_users_are_shown_public_names_only(file: Path):
    shown = re.findall(r"^\s*from (autolearn[\w.]*) import (.+)$", file.read_text(), re.MULTILINE)
    for module, names in shown:
        assert module in PUBLIC, f"{module} is internal"
        assert set(re.findall(r"\w+", names)) <= documented(module)
    assert "import autolearn." not in file.read_text()


def test_the_names_are_loaded_when_they_are_used():
    program = """
import sys
before = set(sys.modules)
import autolearn
print(*sorted(set(sys.modules) - before))
assert autolearn.Problem.__name__ in dir(autolearn)
"""
    run = [sys.executable, "-c", program]
    said = subprocess.run(run, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["__future__", "autolearn"]


def test_a_name_that_there_is_not():
    with pytest.raises(AttributeError, match="no attribute 'AutoLurn'"):
        importlib.import_module("autolearn").AutoLurn  # noqa: B018
