"""Values of -p: in JSON, as Python writes them, or text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autolearn.client.cli.commands.work.train import parameters
from autolearn.client.cli.literals import value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("null", None),
        ("True", True),
        ("false", False),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("+3", 3),
        ("1_000", 1000),
        ("{'a': 1}", {"a": 1}),
        ("{0: 1, True: 2, 1.5: None}", {"0": 1, "true": 2, "1.5": None}),
        ("{'a': null, \"b\": True}", {"a": None, "b": True}),
        ("(100, 50)", [100, 50]),
        ("(100,)", [100]),
        ("[1, .5, 'x',]", [1, 0.5, "x"]),
        ("'sqrt'", "sqrt"),
        ("sqrt", "sqrt"),
        ("007", "007"),
        ("", ""),
        ("one-hot", "one-hot"),
        ("{1, 2}", "{1, 2}"),
        ("__import__('os')", "__import__('os')"),
        ("1+2j", "1+2j"),
        ("-True", "-True"),
        ("-'x'", "-'x'"),
        ("{**{}}", "{**{}}"),
        ("{None: 1}", "{None: 1}"),
        ("b'x'", "b'x'"),
        ("a\0b", "a\0b"),
        ("[" * 10_000, "[" * 10_000),
    ],
)
def test_what_a_text_stands_for(text: str, value: object) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


def test_hyperparameters_are_such_values() -> None:
    given_words = ["max_depth=None", "bootstrap=True", "max_features=.5", "class_weight={'a':1}"]
    assert parameters(given_words) == {
        "max_depth": [None],
        "bootstrap": [True],
        "max_features": [0.5],
        "class_weight": [{"a": 1}],
    }


leaves = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_python_and_json_say_the_same(value: object) -> None:
    for text in (json.dumps(value), repr(value)):
        assert value_of(text) == value or (isinstance(value, str) and value_of(text) == text)
