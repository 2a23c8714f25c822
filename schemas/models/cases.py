"""Named cases of a model: rows whose answers are compared at each promotion."""

from __future__ import annotations

import math

from msgspec import Struct

Answer = str | float
"""What a version answers to a row: a label, a number, a cluster, or true or false (anomaly)."""
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
"""Differences of numbers that do not count."""


def is_same(one: Answer | None, other: Answer | None) -> bool:
    """Return whether two answers are the same; numbers within 1e-9 of their size.

    So are a number and the label that says it, and true and True.
    """
    if one is None or other is None:
        return one is other
    if str(one).lower() == str(other).lower():
        return one == other or str(one).lower() in ("true", "false")
    try:
        return math.isclose(float(one), float(other), rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    except ValueError:
        return False


class ComparedCase(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What two versions answer to a case; or why one of them fails on it.

    `expect` is the right answer, if somebody said it.
    """

    number: int
    name: str
    before: Answer | None = None
    after: Answer | None = None
    failed_before: str = ""
    failed: str = ""
    expect: Answer | None = None

    @property
    def changed(self) -> bool:
        """Whether both answer otherwise."""
        return not is_same(self.before, self.after) or bool(self.failed) != bool(self.failed_before)

    @property
    def unexpected(self) -> bool:
        """Whether the newer one does not answer as it should."""
        return self.expect is not None and not is_same(self.after, self.expect)


class CaseComparison(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answers of a promoted `version`, and of the version `before` it (0: none), to the cases.

    `not_run` is why they are not known, "" if they are.
    """

    version: int
    before: int = 0
    cases: tuple[ComparedCase, ...] = ()
    not_run: str = ""

    @property
    def notable(self) -> list[ComparedCase]:
        """The cases that are answered otherwise than before, not as they should be, or fail."""
        return [
            one
            for one in self.cases
            if (self.before and one.changed) or one.unexpected or one.failed
        ]

    def __str__(self) -> str:
        if self.not_run:
            return f"the cases were not run: {self.not_run}"
        many = f"{len(self.cases)} case{'' if len(self.cases) == 1 else 's'}"
        changed = sum(one.changed for one in self.cases) if self.before else 0
        unexpected = sum(one.unexpected for one in self.cases)
        failed = sum(bool(one.failed) for one in self.cases)
        said = f"{changed} of {many} answer otherwise" if self.before else f"{many} asked"
        said += f", {unexpected} not as expected" if unexpected else ""
        return said + (f", {failed} failed" if failed else "")
