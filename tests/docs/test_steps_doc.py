"""docs/steps.md has every parameter, every function, and an example that works."""

import importlib
import re
from pathlib import Path

import pytest

from autolearn.ml.expressions.functions import FUNCTIONS
from autolearn.ml.plugins import load_steps

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "steps.md").read_text()
EXAMPLE = ROOT / "examples" / "shop-steps"


@pytest.mark.parametrize("name", [*load_steps().found])
def test_every_parameter_of_our_steps_is_there(name: str) -> None:
    one = load_steps().found[name]
    if one.package == "autolearn":
        words = set(re.findall(r"`([\w-]+)`", PAGE)) | set(re.findall(r"^### (\w+)", PAGE, re.M))
        assert {name, *(each.name for each in one.parameters)} <= words
    assert all(each.summary for each in one.parameters), "the help says what it is"


def test_every_function_is_there() -> None:
    lines = [f"| `{name}` | {one.words} |" for name, one in FUNCTIONS.items()]
    (part,) = re.findall(r"<!-- functions -->\n(.*?)<!-- end of functions -->", PAGE, re.S)
    assert part.split("\n")[3:-2] == lines


def test_the_example_is_the_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shop_steps.py", "test_shop_steps.py"):
        assert (EXAMPLE / name).read_text().strip() in PAGE
    monkeypatch.syspath_prepend(EXAMPLE)
    tests = vars(importlib.import_module("test_shop_steps"))
    ran = [test() for name, test in tests.items() if name.startswith("test_")]
    assert len(ran) == 2
