"""YAML as JSON: its values, its faults, and its bounds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.schemas.pipelines.document import read_document
from autolearn.schemas.pipelines.faults import PipelineInvalid
from autolearn.schemas.values import JsonValue

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x7f"))
"""JSON has DEL as it is, which YAML has not."""
KEYS = TEXTS.filter(lambda text: len(json.dumps(text)) < 1000)
"""A key of YAML has 1,024 characters."""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


@settings(max_examples=50 * settings.default.max_examples // 100)
@given(VALUES)
def test_all_of_json_is_read_as_it_is(value: JsonValue):
    document = read_document(json.dumps({"a": value}))
    assert document.value == {"a": value}
    document.faults.check()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("2026-11-27", "2026-11-27"),
        ("12:30", "12:30"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("'true'", "true"),
        ("True", True),
        ("~", None),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("+7", 7),
    ],
)
def test_plain_words_are_those_of_json(text: str, value: JsonValue):
    found = read_document(f"a: {text}").value["a"]
    assert (type(found), found) == (type(value), value)


def test_escapes_of_json_are_read_as_their_characters():
    key = "列" * 200
    text = json.dumps({key: '\U0001f600\\ud83d\\\\ude00"\x00\u2028'})
    assert read_document(text).value == json.loads(text)


EXPLODING = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "the file is empty"),
        ("a: 1\n---\nb: 2", 2, 1, "second document"),
        ("a: b: c", 1, 5, "not YAML: mapping values are not allowed"),
        ("a:\n\tb: 1", 2, 1, "indent with spaces"),
        ("a: {b: ${c}}", 1, 9, 'quote what has a parameter: "${NAME}"'),
        ("a: 1\nb: 2\na: 3", 3, 1, "the key 'a' is there twice, first in line 1"),
        ("b: &b {c: 1}\na:\n  <<: *b", 3, 3, "merge keys"),
        ("a: !!python/object/apply:os.system [x]", 1, 1, "tags such as !!python/object/apply"),
        ("a: !!str 1", 1, 1, "tags such as !!str are not taken"),
        ("a: .nan", 1, 1, "no number of JSON"),
        ("a: -.inf", 1, 1, "no number of JSON"),
        ("a: 1e999", 1, 1, "too large"),
        ("a: 9007199254740993", 1, 1, "no exact number"),
        ("? [a]\n: b", 1, 3, "a key must be text"),
        ("a: *b", 1, 4, "no anchor &b"),
        ("a: &a [1, *a]", 1, 11, "*a contains itself"),
        ("a: \x07", 1, 4, "the character U+0007"),
        ("a: \ud800", 1, 1, "no Unicode text"),
        ("[" * 200_000, 1, 22, "nested deeper than 20 levels"),
        (EXPLODING, 4, 45, "more than 10,000 values"),
        (f"a: &a {'x' * 90_000}\nb: [*a, *a]", 2, 9, "more than 262,144 characters"),
        ("#" * 262_145, 1, 1, "at most 262,144 are taken"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: str, line: int, column: int, words: str):
    with pytest.raises(PipelineInvalid) as raised:
        read_document(text).faults.check()
    (fault,) = raised.value.faults
    assert words in fault.detail
    assert (fault.line, fault.column) == (line, column)


def test_aliases_count_as_what_they_stand_for():
    inner = "a: &a " + "[" * 12 + "]" * 12
    assert read_document(f"{inner}\nb: [[*a]]").value["b"][0][0] == read_document(inner).value["a"]
    with pytest.raises(PipelineInvalid, match="nested deeper"):
        read_document(f"{inner}\nb: [[[[[[[[[[*a]]]]]]]]]]")
