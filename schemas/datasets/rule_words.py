"""Rules in words, as people write them in files, options and programs, and read them.

    COLUMN is number | integer | text | boolean | timestamp
    COLUMN exists
    COLUMN between A and B         also COLUMN >= A, COLUMN <= B; times as 2026-01-31
    COLUMN in A, B, C
    COLUMN complete                also COLUMN complete >= 95 %
    COLUMN[, COLUMN…] unique
    rows between A and B           also rows >= A, rows <= B
    COLUMN [+ COLUMN…] <= COLUMN [+ COLUMN…]     also with <, ==, !=, >=, > and a number
    COLUMN within 2d               the newest time; also 12h, 30min

A name in quotes ("rows", "a, b") has any characters; other names need none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from autolearn.schemas.bounds import RULE_VALUES, cut
from autolearn.schemas.datasets.rules import DataRule, Operator, Severity

TYPES = {
    "number": "number",
    "integer": "integer",
    "text": "string",
    "boolean": "boolean",
    "timestamp": "timestamp",
}
"""The types of columns by their words."""
_WORDS = {kind: word for word, kind in TYPES.items()}
_UNITS = {"d": 86_400, "h": 3600, "min": 60}
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_HELD = re.compile("\x00(\\d+)\x00")
_BETWEEN = re.compile(r"(.+?)\s+between\s+(\S+)\s+and\s+(\S+)")
_IS = re.compile(r"(.+?)\s+is\s+(?:an?\s+)?(\w+)")
_EXISTS = re.compile(r"(.+?)\s+exists")
_IN = re.compile(r"(.+?)\s+in\s+(.+)")
_COMPLETE = re.compile(r"(.+?)\s+complete(?:\s*>=\s*([\d.]+)\s*%)?")
_UNIQUE = re.compile(r"(.+?)\s+unique")
_WITHIN = re.compile(r"(.+?)\s+within\s+(\d+)\s*(d|h|min)")
_RELATION = re.compile(r"(.+?)\s*(<=|>=|==|!=|<|>)\s*(.+)")
_MANY_BLANKS = re.compile(r"\s{50}")
_LONGEST = 20_000
_FORMS = (
    "write it like: age between 0 and 120; plan in basic, pro; income complete >= 95 %; "
    "id unique; start <= end; rows >= 1000; time within 2d; age is number"
)


class RuleFault(ValueError):
    """Words are no rule; the message says why."""


class NotedRules(Struct, frozen=True):
    """Rules in words by their severity."""

    hard: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()


def noted(rules: Iterable[DataRule]) -> NotedRules:
    """Return rules in words."""
    said: dict[str, list[str]] = {"hard": [], "soft": []}
    for rule in rules:
        said[rule.severity].append(say_rule(rule))
    return NotedRules((*said["hard"],), (*said["soft"],))


def read_rule(words: str, severity: Severity = "hard") -> DataRule:
    """Return the rule that a sentence says.

    Raises:
        RuleFault: it says none.
    """
    if len(words) > _LONGEST or not words.strip():
        raise RuleFault(f"a rule has 1 to {_LONGEST:,} characters; this one has {len(words):,}")
    if "\x00" in words:
        raise RuleFault("a rule has no zero bytes")
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[1].replace('""', '"'))
        return f"\x00{len(held) - 1}\x00"

    text = _QUOTED.sub(hold, words.strip())
    if _MANY_BLANKS.search(text):  # to look for words around them takes their square
        raise RuleFault("a rule has no 50 blanks in a row: quote a name that has")
    rule = _read(text, held)
    if rule is None:
        raise RuleFault(f"{cut(words)!r} is no rule: {_FORMS}")
    return replace(rule, severity=severity)


def _read(text: str, held: Sequence[str]) -> DataRule | None:
    def name(part: str) -> str:
        part = part.strip()
        if not part:
            raise RuleFault("a name of a column is missing: quote one that has signs or commas")
        return _HELD.sub(lambda found: held[int(found[1])], part)

    def names(part: str, sign: str) -> tuple[str, ...]:
        return (*(name(one) for one in part.split(sign)),)

    if found := _BETWEEN.fullmatch(text):
        low, high = _limit(found[2]), _limit(found[3])
        if low[0] > high[0]:
            raise RuleFault(f"{found[2]} is more than {found[3]}: give the smaller one first")
        return _bounded(found[1], name(found[1]), low, high)
    if found := _WITHIN.fullmatch(text):
        age = float(int(found[2]) * _UNITS[found[3]])
        return DataRule(kind="fresh", columns=(name(found[1]),), maximum=age)
    if found := _COMPLETE.fullmatch(text):
        columns, percent = (name(found[1]),), found[2]
        if percent is None:
            return DataRule(kind="filled", columns=columns)
        share = _number(percent)
        if not 0 < share <= 100:
            raise RuleFault(f"a share is more than 0 and at most 100 %; got {percent} %")
        return DataRule(kind="complete", columns=columns, minimum=round(share / 100, 12))
    if found := _RELATION.fullmatch(text):
        return _related(found[1], found[2], found[3], names)
    if found := _UNIQUE.fullmatch(text):
        return DataRule(kind="unique", columns=names(found[1], ","))
    if found := _EXISTS.fullmatch(text):
        return DataRule(kind="present", columns=(name(found[1]),))
    if (found := _IS.fullmatch(text)) and not _IN.fullmatch(text):
        if found[2] not in TYPES:
            raise RuleFault(f"{found[2]!r} is no type: choose from {', '.join(TYPES)}")
        return DataRule(kind="type", columns=(name(found[1]),), type=TYPES[found[2]])
    if found := _IN.fullmatch(text):
        values = names(found[2], ",")
        if len(values) > RULE_VALUES:
            raise RuleFault(f"it has {len(values):,} values, and at most {RULE_VALUES:,} are taken")
        return DataRule(kind="known", columns=(name(found[1]),), values=(*dict.fromkeys(values),))
    return None


_Limit = tuple[float, str]
"""A number, or the seconds of a time since 1970 and its type."""


def _bounded(written: str, column: str, low: _Limit | None, high: _Limit | None) -> DataRule:
    """Return the rule of a range, or of the number of rows."""
    minimum, maximum = low and low[0], high and high[0]
    kinds = {limit[1] for limit in (low, high) if limit}
    if len(kinds) > 1:
        raise RuleFault("one limit is a number and the other one a time")
    kind = kinds.pop() if kinds else ""
    if written.strip() == "rows":
        if kind or any(one is not None and (one < 0 or one % 1) for one in (minimum, maximum)):
            raise RuleFault("rows are counted: give whole numbers from 0")
        return DataRule(kind="rows", minimum=minimum, maximum=maximum)
    return DataRule(kind="range", columns=(column,), type=kind, minimum=minimum, maximum=maximum)


def _related(
    left: str, sign: str, right: str, names: Callable[[str, str], tuple[str, ...]]
) -> DataRule:
    try:
        limit: _Limit | None = _limit(right)
    except RuleFault:
        limit = None
    columns = names(left, " + ")
    if limit is None:
        if left.strip() == "rows":
            raise RuleFault(f"rows are counted: {cut(right)!r} is no number")
        others = names(right, " + ")
        return DataRule(
            kind="relation", columns=columns, operator=cast("Operator", sign), others=others
        )
    if len(columns) == 1 and sign in ("<=", ">="):
        low, high = (limit, None) if sign == ">=" else (None, limit)
        return _bounded(left, columns[0], low, high)
    if left.strip() == "rows":
        raise RuleFault("write rows >= A, rows <= B or rows between A and B")
    if limit[1]:
        raise RuleFault("a time is compared by between, >= or <=")
    return DataRule(
        kind="relation", columns=columns, operator=cast("Operator", sign), bound=limit[0]
    )


def _limit(word: str) -> _Limit:
    """Return a number, or a time in seconds since 1970; without a zone it is one of UTC."""
    word = word.strip()
    try:
        return _number(word), ""
    except RuleFault:
        try:
            time = datetime.fromisoformat(word)
        except ValueError:
            raise RuleFault(f"{cut(word)!r} is neither a number nor a time") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), "timestamp"


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise RuleFault(f"{cut(word)!r} is no number") from None
    if not math.isfinite(number) or "_" in word:
        raise RuleFault(f"{word} is no finite number")
    return number


def is_number(word: str) -> bool:
    """Return whether a word is a finite number."""
    try:
        _number(word)
    except RuleFault:
        return False
    return True


def say_rule(rule: DataRule) -> str:
    """Return a rule in words, which `read_rule` reads as the same rule."""
    plain = _say(rule, {})
    try:
        if read_rule(plain, rule.severity) == rule:
            return plain
    except RuleFault:
        pass
    return _say(rule, {one: _quoted(one) for one in (*rule.names, *rule.values)})


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _say(rule: DataRule, quoted: Mapping[str, str]) -> str:
    def listed(names: Iterable[str], sign: str) -> str:
        return sign.join(quoted.get(one, one) for one in names)

    column = listed(rule.columns[:1], "")
    match rule.kind:
        case "present":
            return f"{column} exists"
        case "type":
            return f"{column} is {_WORDS.get(rule.type, rule.type)}"
        case "known":
            return f"{column} in {listed(rule.values, ', ')}"
        case "filled":
            return f"{column} complete"
        case "complete":
            return f"{column} complete >= {figure(round(100 * (rule.minimum or 0), 10))} %"
        case "unique":
            return f"{listed(rule.columns, ', ')} unique"
        case "fresh":
            return f"{column} within {age_words(rule.maximum or 0)}"
        case "relation":
            right = listed(rule.others, " + ") if rule.bound is None else figure(rule.bound)
            return f"{listed(rule.columns, ' + ')} {rule.operator} {right}"
    what = "rows" if rule.kind == "rows" else column
    low, high = (
        None if one is None else time_words(one) if rule.type == "timestamp" else figure(one)
        for one in (rule.minimum, rule.maximum)
    )
    if low is not None and high is not None:
        return f"{what} between {low} and {high}"
    return f"{what} >= {low}" if low is not None else f"{what} <= {high}"


def figure(number: float) -> str:
    """Return the shortest form of a number that is read as the same."""
    return repr(float(number)).removesuffix(".0")


def time_words(seconds: float) -> str:
    """Return a time, given in seconds since 1970, in UTC; a day alone without its hours."""
    said = datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
    return said.removesuffix("T00:00:00")


def age_words(seconds: float) -> str:
    """Return a span in the largest unit that it is a whole number of: 2d, 90min."""
    whole = round(seconds)
    unit = next((one for one, size in _UNITS.items() if not whole % size), "min")
    return f"{whole // _UNITS[unit]}{unit}"
