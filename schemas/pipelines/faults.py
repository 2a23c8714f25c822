"""What is wrong in the file of a pipeline, and where."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.pipelines.steps import Path

_MOST_FAULTS = 100
"""Faults that one error lists."""


class PipelineFault(Struct, frozen=True, order=True):
    """One fault: its place in the text, both from 1 (0: it was no text), and a sentence.

    `pointer` is a JSON pointer (RFC 6901) into the text as a JSON value.
    """

    line: int
    column: int
    pointer: str
    detail: str

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}" if self.line else self.pointer
        return f"{place}: {self.detail}" if place else self.detail

    def in_file(self, file: str) -> str:
        """Return it as compilers print it, so that editors find the place."""
        return (
            f"{file}:{self.line}:{self.column}: {self.detail}" if self.line else f"{file}: {self}"
        )


class PipelineInvalid(AutoLearnError):
    """The definition of a pipeline is not right: it has all `faults` that were found."""

    title = "The pipeline is not right"
    exit_code = ExitCode.USAGE

    def __init__(self, faults: tuple[PipelineFault, ...]) -> None:
        """Take the faults, of which at least one is needed."""
        super().__init__("\n  ".join(map(str, faults)))
        self.faults = faults


class FaultList:
    """The faults that were found so far.

    `marks` has the line and column, from 1, of parts of a text, by the paths to them.
    """

    def __init__(self, marks: Mapping[Path, tuple[int, int]] | None = None) -> None:
        self._marks = marks or {}
        self._found: dict[PipelineFault, None] = {}

    def add(self, path: Path, detail: str) -> None:
        """Add a fault of the part of the value to which a path leads."""
        known = path
        while known and known not in self._marks:
            known = known[:-1]
        line, column = self._marks.get(known, (0, 0))
        self._found[PipelineFault(line, column, pointer_of(path), detail)] = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def check(self) -> None:
        """Raise PipelineInvalid if there are any, in the order of the text."""
        if not self._found:
            return
        found = sorted(self._found, key=lambda one: (one.line, one.column))
        more = len(found) - _MOST_FAULTS
        if more > 0:
            found = found[:_MOST_FAULTS]
            found.append(PipelineFault(0, 0, "", f"and {more:,} more faults"))
        raise PipelineInvalid(tuple(found))


def pointer_of(path: Path) -> str:
    """Return a path as a JSON pointer (RFC 6901)."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)
