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
Encode = Literal["one-hot", "ordinal", "target", "tf-idf"]
Balance = Literal["weights", "oversample", "undersample"]
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
    "max_features": ("string",),
    "dates": ("timestamp",),
}
"""The types of columns that each field is for."""
_FOR_WORDS = {
    "clip": "numbers",
    "log": "numbers",
    "scale": "numbers and times",
    "encode": "text and booleans",
    "min_frequency": "text and booleans",
    "max_features": "text",
    "dates": "times",
    "fill_value": "numbers, text and booleans",
}
_OFF = ("indicator", "clip", "log", "min_frequency", "max_features", "dates")
"""The fields whose empty value means that nothing is done."""


class ColumnPreprocessing(Struct, frozen=True, kw_only=True):
    """The preprocessing of one column, as far as it differs from that of all columns.

    `impute` fills missing values: mean, median, most-frequent, or constant with `fill_value`. With
    `indicator` a further feature says where values were missing. `clip` limits numbers to quantiles
    of the training rows: 0.01 to those of 1 % and 99 %. `log` takes sign(x) log(1 + |x|). `scale`
    is standard, min-max, robust or none. `encode` is one-hot, ordinal, target (the mean of the
    target, cross-fitted) or tf-idf (the weights of words, of at most `max_features`, 1,000 without
    it). Categories in fewer rows than `min_frequency` (a number, or a fraction below 1) are joined,
    and such words left out. `dates` are the parts of a time that replace it.
    """

    impute: Impute | UnsetType = UNSET
    fill_value: bool | int | float | str | UnsetType = UNSET
    indicator: bool | UnsetType = UNSET
    clip: float | UnsetType = UNSET
    log: bool | UnsetType = UNSET
    scale: Scale | UnsetType = UNSET
    encode: Encode | UnsetType = UNSET
    min_frequency: int | float | UnsetType = UNSET
    max_features: int | UnsetType = UNSET
    dates: tuple[DatePart, ...] | UnsetType = UNSET


class Preprocessing(Struct, frozen=True):
    """Preprocessing of the features before the estimator, fitted on training rows only.

    `impute` fills missing numbers: mean, median, most-frequent, or constant with `fill_value`;
    missing categories become `fill_text`, or the most frequent one. `scale` is standard, min-max,
    robust or none. `encode` is one-hot, ordinal, target or tf-idf. The other fields are those of
    ColumnPreprocessing. They hold for the columns of the types that they are for, unless `columns`
    says otherwise of one.

    Of the features that come out of this, the best are kept: as many as `select` says, or that
    fraction of them. Of the training rows, those that repeat another one are left out with
    `drop_duplicates`; then `balance` gives classes equal weight: by weights of rows, by repeating
    rows of the rarer ones (oversample), or by leaving out rows of the others (undersample).
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
    max_features: int | UnsetType = UNSET
    dates: tuple[DatePart, ...] | UnsetType = UNSET
    columns: dict[str, ColumnPreprocessing] | UnsetType = UNSET
    select: int | float | UnsetType = UNSET
    drop_duplicates: bool | UnsetType = UNSET
    balance: Balance | UnsetType = UNSET

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
        idle = {"fill_value"} if found["impute"] != "constant" else set()
        match found.get("encode"):
            case "tf-idf":
                idle |= {"impute", "fill_value"}  # a missing text is an empty one
            case "target":
                idle |= {"min_frequency", "max_features"}
            case _:
                idle |= {"max_features"}
        return ColumnPreprocessing(**{name: found[name] for name in found.keys() - idle})

    def _usual(self, kind: str) -> dict[str, Any]:
        """Return the fields that hold for all columns of a type."""
        found = {name: value for name, value in asdict(self).items() if name in _FOR}
        if kind not in NUMBERS:
            constant = self.fill_text is not UNSET
            found |= {"impute": "constant" if constant else "most-frequent"}
            found["fill_value"] = self.fill_text
            if kind == "boolean" and self.encode == "tf-idf":
                found["encode"] = "one-hot"
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
    learned = task in (CLASSIFICATION, REGRESSION)
    if how.encode == "target" and not learned:
        yield ("encode",), f"there is no target to encode by in {task}"
    if how.encode == "tf-idf" and "string" not in types.values():
        yield ("encode",), "tf-idf is for text, and no feature is"
    if how.select and not learned and how.scale == "standard":
        why = "the standard scale makes the variances alike, by which they are chosen"
        yield ("select",), f"in {task} {why}: choose another scale"
    if how.max_features and how.encode != "tf-idf":
        yield ("max_features",), "max_features is for tf-idf"
    if how.balance and task != CLASSIFICATION:
        yield ("balance",), f"there are no classes to balance in {task}"
    for name, own in (how.columns or {}).items():
        if name not in types:
            yield ("columns", name), f"{name} is no feature, so nothing can be done with it"
            continue
        for field, why in _misfits_of(name, own, types[name], task, how.encode):
            yield ("columns", name, field), why


def _misfits_of(
    name: str, own: ColumnPreprocessing, kind: str, task: str, usual: str
) -> Iterator[tuple[str, str]]:
    """Yield each field that does not fit a column, and why. `usual` is the encoding of all."""
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
    if own.max_features and kind == "string" and "tf-idf" not in (own.encode, usual):
        yield "max_features", f"max_features is for tf-idf, and {name} is encoded otherwise"
    if own.encode == "tf-idf" and kind == "boolean":
        yield "encode", f"{has}, and tf-idf is for text"
    if own.encode == "tf-idf" and own.impute is not UNSET:
        yield "impute", f"a missing text is an empty one for tf-idf: leave out how {name} is filled"


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
            case "drop_duplicates", dropped:
                said[name] = "dropped" if dropped else "kept"
            case "balance", method:
                said[name] = f"balanced by {_BALANCED[method]}"
            case "select", int(count):
                said[name] = f"the best {count}"
            case "select", float(share):
                said[name] = f"the best {share * 100:g} %"
            case "max_features", count:
                said[name] = f"at most {count:,}"
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


_BALANCED: dict[str, str] = {
    "weights": "weights",
    "oversample": "repeated rows",
    "undersample": "fewer rows",
}
_NAMES = {
    "impute": "gaps",
    "fill_text": "gaps in text",
    "indicator": "indicator",
    "clip": "clip",
    "log": "log",
    "scale": "scale",
    "encode": "categories",
    "min_frequency": "rare",
    "max_features": "words",
    "dates": "dates",
    "select": "features",
    "drop_duplicates": "duplicates",
    "balance": "classes",
}
"""The names of fields for people."""
