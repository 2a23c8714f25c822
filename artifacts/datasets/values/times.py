"""The notations of times: ISO 8601, and national forms in the order that fits all values.

A national form is a pattern of strptime (POSIX); a day that the month does not have fits none.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
from pyarrow import compute

pc: Any = compute
Values = Any

ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)
_ZONED = r"(Z|[0-9]{2}:[0-9]{2}.*[+-][0-9]{2}(:?[0-9]{2})?)$"
_SHAPE = re.compile(
    r"^(?P<date>(?P<first>\d{1,4}|[A-Za-z]{3,9}\.?)(?P<mark>[/.\-]|\.? )"
    r"(?P<second>\d{1,2}|[A-Za-z]{3,9}\.?)(?P<mark2>[/.\-]|,? |\.? )(?P<third>\d{4}|\d{2}))"
    r"(?P<gap>,? |T)?(?P<time>\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<half> ?[AaPp][Mm])?)?$"
)
NATIONAL = r"^([0-9]{1,4}|[A-Za-z]{3,9}\.?)[/. -]+([0-9]{1,2}|[A-Za-z]{3,9}\.?)[/., -]+[0-9]{2,4}\b"
"""The form of a date in any order."""
_LONGEST = 40


def patterns_of(text: str) -> list[str]:
    """Return the possible patterns of a text: more than one where the order is ambiguous."""
    shape = _SHAPE.match(text) if len(text) <= _LONGEST else None
    if shape is None or (shape["gap"] is None) != (shape["time"] is None):
        return []
    first, second, third = shape["first"], shape["second"], shape["third"]
    year = "%Y" if len(third) == 4 else "%y"
    if first.isdigit() and len(first) == 4:
        orders = [("%Y", "%m", "%d")] if second.isdigit() else []
    elif first.isdigit() and second.isdigit():
        orders = [("%d", "%m", year), ("%m", "%d", year)]
    elif first.isdigit():
        orders = [("%d", "%b", year)]
    elif second.isdigit():
        orders = [("%b", "%d", year)]
    else:
        orders = []
    rest = ""
    if shape["time"] is not None:
        seconds = ":%S" if shape["seconds"] else ""
        half = shape["half"]
        hour = "%I" if half else "%H"
        blank = " " if half and half[0] == " " else ""
        rest = f"{shape['gap']}{hour}:%M{seconds}{blank}{'%p' if half else ''}"
    marks = shape["mark"], shape["mark2"]
    return [f"{a}{marks[0]}{b}{marks[1]}{c}{rest}" for a, b, c in orders]


def _parsed(values: Values, pattern: str) -> Values:
    """Return texts as timestamps (us, no zone); null where they do not fit a pattern."""
    moments = pc.strptime(values, format=pattern, unit="us", error_is_null=True)
    ahead = re.escape(pattern.partition("%d")[0])
    for word, expression in (("%Y", "[0-9]{4}"), ("%y", "[0-9]{2}"), ("%m", "[0-9]{1,2}")):
        ahead = ahead.replace(word, expression)
    ahead = ahead.replace("%b", "[A-Za-z]+")
    day = pc.extract_regex(values, f"^{ahead}(?P<day>[0-9]{{1,2}})")
    same = pc.equal(pc.day(moments), pc.cast(pc.struct_field(day, "day"), pa.int64()))
    year = pc.year(moments)
    sane = pc.and_(same, pc.and_(pc.greater_equal(year, 1000), pc.less_equal(year, 9999)))
    return pc.if_else(pc.fill_null(sane, False), moments, pa.scalar(None, moments.type))


def fits_time(values: Values, pattern: str) -> Values:
    """Return for each text whether it is a time in a pattern."""
    return pc.is_valid(_parsed(values, pattern))


def times_in(values: Values, pattern: str) -> Values:
    """Return texts as timestamps (us); "" is the pattern of ISO 8601, which may have a zone."""
    return _parsed(values, pattern) if pattern else _iso_times(values)


def fits_iso(values: Values) -> Values:
    """Return for each text whether it is a time of ISO 8601 (RFC 3339, or a date alone)."""
    alike = pc.match_substring_regex(values, ISO)
    try:
        _iso_times(values.filter(alike))
    except pa.ArrowInvalid:
        return pa.array(
            [bool(one.as_py()) and _is_time(text) for one, text in zip(alike, values, strict=True)]
        )
    return alike


def _is_time(value: Any) -> bool:
    try:
        _iso_times(pa.array([value.as_py()], pa.string()))
    except pa.ArrowInvalid:
        return False
    return True


def has_zone(values: Values) -> Values:
    """Return for each time of ISO 8601 whether it has a zone."""
    return pc.match_substring_regex(values, _ZONED)


def _iso_times(values: Values) -> Values:
    """Return times of ISO 8601 as timestamps (us); those with a zone in UTC."""
    zoned = bool(pc.any(has_zone(values)).as_py())
    values = pc.replace_substring_regex(values, r"(\.[0-9]{6})[0-9]+", r"\1")
    return pc.cast(values, pa.timestamp("us", "UTC" if zoned else None))
