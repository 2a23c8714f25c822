"""The rules of names and English that a machine can check. docs/glossary.md has the words."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    *("agents", "api", "artifacts", "client", "eventlog", "ml", "operations", "projections"),
    *("runtime", "schemas", "security", "testing"),
)
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
"""The pages whose words are checked. Decisions are not changed any more."""
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()

MOST_FILES = 20
NO_PARTICIPLES = {"event_feed", "feed", "keyring", "test_event_feed", "test_feed", "test_keyring"}
"""Names of files that only look like participles."""
STILL_PARTICIPLES = {"tests/bench/served.py", "tests/faults/test_hanging.py"} | {
    "tests/golden/generated.py",
    "tests/support/waiting.py",
}
"""Helpers of tests that are not renamed yet; no new ones."""
TWINS = {
    "ForkServer": "its process, and the client's view of it",
    "Problem": "an error of the API, and the same as the client raises it",
    "Refused": "an event, and what a specification expects of a decider",
    "System": "the processes of `autolearn up`, and a part of the client",
}
"""Class names that two things have, and why."""
BY_CONVENTION = {"main", "router", "warming"}
"""Names that modules of a kind have: programs, services, what a fork server loads."""
BANNED = {
    "is told|are told": "what happens: is answered, shown, logged, written",
    "lets? in|lets? [a-z]+ in|is let in|was let in": "authenticate",
    "of then": "at that time",
    "who asks|whoever asks": "the principal, the client, the caller",
    "on offer": "in the catalog",
    "what there is|what is there": "name it",
    "say whether": "return whether",
    "Return what|return what (is|it)": "name the thing",
}
"""Words that a stranger reads twice, and what to write."""
BANNED_IN_PAGES = {
    **BANNED,
    "told": "reported, shown, answered",
    "[Ww]hoever": "a user, a client, an attacker",
    "(?<=[.|-] )(What|Who|Whose)": "a noun as the subject, or a verb in a list",
}
"""The same for pages, which have more room for a subject than a comment."""


@cache
def sources() -> dict[Path, str]:
    return {path: path.read_text() for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def prose() -> dict[Path, str]:
    """Return each file as one line, without the marks of comments."""
    return {path: re.sub(r"\s+(# )?", " ", text) for path, text in sources().items()}


@cache
def pages() -> dict[Path, str]:
    """Return each page as one line, without the targets of links."""
    texts = {path: re.sub(r"\]\([^)]*\)", "]", path.read_text()) for path in PAGES}
    return {path: re.sub(r"\s+", " ", text) for path, text in texts.items()}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    parts = ("autolearn", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


def public_names(tree: ast.Module) -> Iterator[str]:
    """Yield the functions and constants that a module defines for others: without an underscore.

    A decorated function belongs to what decorates it: a command, a route.
    """
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=[]):
                yield name
            case ast.AsyncFunctionDef(name=name, decorator_list=[]):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if name.isupper() and len(name) > 1:
                    yield name
            case _:
                pass


@cache
def used_names(path: Path) -> set[tuple[str, str]]:
    """Return the names that a file takes from modules; "" and a name that it replaces in one."""
    found: set[tuple[str, str]] = set()
    modules: dict[str, str] = {}
    nodes = list(ast.walk(tree_of(path)))
    for node in nodes:
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found.update((module, one.name) for one in names)
                modules |= {one.asname or one.name: f"{module}.{one.name}" for one in names}
            case ast.Import(names=names):
                modules |= {one.asname: one.name for one in names if one.asname is not None}
            case _:
                pass
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in modules:
                found.add((modules[module], name))
            case ast.Call(func=ast.Attribute(attr="setattr" | "object"), args=args):
                strings = (one.value for one in args if isinstance(one, ast.Constant))
                found.update(
                    ("", text.rsplit(".")[-1]) for text in strings if isinstance(text, str)
                )
            case _:
                pass
    return found


def test_no_file_is_named_by_a_participle():
    stems = {path: path.stem for path in (*FILES, *TESTS) if "data" not in path.parts}
    found = [p for p, stem in stems.items() if re.search("(ing|ed)$", stem)]
    found = [path for path in found if path.stem not in NO_PARTICIPLES]
    assert {name_of(path) for path in found} == STILL_PARTICIPLES


def test_no_folder_has_more_files_than_a_screen_shows():
    count = Counter(path.parent for path in (*FILES, *TESTS) if path.name != "__init__.py")
    assert {name_of(path): n for path, n in count.items() if n > MOST_FILES} == {}


def test_a_class_name_stands_for_one_thing():
    where: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(name_of(path))
    assert {
        name: files for name, files in where.items() if len(files) > 1 and name not in TWINS
    } == {}
    assert [name for name in TWINS if len(where[name]) < 2] == []


@pytest.mark.parametrize("words", BANNED)
def test_words_that_are_read_twice_are_not_written(words: str):
    assert occurrences(words, prose()) == [], f"write instead: {BANNED[words]}"


@pytest.mark.parametrize("words", BANNED_IN_PAGES)
def test_nor_are_they_on_pages(words: str):
    assert occurrences(words, pages()) == [], f"write instead: {BANNED_IN_PAGES[words]}"


def occurrences(words: str, texts: dict[Path, str]) -> list[str]:
    """Where texts have banned words, with the words around them."""
    return [
        f"{name_of(path)}: {text[max(0, found.start() - 30) : found.end() + 30]}"
        for path, text in texts.items()
        for found in re.finditer(rf"\b({words})\b", text)
    ]


def test_a_name_without_an_underscore_is_used_by_another_file():
    """Public are the names that others use, so no module has to list them a second time."""
    users: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for path in (*FILES, *TESTS, *(ROOT / ".src").rglob("*.py")):
        for used in used_names(path):
            users[used].add(path)
    strings = (ROOT / "pyproject.toml").read_text() + "".join(sources().values())
    dotted = set(re.findall(r"autolearn\.[\w.]+[:.](\w+)", strings)) | BY_CONVENTION
    assert [
        f"{name_of(path)}: {name}"
        for path in FILES
        if "testing" not in path.parts
        for name in public_names(tree_of(path))
        if not name.startswith("_") and name not in dotted
        if not (users["", name] | users[module_of(path), name]) - {path}
    ] == [], "begin it with an underscore, or delete it"


def test_a_name_with_an_underscore_is_used_in_its_own_file():
    taken = {
        f"{name_of(path)}: {module}.{name}"
        for path in FILES
        for module, name in used_names(path)
        if module.startswith("autolearn") and re.match("_[^_]", name)
    }
    assert taken == set()


def test_the_words_of_the_glossary_are_defined_where_it_says():
    places = re.findall(r"`([a-z_]+/[\w/.]*)` \|$", GLOSSARY, re.MULTILINE)
    assert len(places) > 25
    assert [place for place in places if not (ROOT / place).exists()] == []
