"""Reading YAML as JSON: values, and where each stands. Nothing of a bad text is expanded.

Plain scalars are those of YAML 1.2 and JSON: `true` and `false`, `null`, numbers without leading
zeros. All else is text: `yes`, `on`, 2026-11-27, 12:30, 0123.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from autolearn.schemas.bounds import KIB, cut
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.steps import Path
from autolearn.schemas.values import JsonValue

LARGEST_TEXT = 256 * KIB
"""Bytes of the file of a pipeline; and characters of its values, with its aliases written out."""
DEEPEST, MOST_NODES = 20, 10_000
"""Levels of a file, and values in it with its aliases written out."""

_EXACT = 2**53
"""Integers beyond this are not the same number in every JSON reader (RFC 8259, section 6)."""
_WORDS: dict[str, JsonValue] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_ESCAPE = re.compile(
    r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u([0-9a-f]{4})|.)", re.IGNORECASE
)
"""An escape of JSON: a surrogate pair, a character, or another."""
_LINES = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML 1.1, as PyYAML counts lines."""
_LOADER = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader

Marks = dict[Path, tuple[int, int]]
"""Line and column, from 1, by path. What lies in an alias has the place of that."""


class Document(NamedTuple):
    """A text as a JSON value, with the faults of the text itself."""

    value: JsonValue
    marks: Marks
    faults: FaultList


class _Anchor(NamedTuple):
    value: JsonValue
    nodes: int
    characters: int
    height: int


class _StopReading(Exception):
    """The rest of the text cannot be read; the fault is recorded."""


def read_document(text: str) -> Document:
    """Read the one document of a YAML or JSON text.

    Raises:
        PipelineInvalid: the text cannot be read to its end.
    """
    reader = _Reader(text)
    try:
        value = reader.document()
    except _StopReading:
        reader.faults.check()
        raise
    return Document(value, reader.marks, reader.faults)


class _Reader:
    def __init__(self, text: str) -> None:
        self.marks: Marks = {(): (1, 1)}
        self.faults = FaultList(self.marks)
        self._text = text
        self._anchors: dict[str, _Anchor | None] = {}
        self._nodes = self._characters = 0

    def document(self) -> JsonValue:
        self._check_text()
        events = self._events()
        try:
            next(events)
            if isinstance(next(events), yaml.StreamEndEvent):
                raise self._stop((), "the file is empty")
            value, _ = self._node(next(events), events, ())
            next(events)
            last = next(events)
        except RecursionError:  # of the library, in a text that it reads ahead
            raise self._stop((), "the file is nested too deep") from None
        if not isinstance(last, yaml.StreamEndEvent):
            raise self._stop_at(last, (), "there is a second document: a file has one pipeline")
        return value

    def _check_text(self) -> None:
        try:
            size = len(self._text.encode())
        except UnicodeEncodeError:
            raise self._stop((), "the file is no Unicode text") from None
        if size > LARGEST_TEXT:
            raise self._stop((), f"the file has {size:,} bytes; at most {LARGEST_TEXT:,} are taken")
        if bad := yaml.reader.Reader.NON_PRINTABLE.search(self._text):
            lines = _LINES.split(self._text[: bad.start()])
            self.marks[()] = len(lines), len(lines[-1]) + 1
            raise self._stop((), f"the character U+{ord(bad[0]):04X} is not allowed in YAML")

    def _events(self) -> Iterator[yaml.Event]:
        text = self._text
        if text.lstrip().startswith("{"):  # JSON has surrogate pairs; a key of YAML is short
            text = _ESCAPE.sub(_unescaped, text)
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = "".join(_LINES.split(self._text)[mark.line : mark.line + 1]) if mark else ""
            self.marks[()] = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            words = ", ".join(filter(None, (error.context, error.problem)))
            raise self._stop((), f"this is not YAML: {words}{_hint(line)}") from None

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> _Read:
        """Return the value of a node and the levels below it."""
        if path not in self.marks:
            self.marks[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._nodes, self._characters
        self._count(event, path, 1, 0)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if event.tag is not None:
            name = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.faults.add(path, f"tags such as {cut(name, 60)} are not taken: write the value")
        value: JsonValue
        height = 0
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, path, 0, len(event.value))
            value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value, height = self._sequence(events, path)
        else:
            value, height = self._mapping(events, path)
        if event.anchor is not None:
            grown = self._nodes - before[0], self._characters - before[1]
            self._anchors[event.anchor] = _Anchor(value, *grown, height)
        return value, height

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> _Read:
        found: list[JsonValue] = []
        height = 0
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            value, below = self._node(event, events, (*path, len(found)))
            found.append(value)
            height = max(height, below + 1)
        return found, height

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> _Read:
        found: dict[str, JsonValue] = {}
        height = 0
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._stop_at(key, path, "a key must be text")
            name = key.value
            self._count(key, path, 1, len(name))
            if key.tag is not None or key.anchor is not None:
                raise self._stop_at(key, path, f"the key {cut(name, 60)!r} has a tag or an anchor")
            known = self.marks.get((*path, name)) if name in found else None
            self.marks[*path, name] = (key.start_mark.line + 1, key.start_mark.column + 1)
            if known:
                first = f"first in line {known[0]}"
                self.faults.add((*path, name), f"the key {cut(name, 60)!r} is there twice, {first}")
            if name == "<<" and key.style in _PLAIN:
                self.faults.add((*path, name), "merge keys (<<) are not taken: write the keys")
            found[name], below = self._node(next(events), events, (*path, name))
            height = max(height, below + 1)
        return found, height

    def _alias(self, event: yaml.AliasEvent, path: Path) -> _Read:
        if event.anchor not in self._anchors:
            raise self._stop_at(event, path, f"no anchor &{cut(event.anchor, 60)} stands before it")
        anchor = self._anchors[event.anchor]
        if anchor is None:
            raise self._stop_at(event, path, f"*{cut(event.anchor, 60)} contains itself")
        self._count(event, path, anchor.nodes, anchor.characters, anchor.height)
        return anchor.value, anchor.height

    def _count(
        self, event: yaml.Event, path: Path, nodes: int, characters: int, height: int = 0
    ) -> None:
        """Count a node before it is made."""
        self._nodes += nodes
        self._characters += characters
        if len(path) + height > DEEPEST:
            raise self._stop_at(event, path, f"this is nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            words = f"there are more than {MOST_NODES:,} values, with all aliases written out"
            raise self._stop_at(event, path, words)
        if self._characters > LARGEST_TEXT:
            words = f"there are more than {LARGEST_TEXT:,} characters, with all aliases written out"
            raise self._stop_at(event, path, words)

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> JsonValue:
        text: str = event.value
        if event.style not in _PLAIN:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self.faults.add(path, f"{text} is no number of JSON: quote it if it is text")
            return 0
        if INTEGER.fullmatch(text):
            if len(text) <= 17 and abs(number := int(text)) <= _EXACT:
                return number
            self.faults.add(
                path, f"{cut(text, 40)} is no exact number everywhere: quote it if it is text"
            )
            return 0
        if NUMBER.fullmatch(text):
            if math.isfinite(value := float(text)):
                return value
            self.faults.add(path, f"{cut(text, 40)} is too large a number")
            return 0
        return text

    def _stop_at(self, event: yaml.Event, path: Path, detail: str) -> _StopReading:
        self.marks[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        return self._stop(path, detail)

    def _stop(self, path: Path, detail: str) -> _StopReading:
        self.faults.add(path, detail)
        return _StopReading()


_Read = tuple[JsonValue, int]
_PLAIN = (None, "")
"""The styles of a scalar without quotes."""


def _unescaped(found: re.Match[str]) -> str:
    """Return the character of an escape if it may stand in quotes as it is, else the escape."""
    if found[1]:
        return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
    character = chr(int(found[3], 16)) if found[3] else ""
    return character if character.isprintable() and character not in '"\\' else found[0]


def _hint(line: str) -> str:
    """Return advice about a line that is not YAML."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "; indent with spaces, not with tabs"
    if "${" in line:
        return '; quote what has a parameter: "${NAME}"'
    if line.count(": ") > 1:
        return "; quote text that has a colon"
    return ""
