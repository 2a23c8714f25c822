"""The checker of tables by rules, and the words of rules."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from autolearn.artifacts.datasets.checks.rule_checks import TableChecker, kinds_of
from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.datasets.rule_words import RuleFault, noted, read_rule, say_rule
from autolearn.schemas.datasets.rules import RuleOutcome

TABLE = pa.table(
    {
        "age": [30, 150, None, 40, -1],
        "income": [1.5, 2.0, None, float("nan"), 3.0],
        "plan": ["basic", "pro", "gold", None, "basic"],
        "paid": [True, False, True, None, True],
        "start": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4, 5)],
        "end": [datetime(2026, 1, day, tzinfo=UTC) for day in (2, 1, 4, 4, 6)],
        "net": [0.1, 1.0, 2.0, 3.0, None],
        "tax": [0.2, 0.5, 0.5, 0.5, 0.5],
        "gross": [0.3, 1.5, 2.5, 9.0, 1.0],
    }
)
NOW = datetime(2026, 1, 7, tzinfo=UTC).timestamp()


def check(words: str, table: pa.Table = TABLE, *, rows: int = 2, hidden=()) -> RuleOutcome:
    """The outcome of one rule, in batches of some rows."""
    checker = TableChecker([read_rule(words)], kinds_of(table.schema), now=NOW, hidden=hidden)
    for batch in table.to_batches(max_chunksize=rows):
        checker.add(dict(zip(table.column_names, batch.columns, strict=True)), len(batch))
    (outcome,) = checker.outcomes()
    return outcome


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("age between 0 and 120", [1, 4]),
        ("age >= 0", [4]),
        ("income <= 2", [4]),
        ("start between 2026-01-02 and 2026-01-04", [0, 4]),
        ("plan in basic, pro", [2]),
        ("age in 30, 40.0", [1, 4]),
        ("paid in true", [1]),
        ("income complete", [2, 3]),
        ("start <= end", [1]),
        ("net + tax == gross", [3]),
        ("age != 150", [1]),
        ("income < 3", [4]),
        ("plan unique", [4]),
        ("paid, plan unique", [4]),
        ("age unique", []),
        ("rows between 5 and 5", []),
        ("income complete >= 60 %", []),
        ("plan is text", []),
        ("age is number", []),
        ("end within 1d", []),
    ],
)
def test_the_rows_that_break_a_rule(words: str, rows: list[int]):
    outcome = check(words)
    assert [one.row for one in outcome.sample] == rows
    assert outcome.met == (not rows)
    assert outcome.rule == words
    if rows:
        assert outcome.broken == len(rows)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("rows >= 6", "there are 5"),
        ("weight exists", "there is no column weight"),
        ("plan is number", "it is text"),
        ("plan between 1 and 2", "plan is text, and no number"),
        ("age in 30, young", "age is integer, and 'young' is none"),
        ("start in 2026-01-01", "start has times: give a range of them"),
        ("age >= 2026-01-01", "age is integer, and no timestamp"),
        ("end within 12h", "the newest time is 2026-01-06, more than 12h ago"),
        ("income complete >= 80 %", "2 of 5 values are missing"),
        ("plan <= age", "number and text are not compared"),
        ("age between 0 and 120", "2 of 5 rows are not: row 1 (age 150), row 4 (age -1)"),
    ],
)
def test_the_words_of_a_rule_that_is_not_met(words: str, found: str):
    outcome = check(words)
    assert (outcome.met, outcome.found) == (False, found)


def test_values_of_sensitive_columns_are_not_shown():
    outcome = check("age between 0 and 120", hidden=["age"])
    assert outcome.found == "2 of 5 rows are not: row 1, row 4"
    assert [one.values for one in outcome.sample] == [{}, {}]


def test_columns_of_integers_are_compared_exactly():
    table = pa.table({"a": [2**53 + 1, -1], "b": [2**53, -2]})
    assert check("a == b", table).broken == 2
    assert check("a unique", table).met
    assert check("a, b unique", pa.table({"a": [-1, -2], "b": [1, 1]})).met


@pytest.mark.parametrize(
    "words",
    [
        *("petal length (cm) between 1 and 7", '"rows" >= 5', '"a, b" unique', '"a" in "in, x", y'),
        *("a + b <= 1e22", "x complete >= 0.5 %", "t between 1969-12-31 and 2026-01-31T12:30:00"),
        *('"between" between 1 and 2', "time within 90min", '"he said ""no""" exists'),
    ],
)
def test_the_words_of_a_rule_are_read_again(words: str):
    rule = read_rule(words, "soft")
    assert read_rule(say_rule(rule), "soft") == rule


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("age", "'age' is no rule: write it like: age between 0 and 120"),
        ("age between 5 and 1", "5 is more than 1"),
        ("age between 1 and x", "'x' is neither a number nor a time"),
        ("age is foo", "'foo' is no type: choose from number"),
        ("rows >= 1.5", "rows are counted"),
        ("x complete >= 101 %", "a share is more than 0"),
        ("a between 1 and 2020-01-01", "one limit is a number and the other one a time"),
        (", a unique", "a name of a column is missing"),
        ("a" + " " * 19_000 + "b", "no 50 blanks in a row"),
    ],
)
def test_words_that_are_no_rule(words: str, why: str):
    with pytest.raises(RuleFault, match=why):
        read_rule(words)


def test_a_rule_that_is_given_twice_counts_once():
    found, faults = rules_in(["a exists", "b", "a exists"], ["a exists", "c exists"])
    assert noted(found.rules).hard == ("a exists",)
    assert noted(found.rules).soft == ("c exists",)
    assert [*faults] == ["#/hard/1"]
