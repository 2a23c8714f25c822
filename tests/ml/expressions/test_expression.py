"""Expressions: Python's syntax, the nulls of SQL, and the same values for one row as for many."""

from __future__ import annotations

from random import Random
from typing import Any

import pyarrow as pa
import pytest

from autolearn.ml.expressions.errors import ExpressionError
from autolearn.ml.expressions.expression import Expression
from autolearn.ml.expressions.functions import FUNCTIONS
from autolearn.ml.expressions.values import TYPES
from autolearn.schemas.expressions.functions import ARGUMENTS

COLUMNS: dict[str, list[Any]] = {
    "a": [7, -7, None, 0],
    "b": [2.0, 0.0, 1.5, None],
    "s": ["Ab ", "x", None, "12"],
    "t": [True, False, None, True],
    "when": ["2024-02-29T13:05", "2023-01-01", None, "1969-12-31"],
    "two words": [1, 2, 3, 4],
}
KINDS = ("integer", "number", "string", "boolean", "timestamp", "integer")
TABLE = pa.table(
    {
        name: pa.array(values).cast(TYPES[kind])
        for (name, values), kind in zip(COLUMNS.items(), KINDS, strict=True)
    }
)
TYPED = dict(zip(TABLE.column_names, TABLE.schema.types, strict=True))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a + 1", [8, -6, None, 1]),
        ("-a", [-7, 7, None, 0]),
        ("a / b", [3.5, None, None, None]),
        ("a // 2", [3, -4, None, 0]),
        ("a % 3", [1, 2, None, 0]),
        ("a % 0", [None] * 4),
        ("b // 2 + b % 2", [1.0, 0.0, 1.5, None]),
        ("a * 9000000000000000000", [None, None, None, 0]),
        ("2 ** a", [128.0, 2.0**-7, None, 1.0]),
        ("a > 0 and b > 1", [True, False, None, False]),
        ("a > 0 or t", [True, False, None, True]),
        ("not t", [False, True, None, False]),
        ("0 <= a < 8", [True, False, None, True]),
        ("a in [7, 0]", [True, False, None, True]),
        ("s not in ['x', '12']", [True, False, None, False]),
        ("s is None", [False, False, True, False]),
        ("s is not null", [True, True, False, True]),
        ("a if t else b", [7.0, 0.0, 1.5, 0.0]),
        ("coalesce(b, a, 5)", [2.0, 0.0, 1.5, 0.0]),
        ("max(a, b)", [7.0, 0.0, None, None]),
        ("lower(trim(s)) + '!'", ["ab!", "x!", None, "12!"]),
        ("contains(s, 'b')", [True, False, None, False]),
        ("substring(s, 0, 1)", ["A", "x", None, "1"]),
        ("replace(s, 'x', 'yy')", ["Ab ", "yy", None, "12"]),
        ("number(s)", [None, None, None, 12.0]),
        ("integer(b * 1.9)", [3, 0, 2, None]),
        ("text(a)", ["7", "-7", None, "0"]),
        ("length(s)", [3, 1, None, 2]),
        ("log(a)", [pytest.approx(1.9459101490553132), None, None, None]),
        ("sqrt(b)", [pytest.approx(2**0.5), 0.0, pytest.approx(1.5**0.5), None]),
        ("round(b / 3, 2)", [0.67, 0.0, 0.5, None]),
        ("weekday(when)", [3, 6, None, 2]),
        ("when > '2023-06-01'", [True, False, None, False]),
        ("when - '2024-02-29T13:00:00Z'", [300.0, -36680400.0, None, -1709298000.0]),
        ("`two words` * 2 + 0 * a", [2, 4, None, 8]),
        ("1 + 2", [3] * 4),
        ("null", [None] * 4),
        ("abs(-2)", [2] * 4),
    ],
)
def test_values(text: str, values: list[Any]) -> None:
    assert Expression(text, TYPED).evaluate(TABLE).to_pylist() == values


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a + bb", 5, "there is no column 'bb'; perhaps b is meant"),
        ("`two words` + `three`", 15, "there is no column 'three'"),
        ("a + s", 5, "text stands where a whole number is wanted"),
        ("t + t", 1, "true or false cannot be used with +"),
        ("a and t", 1, "a whole number stands where true or false is wanted"),
        ("when > 'soon'", 8, "that is no time"),
        ("s > ", 5, "invalid syntax"),
        ("lenght(s)", 1, "there is no function 'lenght'; perhaps length is meant"),
        ("round(b, a)", 10, "a value is written here"),
        ("length(s, s)", 1, "length takes 1 argument, and has 2"),
        ("__import__('os')", 1, "there is no function '__import__'"),
        ("s.upper()", 1, "'s.upper()' is not part of the language"),
        ("[x for x in a]", 1, "'[x for x in a]' is not part of the language"),
        ("a in b", 6, "a list in square brackets comes after in"),
        ("t < t", 1, "true and false have no order"),
        ("1e999", 1, "that is neither text, a number"),
        ("9223372036854775808", 1, "beyond 64 bits"),
        ("é1 == 'é' and a + bb > 1", 1, "there is no column 'é1'"),
        ("s == 'é' and a + bb > 1", 18, "there is no column 'bb'"),
        ("not " * 50 + "t", None, "nested deeper than 40 levels"),
        ("(" * 300 + "a" + ")" * 300, None, "nested deeper than 40 levels"),
        ("(" * 3000 + "a" + ")" * 3000, 2000, "more than 2,000 characters"),
        ("-" * 1999 + "a", 1, "more than 1,000 parts"),
        ("a + " * 400 + "a", 1, "more than 1,000 parts"),
        ("'a' * 1000000000", 7, "a whole number stands where text is wanted"),
        ("`two words`.x + 1", 1, "'`two words`.x' is not part of the language"),
        ("a in [1] == t", 1, "a list ends a comparison: put it in brackets"),
        ("  ", 1, "it is empty"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, place: int | None, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text, TYPED)
    assert words in caught.value.detail
    assert len(caught.value.detail) < 400
    if place is not None:
        assert f"at character {place}:" in caught.value.detail


def test_the_syntax_knows_the_functions() -> None:
    assert {*ARGUMENTS} == {*FUNCTIONS}
    for name, function in FUNCTIONS.items():
        assert ARGUMENTS[name][1] in (len(function.takes), None), name


def test_one_row_has_the_value_that_it_has_among_many_to_the_bit() -> None:
    draw = Random(5)
    rows = 1_003
    some = [[None, draw.gauss(0, 1), draw.uniform(-1e9, 1e9), 0.0] for _ in range(rows)]
    numbers = [draw.choice(one) for one in some]
    times = [draw.randint(-(2**50), 2**50) for _ in range(rows)]
    table = pa.table(
        {
            "a": pa.array([draw.choice([None, one * 4096]) for one in times]),
            "b": pa.array(numbers, pa.float64()),
            "when": pa.array(times, TYPES["timestamp"]),
            "s": pa.array([draw.choice(["", "É", " 1e3", "nan", "x" * 40]) for _ in range(rows)]),
        }
    )  # fmt: skip
    typed = dict(zip(table.column_names, table.schema.types, strict=True))
    argument = {
        "number": "b",
        "integer": "a",
        "string": "s",
        "timestamp": "when",
        "boolean": "a > 0",
    }
    texts = ["a * b - b ** 3", "a // 7 + a % 7", "b // 0.3 + b % 0.3", "b / a", "a * a", "-a", "-b"]
    for name, function in FUNCTIONS.items():
        first = len(function.takes) - function.constant
        given = [argument[kinds[-1]] for kinds in function.takes[:first]]
        fixed = ["2" if "integer" in kinds else "'1'" for kinds in function.takes[first:]]
        texts.append(f"{name}({', '.join(given + fixed)})")
    for text in texts:
        expression = Expression(text, typed)
        whole = expression.evaluate(table)
        for place in (*range(0, rows, 97), rows - 1):
            alone = expression.evaluate(table.slice(place, 1).combine_chunks())
            same = alone.combine_chunks(), whole.slice(place, 1).combine_chunks()
            assert same[0].equals(same[1]), (text, place, same)
            if pa.types.is_floating(alone.type) and alone[0].is_valid:
                assert alone[0].as_py().hex() == whole[place].as_py().hex()
