"""Which files of the package are in the wheel of the light client."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / ".src"
LIGHT = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text())


def wheel(of: dict) -> dict:
    return of["tool"]["hatch"]["build"]["targets"]["wheel"]


IN_LIGHT = frozenset(wheel(LIGHT)["force-include"].values())


def file_of(module: str) -> Path | None:
    """The file of a module of ours."""
    place = SOURCES.joinpath(*module.split("."))
    found = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in found if path.is_file()), None)


def imported(path: Path) -> Iterator[str]:
    """Yield what a file imports of ours, also in its functions, but not for types alone."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autolearn"):
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def reached(*entries: str) -> set[Path]:
    """The files of these modules, of all that they import, and of the packages around them."""
    waiting, found = list(entries), set[Path]()
    while waiting:
        module = waiting.pop()
        path = file_of(module)
        if path is None or path in found:
            continue
        found.add(path)
        waiting.extend(imported(path))
        waiting.append(module.rpartition(".")[0] or module)
    return found


def test_the_light_wheel_has_all_that_the_client_imports():
    sdk = (SOURCES / "autolearn" / "client" / "sdk").rglob("*.py")
    entries = [".".join(path.relative_to(SOURCES).with_suffix("").parts) for path in sdk]
    files = reached("autolearn", "autolearn.ml.transformers", *entries)  # pipelines hold the latter
    assert len(files) > 100
    names = {path.relative_to(SOURCES).as_posix() for path in files}
    missing = {name for name in names if not name.startswith(tuple(IN_LIGHT))}
    assert missing == set()


def test_each_file_is_in_one_wheel():
    left_out = {name.removeprefix("/.src/") for name in wheel(WHOLE)["exclude"]}
    assert left_out == IN_LIGHT | {"autolearn/client/pyproject.toml"}


def test_both_wheels_have_one_version_and_the_same_bounds():
    light, whole = LIGHT["project"], WHOLE["project"]
    assert light["version"] == whole["version"]
    assert f"autolearn-client=={light['version']}" in whole["dependencies"]
    assert set(light["dependencies"]) <= set(whole["dependencies"])
    assert light["requires-python"] == whole["requires-python"]
