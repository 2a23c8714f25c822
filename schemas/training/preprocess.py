"""The preprocessing of a training's features: for all columns, and for single ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION
from autolearn.schemas.values import KINDS

Impute = Literal["mean", "median", "most-frequent", "constant"]
Scale = Literal["standard", "min-max", "robust", "none"]
Encode = Literal["one-hot", "ordinal", "target"]
DatePart = Literal[
    "year", "quarter", "month", "day", "day-of-year", "weekday", "hour", "minute", "time"
]
"""A part of a time. `weekday` is 0 on Mondays, `time` the seconds since 1970."""

DATE_PARTS: tuple[DatePart, ...] = ("year", "month", "day", "weekday", "hour")
"""The parts that the word `parts` stands for."""

NUMBERS = ("integer", "number", "timestamp")
"""The types of columns whose values are numbers for an estimator; a time is its seconds."""

_FOR = {
    "impute": tuple(KINDS),
    "fill_value": ("integer", "number", "string", "boolean"),
    "indicator": tuple(KINDS),
    "clip": ("integer", "number"),
    "log": ("integer", "number"),
    "scale": NUMBERS,
    "encode": ("string", "boolean"),
    "min_frequency": ("string", "boolean"),
    "dates": ("timestamp",),
}
"""The types of columns that each field is for."""
_FOR_WORDS = {
    "clip": "numbers",
    "log": "numbers",
    "scale": "numbers and times",
    "encode": "text and booleans",
    "min_frequency": "text and booleans",
    "dates": "times",
    "fill_value": "numbers, text and booleans",
}
_OFF = ("indicator", "clip", "log", "min_frequency", "dates")
"""The fields whose empty value means that nothing is done."""


class ColumnPreprocessing(Struct, frozen=True, kw_only=True):
    """The preprocessing of one column, as far as it differs from that of all columns.

    `impute` fills missing values: mean, median, most-frequent, or constant with `fill_value`. With
    `indicator` a further feature says where values were missing. `clip` limits numbers to quantiles
    of the training rows: 0.01 to those of 1 % and 99 %. `log` takes sign(x) log(1 + |x|). `scale`
    is standard, min-max, robust or none. `encode` is one-hot, ordinal or target (the mean of the
    target, cross-fitted). Categories in fewer rows than `min_frequency` (a number, or a fraction
    below 1) are joined. `dates` are the parts of a time that replace it.
    """

    impute: Impute | UnsetType = UNSET
    fill_value: bool | int | float | str | UnsetType = UNSET
    indicator: bool | UnsetType = UNSET
    clip: float | UnsetType = UNSET
    log: bool | UnsetType = UNSET
    scale: Scale | UnsetType = UNSET
    encode: Encode | UnsetType = UNSET
    min_frequency: int | float | UnsetType = UNSET
    dates: tuple[DatePart, ...] | UnsetType = UNSET


class Preprocessing(Struct, frozen=True):
    """Preprocessing of the features before the estimator, fitted on training rows only.

    `impute` fills missing numbers: mean, median, most-frequent, or constant with `fill_value`;
    missing categories become `fill_text`, or the most frequent one. `scale` is standard, min-max,
    robust or none. `encode` is one-hot, ordinal or target. The other fields are those of
    ColumnPreprocessing. They hold for the columns of the types that they are for, unless `columns`
    says otherwise of one.
    """

    impute: str = "median"
    scale: str = "standard"
    encode: str = "one-hot"
    fill_value: float | UnsetType = UNSET
    fill_text: str | UnsetType = UNSET
    indicator: bool | UnsetType = UNSET
    clip: float | UnsetType = UNSET
    log: bool | UnsetType = UNSET
    min_frequency: int | float | UnsetType = UNSET
    dates: tuple[DatePart, ...] | UnsetType = UNSET
    columns: dict[str, ColumnPreprocessing] | UnsetType = UNSET

    def of(self, name: str, kind: str) -> ColumnPreprocessing:
        """Return all that is done with a column of a type; equal where the same is done."""
        usual, own = self._usual(kind), asdict((self.columns or {}).get(name) or _NOTHING)
        found = {
            field: value
            for field, types in _FOR.items()
            if kind in types
            and (value := usual.get(field, UNSET) if own[field] is UNSET else own[field])
            is not UNSET
            and (value or field not in _OFF)
        }
        if found["impute"] != "constant":
            found.pop("fill_value", None)
        if found.get("encode") == "target":
            found.pop("min_frequency", None)
        return ColumnPreprocessing(**found)

    def _usual(self, kind: str) -> dict[str, Any]:
        """Return the fields that hold for all columns of a type."""
        found = {name: value for name, value in asdict(self).items() if name in _FOR}
        if kind not in NUMBERS:
            constant = self.fill_text is not UNSET
            found |= {"impute": "constant" if constant else "most-frequent"}
            found["fill_value"] = self.fill_text
        elif kind == "timestamp" and self.impute == "constant":
            found["impute"] = "median"
        return found


_NOTHING = ColumnPreprocessing()

Place = tuple[str, ...]
"""A field, by the names that lead to it."""


def misfits(how: Preprocessing, types: Mapping[str, str], task: str) -> Iterator[tuple[Place, str]]:
    """Yield each field that does not fit features of these types, or the task, and why."""
    if (how.impute == "constant") is (how.fill_value is UNSET):
        yield ("fill_value",), "a fill_value and impute constant are given together"
    for field in _OFF:
        if getattr(how, field) and not {*types.values()}.intersection(_FOR[field]):
            yield (field,), f"{field} is for {_FOR_WORDS[field]}, and no feature has them"
    if how.encode == "target" and task not in (CLASSIFICATION, REGRESSION):
        yield ("encode",), f"there is no target to encode by in {task}"
    for name, own in (how.columns or {}).items():
        if name not in types:
            yield ("columns", name), f"{name} is no feature, so nothing can be done with it"
            continue
        for field, why in _misfits_of(name, own, types[name], task):
            yield ("columns", name, field), why


def _misfits_of(
    name: str, own: ColumnPreprocessing, kind: str, task: str
) -> Iterator[tuple[str, str]]:
    """Yield each field that does not fit a column, and why."""
    has = f"{name} has {KINDS[kind]}"
    for field, value in asdict(own).items():
        if value is not UNSET and kind not in _FOR[field]:
            label = field in ("encode", "min_frequency") and kind in ("integer", "number")
            remedy = f" (dataset describe --type {name}=text makes it text)" if label else ""
            yield field, f"{has}, and {field} is for {_FOR_WORDS[field]}{remedy}"
    if own.impute in ("mean", "median") and kind not in NUMBERS:
        yield "impute", f"{has}, which have no {own.impute}: choose most-frequent or constant"
    if own.impute == "constant" and kind == "timestamp":
        yield "impute", f"{has}, which are filled by mean, median or most-frequent"
    elif (own.impute == "constant") is (own.fill_value is UNSET):
        yield "fill_value", f"{name}: a fill_value and impute constant are given together"
    elif own.fill_value is not UNSET and not _is_of(own.fill_value, kind):
        yield "fill_value", f"{has}, and {own.fill_value!r} is none of them"
    if own.encode == "target" and task not in (CLASSIFICATION, REGRESSION):
        yield "encode", f"there is no target to encode {name} by in {task}"


def _is_of(value: bool | int | float | str, kind: str) -> bool:
    """Return whether a value can fill the gaps of a column."""
    if kind in ("integer", "number"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, bool if kind == "boolean" else str)


def in_words(how: Preprocessing, *, changed: bool = False) -> list[str]:
    """Describe a preprocessing, in a few words for each thing that is done.

    With `changed`, only what differs from the default.
    """
    usual = _words_of(Preprocessing()) if changed else {}
    said = [
        f"{name}: {words}" for name, words in _words_of(how).items() if usual.get(name) != words
    ]
    for name, own in (how.columns or {}).items():
        said.append(f"{name}: {', '.join(' '.join(pair) for pair in _words_of(own).items())}")
    return said


def _words_of(how: Preprocessing | ColumnPreprocessing) -> dict[str, str]:
    given = {name: value for name, value in asdict(how).items() if value is not UNSET}
    said: dict[str, str] = {}
    for field, name in _NAMES.items():
        match field, given.get(field):
            case _, None:
                continue
            case "impute", "constant":
                said[name] = _shown(given.get("fill_value"))
            case _, bool(value):
                said[name] = "yes" if value else "no"
            case "clip", float(share):
                said[name] = f"at {share * 100:g} % and {100 - share * 100:g} %" if share else "no"
            case "min_frequency", int(rows):
                said[name] = f"below {rows} rows" if rows else "no"
            case "min_frequency", float(share):
                said[name] = f"below {share * 100:g} %"
            case "dates", parts:
                said[name] = " ".join(parts) or "no"
            case "fill_text", text:
                said[name] = _shown(text)
            case _, word:
                said[name] = str(word)
    return said


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


_NAMES = {
    "impute": "gaps",
    "fill_text": "gaps in text",
    "indicator": "indicator",
    "clip": "clip",
    "log": "log",
    "scale": "scale",
    "encode": "categories",
    "min_frequency": "rare",
    "dates": "dates",
}
"""The names of fields for people."""
