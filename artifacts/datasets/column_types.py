"""The type of a text column: one that all of its values fit; otherwise text, with findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from autolearn.artifacts.datasets.column_evidence import (
    MISSING_IN_TEXT,
    Evidence,
    ValueCount,
    is_time,
)
from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.values import numbers
from autolearn.artifacts.datasets.values.numbers import looks_measured
from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import MOST_EXAMPLES, DataFinding, Example
from autolearn.schemas.datasets.read_options import ColumnFormat

NEARLY, PARTLY = 0.9, 0.5
"""Shares of values from which a column of text is nearly, or partly, of another type."""
FEW, REPEATED = 20, 5
"""Distinct values up to which, and rows of each from which, values are categories."""
_PIVOT = "years 69 to 99 are of the last century"
_ORDERS = {"%d": "DD", "%m": "MM", "%Y": "YYYY", "%y": "YY", "%b": "Mon", "%H": "HH", "%I": "hh"}


class Decided(NamedTuple):
    """The type of a column, the format of its text, and its findings."""

    type: str
    format: ColumnFormat
    findings: tuple[DataFinding, ...]


class ColumnTyper:
    """Decides the type of a column by the evidence of all of its values."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def decide(self, decimal: str) -> Decided:
        """Decide; `decimal` is the file's decimal separator.

        Raises:
            DatasetRefused: the values are not of the given type.
        """
        if self.evidence.given.type:
            return self._as_given(decimal)
        found = self.found(decimal)
        before = self.evidence.given.before
        if before == "string" and found.type != "string":
            return self.as_text()
        if before == "number" and found.type == "integer":
            return found._replace(type="number")
        return found

    def found(self, decimal: str) -> Decided:
        """Say what the values make of the column."""
        if not self.evidence.total:
            return self.as_text()
        if not self.evidence.odd:
            return self._as_plain(decimal)
        whole = [
            way
            for way, fit in self.evidence.ways.items()
            if self.evidence.fitting(way, fit) == self.evidence.total
        ]
        in_time = [way for way in whole if is_time(way)]
        if "boolean" in whole:
            return Decided("boolean", self._plainly(), tuple(self._about_words()))
        if in_time:
            return self._as_time(in_time)
        ways = [way for way in whole if isinstance(way, ColumnFormat)]
        if ways:
            return self.as_number(_chosen(ways, decimal))
        return self.as_text(self.nearly())

    def _as_plain(self, decimal: str) -> Decided:
        """Decide on a column of plain numbers."""
        plain = self.evidence.plain
        if plain.whole and plain.beyond.count:
            shown = (Example(cut(plain.beyond.value), plain.beyond.row),)
            return self.as_text(self.finding("beyond-64-bits", plain.beyond.count, shown))
        if plain.whole and plain.zeros.count:
            shown = (Example(cut(plain.zeros.value), plain.zeros.row),)
            return self.as_text(self.finding("leading-zeros", plain.zeros.count, shown))
        if decimal == "," and plain.dots.count and plain.grouped:
            return self.as_number(ColumnFormat(decimal=",", thousands="."))
        kind = "integer" if plain.whole else "number"
        return Decided(kind, self._plainly(), tuple(self._about_words()))

    def as_number(self, way: ColumnFormat) -> Decided:
        """Return the column as numbers in a format, with its findings."""
        findings = list(self._about_words())
        shown = tuple(self.examples(self.evidence.values))
        dots = self.evidence.plain.dots
        commas = {word: at for word, at in self.evidence.values.items() if "," in word}
        if way.decimal == "," and commas:
            shown_commas = tuple(self.examples(commas))
            findings.append(self.finding("decimal-comma", self.evidence.odd, shown_commas))
        if way.thousands:
            count = self.evidence.odd + (dots.count if way.thousands == "." else 0)
            name = {" ": "a blank", "'": "an apostrophe"}.get(way.thousands, way.thousands)
            shown = shown or (Example(cut(dots.value), dots.row),)
            findings.append(self.finding("thousands", count, shown, name))
        findings += self._about_negatives()
        if way.unit:
            findings.append(self.finding("unit", self.evidence.total, shown, way.unit))
        return Decided("number", replace(way, missing=self.absent()), tuple(findings))

    def _about_negatives(self) -> Iterator[DataFinding]:
        """Yield the finding of negative numbers in accountants' notation."""
        odd = {
            value: seen
            for value, seen in self.evidence.values.items()
            if numbers.UNUSUAL.search(value)
        }
        if odd:
            count = sum(seen.count for seen in odd.values())
            shown = tuple(self.examples(odd))
            yield self.finding("negative-forms", count, shown, shown[0].value)

    def _as_time(self, patterns: list[str]) -> Decided:
        """Return the column as times, unless their order is ambiguous."""
        shown = tuple(self.examples(self.evidence.values))
        if "" not in patterns and len(patterns) > 1:
            names = " or ".join(map(_name_of, patterns))
            return self.as_text(self.finding("ambiguous-dates", self.evidence.total, shown, names))
        pattern = "" if "" in patterns else patterns[0]
        if all(self.evidence.zones.values()) and not pattern:
            bare = self.evidence.zones[False]
            return self.as_text(self.finding("mixed-zones", bare, shown))
        findings = list(self._about_words())
        if pattern:
            name = _name_of(pattern) + (f" ({_PIVOT})" if "%y" in pattern else "")
            findings.append(self.finding("date-format", self.evidence.total, shown, name))
        zone = self.evidence.given.zone or "UTC"
        shifted = zone != "UTC" or pattern.count("%") > 3 or self._has_hours()
        if not self.evidence.zones[True] and shifted:
            findings.append(self.finding("no-zone", self.evidence.total, (), zone))
        format_ = ColumnFormat(missing=self.absent(), time=pattern, zone=zone)
        return Decided("timestamp", format_, tuple(findings))

    def as_text(self, finding: DataFinding | None = None) -> Decided:
        """Return the column as text."""
        findings = [] if finding is None else [finding]
        present = [word for word in self.evidence.words if word not in self.text_missing()]
        if present and self.evidence.given.missing is None:
            shown = {word: self.evidence.words[word] for word in present}
            count = sum(seen.count for seen in shown.values())
            of = self.evidence.total + count
            if finding is None or not finding.is_severe:
                findings.append(
                    self.finding("perhaps-missing", count, tuple(self.examples(shown)), of=of)
                )
        told = [word for word in self.evidence.words if word in self.text_missing()]
        if told:
            findings += self._about_words(told)
        return Decided("string", ColumnFormat(missing=tuple(sorted(told))), tuple(findings))

    def _as_given(self, decimal: str) -> Decided:
        """Return the column as hinted. Raises DatasetRefused if it cannot be."""
        kind = self.evidence.given.type
        if kind == "string":
            return self.as_text()
        if kind in ("integer", "number"):
            found = self._given_numbers(decimal)
        elif kind == "boolean":
            found = self.found(decimal) if not self.evidence.plain.count else None
        else:
            found = self._given_times("" if kind == "timestamp" else kind)
        wanted = "timestamp" if kind.startswith("%") else kind
        if found is None or (found.type != wanted and (found.type, kind) != ("integer", "number")):
            raise DatasetRefused(self._not_of(kind))
        return found._replace(type=wanted)

    def _given_numbers(self, decimal: str) -> Decided | None:
        """Return the column as numbers, None if it is none."""
        if not self.evidence.odd:
            kind = "integer" if self.evidence.plain.whole else "number"
            dots = self.evidence.plain.dots.count
            if decimal == "," and dots and self.evidence.plain.grouped:
                return self.as_number(ColumnFormat(decimal=",", thousands="."))
            if self.evidence.plain.beyond.count:
                kind = "number"
            return Decided(kind, self._plainly(), tuple(self._about_words()))
        fits = [
            way
            for way, fit in self.evidence.ways.items()
            if isinstance(way, ColumnFormat)
            and self.evidence.fitting(way, fit) == self.evidence.total
        ]
        return self.as_number(_chosen(fits, decimal)) if fits else None

    def _given_times(self, pattern: str) -> Decided | None:
        fits = [
            way
            for way, fit in self.evidence.ways.items()
            if is_time(way) and fit.count == self.evidence.total
        ]
        if pattern:
            fits = [way for way in fits if way == pattern]
        return self._as_time(fits) if fits else None

    def nearly(self) -> DataFinding | None:
        """Return the findings about a text column that is nearly of another type."""
        best = max(
            self.evidence.ways.items(), key=lambda at: self.evidence.fitting(*at), default=None
        )
        fits, misses = self.evidence.plain.count, list(self.evidence.values)[:MOST_EXAMPLES]
        code = "not-all-numbers"
        if best is not None and self.evidence.fitting(*best) > fits:
            fits = self.evidence.fitting(*best)
            misses = list(best[1].misses)
            if isinstance(best[0], str):
                code = "partly-booleans" if best[0] == "boolean" else "not-all-times"
        if (
            self.evidence.worded * 2 > self.evidence.total
            and self.evidence.worded + self.evidence.plain.count >= NEARLY * self.evidence.total
        ):
            shown = tuple(self.examples(self.evidence.values))
            return self.finding("numbers-with-words", self.evidence.worded, shown)
        if not self.evidence.total or fits < PARTLY * self.evidence.total:
            return self.unread()
        if fits < NEARLY * self.evidence.total:
            orders = {
                _name_of(str(way))
                for way, fit in self.evidence.ways.items()
                if is_time(way) and fit.count
            }
            if self.evidence.dated == self.evidence.total and len(set(map(_day_of, orders))) > 1:
                names = " or ".join(sorted(orders)[:MOST_EXAMPLES])
                shown = tuple(self.examples(self.evidence.values))
                return self.finding("ambiguous-dates", self.evidence.total, shown, names)
            code = code.replace("not-all", "partly")
        known = {
            value: self.evidence.values[value] for value in misses if value in self.evidence.values
        }
        if not known and self.evidence.plain.dots.count:
            known = {self.evidence.plain.dots.value: self.evidence.plain.dots}
        examples = tuple(self.examples(known))
        if not examples:
            plain = (one for one in self.evidence.counts or () if one not in self.evidence.values)
            examples = tuple(Example(cut(one)) for one in islice(plain, MOST_EXAMPLES))
        return self.finding(code, self.evidence.total - fits, examples)

    def unread(self) -> DataFinding | None:
        """Return the finding of text that looks like numbers or times in an unknown form.

        A few repeated values have no finding: they are categories, such as 18-24.
        """
        evidence = self.evidence
        counts = evidence.counts
        if counts is not None and len(counts) <= min(FEW, evidence.total / REPEATED):
            return None
        like = {value: seen for value, seen in evidence.values.items() if looks_measured(value)}
        if len(like) < PARTLY * len(evidence.values):
            return None
        shown = tuple(self.examples(like))
        return self.finding("unread-form", len(like), shown, of=len(evidence.values))

    # Messages

    def _not_of(self, kind: str) -> str:
        """Return the sentence for values that are not of the given type."""
        misses = list(self.evidence.values)
        for way, fit in self.evidence.ways.items():
            numeric = isinstance(way, ColumnFormat) and kind in ("integer", "number")
            if fit.missed and (numeric or way == kind or (not way and kind == "timestamp")):
                misses = list(fit.misses)
        shown = ", ".join(
            f"{cut(value)} (row {self.evidence.values[value].row + 1})"
            for value in misses[:MOST_EXAMPLES]
            if value in self.evidence.values
        )
        shown = shown or ", ".join(map(cut, list(self.evidence.counts or ())[:MOST_EXAMPLES]))
        meant = _name_of(kind) if kind.startswith("%") else kind
        return (
            f"Column {self.evidence.name} cannot be read as {meant}: "
            f"{shown or 'its values do not fit'}. "
            "Mend the values, name the words that mean missing (dataset add --missing), or say "
            f"another type"
            f"{', such as DD/MM/YYYY' if kind == 'timestamp' else ''}."
        )

    def finding(
        self,
        code: str,
        count: int,
        shown: tuple[Example, ...] = (),
        detail: str = "",
        of: int | None = None,
    ) -> DataFinding:
        """Return a finding of this column."""
        return DataFinding(
            code,
            self.evidence.name,
            count,
            self.evidence.total if of is None else of,
            detail,
            shown,
        )

    def examples(self, seen: Mapping[str, ValueCount]) -> Iterator[Example]:
        """Yield the first values, with their rows."""
        first = sorted(seen.items(), key=lambda at: at[1].row)[:MOST_EXAMPLES]
        for value, at in first:
            yield Example(cut(value), at.row)

    def _about_words(self, words: Iterable[str] | None = None) -> Iterator[DataFinding]:
        """Yield the finding of words that mean missing, if there are any."""
        shown = {
            word: self.evidence.words[word]
            for word in (self.evidence.words if words is None else words)
        }
        if shown and self.evidence.given.missing is None:
            count = sum(seen.count for seen in shown.values())
            of = self.evidence.total + sum(seen.count for seen in self.evidence.words.values())
            examples = tuple(self.examples(shown))
            yield self.finding("missing-words", count, examples, of=of)

    def absent(self) -> tuple[str, ...]:
        """Return the present words that mean missing."""
        return tuple(sorted(self.evidence.words))

    def text_missing(self) -> tuple[str, ...]:
        """Return the words that mean missing if the column is text."""
        return (
            MISSING_IN_TEXT if self.evidence.given.missing is None else self.evidence.given.missing
        )

    def _plainly(self) -> ColumnFormat:
        return ColumnFormat(missing=self.absent())

    def _has_hours(self) -> bool:
        return any(":" in value for value in self.evidence.values)


def _chosen(ways: list[ColumnFormat], decimal: str) -> ColumnFormat:
    """Return the best format: with the file's decimal separator, and the fewest separators."""
    return min(ways, key=lambda way: (way.decimal != decimal, bool(way.thousands), way.thousands))


def _day_of(name: str) -> str:
    return name.partition(" HH")[0].partition(" hh")[0]


def _name_of(pattern: str) -> str:
    pattern = pattern or "%Y-%m-%d"
    for word, name in _ORDERS.items():
        pattern = pattern.replace(word, name)
    return pattern.replace("%M", "MM").replace("%S", "SS").replace("%p", "AM")
