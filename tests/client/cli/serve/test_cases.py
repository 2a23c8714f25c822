"""The rows of cases, as they are chosen from a dataset or read from CSV."""

import pytest
import typer

from autolearn.client.cli.commands.serve import cases

COLUMNS = ("age", "plan", "since")
ROW = {"age": 61, "plan": "basic", "since": None}


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("age > 60", True),
        ("age>=61", True),
        ("age < 9", False),
        ("age = 61.0", True),
        ("age != old", True),
        ("plan = basic", True),
        ("plan != basic", False),
        ("since =", True),
        ("since != ", False),
        ("since > 2020", False),
    ],
)
def test_a_condition_compares_numbers_as_numbers_and_gaps_with_nothing(words: str, holds: bool):
    name, *how = cases._condition(words, COLUMNS)
    assert cases._holds(ROW[name], *how) is holds


@pytest.mark.parametrize("words", ["", "age", "height > 3", "> 3", "age ~ 3"])
def test_other_words_are_refused_with_the_columns(words: str):
    with pytest.raises(typer.BadParameter, match="age, plan, since"):
        cases._condition(words, COLUMNS)


def test_fields_of_csv_are_values_as_the_schema_has_them():
    schema = {"age": {"type": ["number", "null"]}, "member": {"type": ["boolean", "null"]}}
    text = "age,member,code\n61,TRUE,0123\n,no,NA\nold,false,\n"
    assert [*cases._csv_rows(text, schema)] == [
        {"age": 61.0, "member": True, "code": "0123"},
        {"age": None, "member": "no", "code": None},
        {"age": "old", "member": False, "code": None},
    ]
    with pytest.raises(typer.BadParameter, match="more or fewer fields"):
        [*cases._csv_rows("a,b\n1\n", schema)]
