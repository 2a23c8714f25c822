"""Reads a file of text once from its first row to its last: types of columns, and findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec.structs import replace
from pyarrow import compute

from autolearn.artifacts.datasets.checks.header_checks import (
    check_header,
    is_like_values,
    is_series,
    is_value,
)
from autolearn.artifacts.datasets.checks.number_checks import Different, about_numbers, different_in
from autolearn.artifacts.datasets.checks.row_checks import (
    Sample,
    about_rows,
    about_values,
    are_rows,
    header_again,
    is_whole,
    separated,
    spelling,
    swallowed,
    tells_target,
    with_quote,
)
from autolearn.artifacts.datasets.column_evidence import ColumnHints, Evidence, Fit
from autolearn.artifacts.datasets.column_types import ColumnTyper, Decided
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files.csv_reader import first_row
from autolearn.artifacts.datasets.files.excel_reader import ExcelFile
from autolearn.artifacts.datasets.files.json_reader import JsonLinesFile
from autolearn.artifacts.datasets.files.text_reader import TextFile
from autolearn.artifacts.datasets.inspection_result import (
    COUNTED,
    COUNTED_TOGETHER,
    LETTER,
    MOST_FINDINGS,
    NO_VALUES,
    NUMBERS,
    ColumnProfile,
    Inspected,
    about_empty,
)
from autolearn.artifacts.datasets.values.typed_values import present, typed
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import DataFinding, Example
from autolearn.schemas.datasets.read_options import ColumnFormat, ReadHints, ReadOptions, pattern_of

pc: Any = compute
Values = Any


class TextInspection:
    """One reading of a file whose values are text."""

    def __init__(
        self,
        file: TextFile | JsonLinesFile | ExcelFile,
        hints: ReadHints,
        before: Mapping[str, str],
        findings: list[DataFinding],
        *,
        quiet: bool,
    ) -> None:
        self.file, self.hints, self.findings = file, hints, findings
        self.names, self.quiet = list(file.names), quiet
        check_header(
            self.names, quiet=quiet, sure=hints.header is not None or not _may_lack_header(file)
        )
        types = _given_types(hints, self.names, before)
        limit = min(COUNTED, COUNTED_TOGETHER // max(1, len(self.names)))
        self.evidence = [
            Evidence(name, limit=limit, given=self.given(types, name, before))
            for name in self.names
        ]
        self.sample, self.rows = Sample(), 0
        self.swallowed: dict[int, tuple[int, str]] = {}
        self.sure: set[int] = set()
        self.quotes: dict[int, tuple[int, str]] = {}

    def given(self, types: Mapping[str, str], name: str, before: Mapping[str, str]) -> ColumnHints:
        """Return the hints on a column."""
        return ColumnHints(
            type=types.get(name, ""),
            missing=self.hints.missing,
            decimal=self.hints.decimal,
            zone=self.hints.zone,
            before=before.get(name, ""),
        )

    def result(self, target: str | None, wanted: Collection[str] = ()) -> Inspected:
        """Read all rows and decide. Raises DatasetRefused."""
        quoted = isinstance(self.file, TextFile) and bool(self.file.options.quote)
        for batch in self.file.batches():
            self.rows += len(batch[0])
            self.sample.add(batch)
            for place, values in enumerate(batch):
                self.evidence[place].add(values)
                if quoted:
                    self._look_for_rows(place, values)
        if not self.rows:
            raise DatasetRefused(
                "There are no rows: send at least one row of values under the header."
            )
        left_out = self.left_out({target, *wanted})
        used = [place for place in range(len(self.names)) if place not in left_out]
        self._check_used(used)
        decided = self.decide(used)
        self._check_first_row(used, decided)
        profiles = [self.profile(place, one) for place, one in zip(used, decided, strict=True)]
        for one in decided:
            self.findings += one.findings
        samples = {
            place: _for_checks(self.sample.column(place), one)
            for place, one in zip(used, decided, strict=True)
        }
        self._check_values(used, decided, profiles, samples, target)
        self._check_names_again(profiles)
        is_all = self.sample.rows == self.rows
        numbers = [
            samples[at] for at, one in zip(used, decided, strict=True) if one.type in NUMBERS
        ]
        self.findings += about_rows(self.sample, used, numbers if is_all else ())
        if isinstance(self.file, TextFile):
            self.findings += header_again(self.sample, self.names)
            for place, one in zip(used, decided, strict=True):
                alone = len(used) == 1
                if one.type == "string" or alone:
                    values = self.sample.column(place)
                    self.findings += separated(self.names[place], one.type, values, alone=alone)
        return Inspected(profiles, self.rows, self.options(used, decided), self._with_lines())

    def _look_for_rows(self, place: int, values: Values) -> None:
        """Record values that look like whole rows, which a stray quote has swallowed."""
        separator = self.file.options.separator
        found = swallowed(values, separator, len(self.names), place)
        if found is not None:
            count, first = self.swallowed.get(place, (0, found[0].as_py()))
            self.swallowed[place] = (count + len(found), first)
            if are_rows(found, separator, len(self.names)):
                self.sure.add(place)
        alone = with_quote(values)
        if len(alone):
            count, first = self.quotes.get(place, (0, alone[0].as_py()))
            self.quotes[place] = (count + len(alone), first)

    def left_out(self, wanted: Collection[str | None]) -> set[int]:
        """Return the indices of unused columns: empty, or a counter without a name.

        An empty column that is `wanted`, or has a hint, is used.
        """
        found, empty = set(), []
        for place, (name, seen) in enumerate(zip(self.names, self.evidence, strict=True)):
            if name:
                if not _has_values(seen) and name not in wanted and not seen.given.type:
                    found.add(place)
                    empty.append(name)
            elif seen.empty == seen.rows:
                found.add(place)
                self._note_left_out(place, "it has no name, and no values")
            elif place == 0 and self._counts_rows(seen):
                found.add(place)
                self._note_left_out(place, "it has no name, and counts the rows")
        self.findings += about_empty(empty, len(self.names))
        return found

    def _note_left_out(self, place: int, why: str) -> None:
        self.findings.append(DataFinding("left-out", detail=f"{place + 1} ({why})"))

    def _counts_rows(self, seen: Evidence) -> bool:
        plain = seen.plain
        if plain.count != self.rows or not plain.whole or seen.odd or seen.words:
            return False
        low, high = plain.range.minimum, plain.range.maximum
        one_each = seen.counts is None or len(seen.counts) == self.rows
        return low in (0, 1) and high is not None and high - low == self.rows - 1 and one_each

    def _check_used(self, used: Sequence[int]) -> None:
        """Raise DatasetRefused if there is no column to use, or one has no name."""
        if not used and any(self.names):
            raise DatasetRefused(NO_VALUES)
        if not used:
            raise DatasetRefused("No column has a name: begin with a header row, or --no-header.")
        unnamed = [str(place + 1) for place in used if not self.names[place]]
        if unnamed:
            raise DatasetRefused(
                f"The header has no name for column {', '.join(unnamed[:5])}: name every column "
                "(or use --skip-lines, if the header is further down)."
            )

    def decide(self, used: Sequence[int]) -> list[Decided]:
        """Decide on each column. Raises DatasetRefused with a sentence per column."""
        known = self.hints.decimal or self.decimal(used)
        semicolon = isinstance(self.file, TextFile) and self.file.options.separator == ";"
        decimal = known or ("," if semicolon else ".")
        decided: list[Decided] = []
        faults: list[str] = []
        for place in used:
            try:
                one = ColumnTyper(self.evidence[place]).decide(decimal)
            except DatasetRefused as refused:
                faults += refused.sentences
                continue
            if self.is_string(place) and one.type in ("integer", "number", "boolean"):
                one = self._in_quotes(place, one)
            decided.append(one if known else self._in_doubt(place, one))
        if faults:
            raise DatasetRefused(
                [f"{len(faults)} columns are not of the types that were said."]
                if self.quiet
                else faults
            )
        return decided

    def _check_first_row(self, used: Sequence[int], decided: Sequence[Decided]) -> None:
        """Raise DatasetRefused if a name is a value of its column: a time, or a decimal number.

        Integers may be names, such as years.
        """
        if self.hints.header is not None or not _may_lack_header(self.file):
            return
        alike = [
            self.names[place]
            for place, one in zip(used, decided, strict=True)
            if one.type in ("number", "timestamp") and is_value(self.names[place], one)
        ]
        if alike:
            some = "" if self.quiet else f" ({cut(alike[0])})"
            raise DatasetRefused(first_row(some))

    def is_string(self, place: int) -> bool:
        """Return whether a column has JSON strings only, without numbers."""
        file = self.file
        if not isinstance(file, JsonLinesFile) or self.evidence[place].given.type:
            return False
        return self.names[place] in file.texts - file.others

    def _in_quotes(self, place: int, decided: Decided) -> Decided:
        """Return a text column whose values are JSON strings that look like another type."""
        seen = self.evidence[place]
        findings = []
        if decided.type != "boolean" and seen.given.before != "string":
            findings = [DataFinding("numbers-in-quotes", seen.name, seen.total, seen.total)]
        text = ColumnTyper(seen).as_text()
        return text._replace(findings=(*text.findings, *findings))

    def decimal(self, used: Sequence[int]) -> str:
        """Return the decimal separator of the unambiguous columns, "" if there are none."""
        found = {self.evidence[place].decimal() for place in used} - {""}
        return "." if len(found) > 1 else "".join(found)

    def _in_doubt(self, place: int, decided: Decided) -> Decided:
        """Return a column with a severe finding if all of its numbers are such as 1.234."""
        seen = self.evidence[place]
        dots = seen.plain.dots
        if decided.format.thousands != "." or seen.given.type or dots.count < seen.total:
            return decided
        findings = (one for one in decided.findings if one.code != "thousands")
        shown = (Example(cut(dots.value), dots.row),)
        doubt = DataFinding("perhaps-thousands", seen.name, dots.count, seen.total, "", shown)
        return decided._replace(findings=(*findings, doubt))

    def profile(self, place: int, decided: Decided) -> ColumnProfile:
        """Return the statistics of a column."""
        seen, absent = self.evidence[place], set(decided.format.missing)
        missing = seen.empty + sum(one.count for word, one in seen.words.items() if word in absent)
        labels = seen.counts
        if labels is not None:
            values = {w: s.count for w, s in seen.words.items() if w not in absent}
            labels = labels | values
            if decided.type == "boolean":
                labels = _in_lower_case(labels)
            labels = dict(sorted(labels.items(), key=lambda item: (-item[1], item[0])))
        profile = ColumnProfile(seen.name, decided.type, missing, None, labels=labels)
        if labels is not None:
            keys = pa.array(labels, pa.string())
            profile.distinct = pc.count_distinct(
                typed(keys, decided.type, decided.format) if decided.type != "timestamp" else keys
            ).as_py()
        if decided.type in ("integer", "number"):
            fit = next(
                (fit for way, fit in seen.ways.items() if _same_way(way, decided.format)), None
            )
            ranges = [seen.plain.range, *([fit] if fit is not None else [])]
            if decided.format.thousands == "." and seen.plain.dots.count:
                ranges = self.measured(place, decided)
            lows = [one.minimum for one in ranges if one.minimum is not None]
            highs = [one.maximum for one in ranges if one.maximum is not None]
            profile.minimum, profile.maximum = min(lows, default=None), max(highs, default=None)
            profile.infinite = seen.plain.infinite
        return profile

    def measured(self, place: int, decided: Decided) -> list[Any]:
        """Return the range of a column whose numbers are not plain."""
        fit = Fit()
        for batch in self.file.batches():
            fit.measure(typed(batch[place], "number", decided.format))
        return [fit]

    def _check_values(
        self,
        used: Sequence[int],
        decided: Sequence[Decided],
        profiles: Sequence[ColumnProfile],
        samples: Mapping[int, Values],
        target: str | None,
    ) -> None:
        """Record findings about the values of columns, and about the target."""
        answers = None
        for place, one in zip(used, decided, strict=True):
            if self.names[place] == target:
                answers = samples[place]
                self._note_same_numbers(place, one)
        for place, one, profile in zip(used, decided, profiles, strict=True):
            values = present(self.sample.column(place), one.format)
            if one.type in NUMBERS:
                self.findings += about_numbers(
                    profile.name, one.type, samples[place], (profile.minimum, profile.maximum),
                    partial(self.different, profile, one, samples[place], values),
                    is_target=profile.name == target, exponents=_has_exponents(profile, values),
                )  # fmt: skip
            self.findings += about_values(
                profile.name, one.type, values,
                distinct=profile.distinct, missing=profile.missing, rows=self.rows,
            )  # fmt: skip
            if one.type == "string" and profile.labels is not None:
                self.findings += filter(None, [spelling(profile.name, profile.labels)])
            if answers is not None and target is not None and profile.name != target:
                found = tells_target(profile.name, samples[place], target, answers)
                self.findings += filter(None, [found])
        for place, seen in self.swallowed.items():
            self._note_quoted(
                "lines-in-value" if place in self.sure else "rows-in-value", place, seen
            )
        for place, seen in self.quotes.items():
            self._note_quoted("quote-in-value", place, seen)

    def different(
        self, profile: ColumnProfile, decided: Decided, numbers: Values, written: Values
    ) -> Different:
        """Return the distinct numbers of a column: all if they are known, or the sample's."""
        if profile.labels is None:
            return different_in(numbers, written)
        keys = pa.array(profile.labels, pa.string())
        rows = np.array([*profile.labels.values()])
        return Different(typed(keys, "number", decided.format).to_numpy(), rows, keys)

    def _note_quoted(self, code: str, place: int, seen: tuple[int, str]) -> None:
        """Record values in which quotes may be astray: their number, and the first."""
        count, first = seen
        shown = (Example(cut(" ".join(first.split()))),)
        self.findings.append(DataFinding(code, self.names[place], count, self.rows, "", shown))

    def _check_names_again(self, columns: Sequence[ColumnProfile]) -> None:
        """Record names that look like values of their columns: they may be the first row."""
        if not _may_lack_header(self.file) or not self.file.options.header:
            return
        if self.hints.header:
            return
        odd = [one for one in columns if is_like_values(one)]
        numbers = [float(one.name) for one in odd if one.type in ("integer", "number")]
        if odd and not (is_series(numbers) and len(numbers) == len(odd)):
            shown = () if self.quiet else tuple(Example(cut(one.name)) for one in odd[:3])
            self.findings.append(
                DataFinding("header-like-values", count=len(odd), of=len(columns), examples=shown)
            )

    def _note_same_numbers(self, place: int, decided: Decided) -> None:
        counts = self.evidence[place].counts
        if decided.type not in ("integer", "number") or counts is None:
            return
        numbers = typed(pa.array(counts, pa.string()), "number", decided.format)
        twice = len(counts) - pc.count_distinct(numbers).as_py()
        if twice:
            self.findings.append(DataFinding("same-number", self.names[place], twice, len(counts)))

    def options(self, used: Sequence[int], decided: Sequence[Decided]) -> ReadOptions:
        """Return the read options."""
        options = self.file.options
        plain = ColumnFormat()
        named = options.names or (not options.header and options.format != "excel")
        if options.format == "jsonl":
            named = True
        return replace(
            options,
            names=tuple(self.names) if named else (),
            left_out=tuple(place for place in range(len(self.names)) if place not in used),
            types="".join(LETTER[one.type] for one in decided),
            formats={str(at): one.format for at, one in enumerate(decided) if one.format != plain},
        )

    def _last_line(self) -> list[DataFinding]:
        """Return the finding of a last line without an end, if its value may have been cut.

        It comes last, for most such files are whole.
        """
        place = len(self.names) - 1
        if not isinstance(self.file, TextFile) or self.file.ended:
            return []
        if self.evidence[place].empty == self.rows or is_whole(self.sample, place, self.rows):
            return []
        last = self.sample.last[place]
        return [DataFinding("last-line", examples=() if last is None else (Example(cut(last)),))]

    def _with_lines(self) -> list[DataFinding]:
        """Return the findings, severe ones first, with lines in place of rows."""
        findings = sorted(self.findings, key=lambda one: not one.is_severe)[:MOST_FINDINGS]
        rows = {shown.line for one in findings for shown in one.examples if shown.line is not None}
        lines = self.file.lines_of(rows)
        told = [
            replace(one, examples=tuple(
                Example(shown.value, None if shown.line is None else lines.get(shown.line))
                for shown in one.examples
            ))
            for one in findings
        ]  # fmt: skip
        return [*told, *self._last_line()]


def _has_exponents(column: ColumnProfile, written: Values) -> bool:
    if column.type != "number":
        return False
    keys = column.labels if column.labels is not None else written[:COUNTED].drop_null().to_pylist()
    return "e" in "".join(keys).lower()


def _has_values(seen: Evidence) -> bool:
    absent = ColumnTyper(seen).text_missing()
    return bool(seen.total) or any(word not in absent for word in seen.words)


def _for_checks(values: Values, decided: Decided) -> Values:
    if decided.type in ("integer", "number"):
        parts = [typed(part, "number", decided.format) for part in values.chunks]
        return pa.chunked_array(parts, pa.float64())
    return present(values, decided.format)


def _in_lower_case(labels: dict[str, int]) -> dict[str, int]:
    together: dict[str, int] = {}
    for label, rows in labels.items():
        together[label.lower()] = together.get(label.lower(), 0) + rows
    return together


def _same_way(way: ColumnFormat | str, how: ColumnFormat) -> bool:
    if not isinstance(way, ColumnFormat):
        return False
    return (way.decimal, way.thousands, way.unit) == (how.decimal, how.thousands, how.unit)


def _may_lack_header(file: Any) -> bool:
    return not isinstance(file, JsonLinesFile)


def _given_types(hints: ReadHints, names: list[str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the hinted types of columns, also of those that are gone since `before`.

    Raises DatasetRefused.
    """
    unknown = [name for name in hints.types if name not in names and name not in before]
    if unknown:
        shown = ", ".join(names[:20])
        raise DatasetRefused(
            f"A type is given for {cut(unknown[0])!r}, and there is no such column; there are "
            f"{shown}."
        )
    return {name: pattern_of(kind) for name, kind in hints.types.items()}
