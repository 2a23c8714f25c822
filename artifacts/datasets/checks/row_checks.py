"""Finds oddities of rows, and of columns beside each other, in the first rows of a file."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import compute

from autolearn.schemas.bounds import cut
from autolearn.schemas.datasets.findings import MOST_EXAMPLES, DataFinding, Example

pc: Any = compute
Values = Any

SAMPLE_ROWS, SAMPLE_BYTES = 100_000, 32 << 20
"""The rows and bytes of a file's sample."""
_FEW_ROWS = 10
"""Rows below which ids and constants are not looked for."""
_MOSTLY = 0.5
_NEARLY = 0.999
"""Share of rows from which a column nearly determines the target."""
_LINEAR = 0.99999
"""Correlation from which a number is another form of the target."""
_MOST_VALUES = 100
"""Distinct values of a column up to which it is compared with classes."""
_MANY_CATEGORIES = 50
_ALONE = 0.05
"""Share of unique values up to which one more is unlikely."""
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u2013", "''\"\"-")
_MOST_MARKS = 200
"""Separators that are counted in a possible row (RE2 repeats nothing more than 1,000 times)."""
_MARKS = {"\t": "a tab", ";": ";", r"\|": "|", ",": ",", r"\^": "^", "~": "~", "\x01": "\\x01",
         " +": "a blank", ":": ":"}  # fmt: skip
"""Possible separators of columns, as regular expressions, and their names."""
_RARE = 3
LEAST_ADDED, ROUNDED = 3, 1e-6
"""Numbers from which the one below them may be their sum, and its relative tolerance."""
_TOTAL = re.compile(
    r"^(grand |sub)?-?"
    r"(totals?|sum|summe|gesamt|insgesamt|gesamtsumme|totale|totaal|somme|suma)\s*:?$",
    re.IGNORECASE,
)


class Sample:
    """The first rows of a file, as text or typed, and the last row of all."""

    def __init__(self) -> None:
        self.batches: list[list[Values]] = []
        self.rows = self.bytes = 0
        self.last: list[Any] = []

    def add(self, batch: list[Values]) -> None:
        """Add rows, while there is room."""
        if not len(batch[0]):
            return
        self.last = [column[-1].as_py() for column in batch]
        if self.rows < SAMPLE_ROWS and self.bytes < SAMPLE_BYTES:
            batch = [column[: SAMPLE_ROWS - self.rows] for column in batch]
            self.batches.append(batch)
            self.rows += len(batch[0])
            self.bytes += sum(column.nbytes for column in batch)

    def column(self, place: int) -> Values:
        """Return a column."""
        return pa.chunked_array([batch[place] for batch in self.batches])


def is_whole(sample: Sample, place: int, rows: int) -> bool:
    """Return whether the last value of a column of text was hardly cut off.

    It repeats other rows' values, or differs from them in digits only, none of them is longer, and
    few are unique: then a cut value would be new (Good 1953: an unseen value is as likely as those
    seen once are many).
    """
    last = sample.last[place]
    if last is None:
        return False
    others = pc.drop_null(sample.column(place).combine_chunks())
    if sample.rows == rows:
        others = others[:-1]
    value = pa.array([last], pa.string())
    shape, shapes = (pc.replace_substring_regex(one, r"[0-9]", "9") for one in (value, others))
    return _is_known(value, others) or _is_known(shape, shapes)


def _is_known(value: Values, others: Values) -> bool:
    """Return whether a text repeats one of others, none of them longer, and few of them unique."""
    counts, last = pc.value_counts(others), value[0].as_py()
    texts, times = counts.field("values"), counts.field("counts")
    longer = pc.and_(pc.starts_with(texts, last), pc.not_equal(texts, last))
    if (
        pc.any(longer, min_count=0).as_py()
        or not pc.any(pc.equal(texts, last), min_count=0).as_py()
    ):
        return False
    return bool(pc.sum(pc.equal(times, 1), min_count=0).as_py() <= _ALONE * len(others))


def about_rows(
    sample: Sample, used: list[int], numbers: Sequence[Values] = ()
) -> Iterator[DataFinding]:
    """Yield findings about whole rows; `numbers` are the numeric columns of a whole file."""
    first = next((value for value in sample.last if value is not None), None)
    if isinstance(first, str) and _TOTAL.match(first.strip()):
        yield DataFinding("total-row", count=1, examples=(Example(cut(first)),))
    elif _are_sums(numbers):
        yield DataFinding("total-row", count=1)
    elif _is_note(sample, used):
        yield DataFinding("note-row", count=1, examples=(Example(cut(str(first))),))
    if sample.rows < 2 or not used:
        return
    names = [str(place) for place in used]
    table = pa.table({name: sample.column(place) for name, place in zip(names, used, strict=True)})
    table = table.append_column("row", pa.array(range(sample.rows), pa.int64()))
    groups = table.group_by(names).aggregate([("row", "min"), ("row", "count")])
    again = sample.rows - len(groups)
    if again:
        several = groups.filter(pc.greater(groups["row_count"], 1))
        firsts = pc.min(several["row_min"]).as_py()
        examples = (Example("the first of them", firsts),)
        yield DataFinding("same-rows", count=again, of=sample.rows, examples=examples)


def _are_sums(columns: Sequence[Values]) -> bool:
    """Return whether the last numbers are the sums of those above, and larger than each of them."""
    found = False
    for values in columns:
        last = values[-1].as_py()
        if last is None:
            continue
        others = values[:-1]
        present = len(others) - others.null_count
        if present < LEAST_ADDED or not math.isclose(last, pc.sum(others).as_py(), rel_tol=ROUNDED):
            return False
        if abs(last) <= pc.max(pc.abs(others)).as_py():
            return False
        found = True
    return found


def _is_note(sample: Sample, used: list[int]) -> bool:
    """Return whether the last row, and no other, has a value in its first column only."""
    if len(used) < 2 or sample.last[used[0]] is None:
        return False
    if any(sample.last[place] is not None for place in used[1:]):
        return False
    alone = pc.is_valid(sample.column(used[0]))
    for place in used[1:]:
        alone = pc.and_(alone, pc.is_null(sample.column(place)))
    return (pc.sum(alone).as_py() or 0) < 2


def header_again(sample: Sample, names: Sequence[str]) -> Iterator[DataFinding]:
    """Yield the finding of rows that are the header, as in files that were put together."""
    again = pc.equal(sample.column(0), names[0])
    for place, name in enumerate(names[1:], start=1):
        if not pc.any(again).as_py():
            return
        again = pc.and_(again, pc.equal(sample.column(place), name))
    count = pc.sum(again).as_py()
    if count and len(names) > 1:
        shown = (Example("the first of them", pc.index(again, True).as_py()),)
        yield DataFinding("header-again", count=count, of=sample.rows, examples=shown)


def separated(name: str, kind: str, values: Values, *, alone: bool) -> Iterator[DataFinding]:
    """Yield the finding of text that has a separator in every value, as often in each.

    In a column that is not `alone` only separators count that are rare in text; in a column of
    another type only those in its name, too.
    """
    if len(values) < 2:
        return
    for mark, called in _MARKS.items() if alone else list(_MARKS.items())[:_RARE]:
        found = pc.min_max(pc.count_substring_regex(values, mark))
        least, most = found["min"].as_py(), found["max"].as_py()
        if kind != "string" and len(re.findall(mark, name)) != least:
            continue
        if least and least == most:
            yield DataFinding("perhaps-columns", name, least, len(values), called)
            return


def about_values(
    name: str, kind: str, values: Values, *, distinct: int | None, missing: int, rows: int
) -> Iterator[DataFinding]:
    """Yield findings about the values of a column: a sample of them, and counts of all."""
    if missing > _MOSTLY * rows:
        yield DataFinding("mostly-missing", name, missing, rows)
    present = rows - missing
    if distinct == 1 and present == rows and rows > 1:
        yield DataFinding("constant", name, rows, rows)
        return
    looked = len(values) - values.null_count
    if looked < _FEW_ROWS or looked < len(values):
        return
    if kind == "string":
        different = pc.count_distinct(values).as_py()
        if different == looked:
            yield DataFinding("all-different", name, looked, rows)
        elif different > _MANY_CATEGORIES and different * 2 > looked:
            yield DataFinding("many-categories", name, different, looked)


def tells_target(name: str, values: Values, target: str, answers: Values) -> DataFinding | None:
    """Return the finding of a column that nearly determines the target, None if it does not.

    For numbers the correlation (Pearson) counts; for few distinct values how often each has only
    one answer.
    """
    import numpy as np

    both = pc.and_(pc.is_valid(values), pc.is_valid(answers))
    values, answers = values.filter(both), answers.filter(both)
    rows = len(values)
    if rows < _FEW_ROWS:
        return None
    if pa.types.is_floating(values.type) and pa.types.is_floating(answers.type):
        x, y = values.to_numpy(), answers.to_numpy()
        with np.errstate(all="ignore"):
            near = abs(np.corrcoef(x, y)[0, 1]) if x.std() and y.std() else 0.0
        if near > _LINEAR:
            return DataFinding("nearly-target", name, rows, rows, target)
    if pa.types.is_floating(answers.type) and not _is_few(answers):
        return None
    text = pc.cast(values, pa.string())
    if not _is_few(text):
        return None
    table = pa.table({"value": text, "answer": answers})
    groups = table.group_by(["value", "answer"]).aggregate([([], "count_all")])
    best = groups.group_by("value").aggregate([("count_all", "max")])
    told = pc.sum(best["count_all_max"]).as_py()
    if told < _NEARLY * rows or pc.count_distinct(answers).as_py() < 2:
        return None
    return DataFinding("nearly-target", name, told, rows, target)


def _is_few(values: Values) -> bool:
    return bool(1 < pc.count_distinct(values).as_py() <= min(_MOST_VALUES, len(values) // 5))


def _looks(value: str) -> str:
    if not value.isascii():
        plain = unicodedata.normalize("NFKC", value).translate(_QUOTES)
        value = "".join(one for one in plain if unicodedata.category(one) != "Cf")
    return " ".join(value.split()).casefold()


def spelling(name: str, counts: Mapping[str, int]) -> DataFinding | None:
    """Return the finding of values that look alike, None if there are none."""
    alike: dict[str, list[str]] = {}
    for value in counts:
        alike.setdefault(_looks(value), []).append(value)
    several = [values for values in alike.values() if len(values) > 1]
    if not several:
        return None
    shown = tuple(
        Example(" / ".join(f"{cut(value)} ({counts[value]:,})" for value in values[:4]))
        for values in several[:MOST_EXAMPLES]
    )
    return DataFinding("spelling", name, sum(map(len, several)), len(counts), "", shown)


def with_quote(values: Values) -> Values:
    """Return the values with a quote that is not closed, or is after a backslash."""
    some = values.filter(pc.fill_null(pc.match_substring(values, '"'), False))
    return some.filter(pc.match_substring_regex(some, r'^[^"]*"[^"]*("[^"]*"[^"]*)*$|\\"'))


def swallowed(values: Values, separator: str, columns: int, place: int) -> Values | None:
    """Return the values that look like whole rows, None if there are none.

    They have a whole row after a line break, or before it the rest of the row in which they begin.
    """
    several = _with_lines(values) if columns > 1 else values[:0]
    if not len(several):
        return None
    mark, more = re.escape(separator), min(columns - 1, _MOST_MARKS)
    row = rf"[\r\n]([^\r\n{mark}]*{mark}){{{more},}}[^\r\n]*"
    after = min(columns - 1 - place, _MOST_MARKS)
    rest = rf"^[^\r\n{mark}]*({mark}([^\s{mark}][^\r\n{mark}]*)?){{{after}}}[\r\n]"
    if after:
        row = f"{row}|{rest}"
    found = several.filter(pc.match_substring_regex(several, row))
    return found if len(found) else None


def are_rows(values: Values, separator: str, columns: int) -> bool:
    """Return whether one of these values surely has rows: two lines or more, each of them a row."""
    mark = re.escape(separator)
    if columns - 1 > _MOST_MARKS:
        line = rf"([^\r\n{mark}]*{mark}){{{_MOST_MARKS},}}[^\r\n]*"
    else:
        line = rf"([^\r\n{mark}]*{mark}){{{columns - 1}}}[^\r\n{mark}]*"
    rows = rf"^[^\r\n]*((\r\n|\r|\n){line}){{2,}}(\r\n|\r|\n)[^\r\n]*$"
    return bool(pc.any(pc.match_substring_regex(values, rows)).as_py())


def _with_lines(values: Values) -> Values:
    return values.filter(pc.fill_null(pc.match_substring_regex(values, r"[\r\n]"), False))
