"""Which changes of a shape are refused, which are accepted; and that what is accepted is read."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from tests.evolution.shapes import shape_of
from tests.evolution.type_comparison import narrowing


def struct(name: str = "S", **fields: Any) -> type[Struct]:
    """A struct of fields: a type, or a type and a default."""
    given = [(n, *t) if isinstance(t, tuple) else (n, t) for n, t in fields.items()]
    return defstruct(name, given, kw_only=True, frozen=True)


def changes(old: Any, new: Any) -> list[str]:
    """The faults when a field `x` of one type becomes one of another."""
    return narrowing(shape_of(struct(x=old)), shape_of(struct(x=new)))


Inner = struct("Inner", a=int, b=(str, "x"))
Grown = struct("Inner", a=int, b=(str, "x"), c=(int, 0))
Cat = defstruct("Cat", [("lives", int)], tag="cat")
Dog = defstruct("Dog", [("name", str)], tag="dog")
Short = Annotated[str, Meta(max_length=5)]
Longer = Annotated[str, Meta(max_length=9)]
Few = Annotated[list[int], Meta(max_length=2)]


def between(**limits: float) -> Any:
    return Annotated[int, Meta(**limits)]


class Tree(Struct):
    """A struct that holds itself."""

    value: int
    children: tuple["Tree", ...] = ()
    like: "Tree | None" = None


class OtherTree(Struct):
    """One whose values are of another type, at every depth."""

    value: str
    children: tuple["OtherTree", ...] = ()


ACCEPTED = {
    "nothing": (int, int),
    "a union grows": (int, int | None),
    "a union of three": (int | None, int | str | None),
    "an integer that may be a float": (int, int | float),
    "a choice more": (Literal["a", "b"], Literal["a", "b", "c"]),
    "choices become free": (Literal["a", "b"], str),
    "a limit is dropped": (between(ge=1, le=9), int),
    "a limit is wider": (between(ge=1, le=9), between(ge=0, le=10)),
    "the same limit in other words": (between(gt=0, lt=10), between(ge=1, le=9)),
    "longer texts": (Short, Longer),
    "longer lists": (Few, list[int]),
    "a multiple of less": (between(multiple_of=6), between(multiple_of=3)),
    "a pattern is dropped": (Annotated[str, Meta(pattern="a")], str),
    "a tuple becomes a list": (tuple[int, ...], list[int]),
    "elements grow": (list[Inner], list[Grown]),
    "a nested struct grows": (Inner, Grown),
    "values of a dict grow": (dict[str, Inner], dict[str, Grown | None]),
    "a pair grows inside": (tuple[int, Inner], tuple[int | None, Grown]),
    "a default where there was none": (int, (int, 3)),
    "another kind of thing in the union": (Cat, Cat | Dog),
    "anything": (dict[str, int], Any),
    "it holds itself": (Tree, Tree),
}

REFUSED = {
    "another type": (int, str, "field x was integer, is now string"),
    "a float for an integer": (int, float, "was integer, is now number"),
    "an integer for a float": (float, int, "was number, is now integer"),
    "a union shrinks": (int | None, int, "was null, is now integer"),
    "anything no more": (Any, int, "was anything, is now integer"),
    "anything becomes a dict": (Any, dict[str, Any], "was anything"),
    "a choice less": (Literal["a", "b"], Literal["a"], "may no longer be 'b'"),
    "a text becomes a choice": (str, Literal["a"], "was string, is now one of 'a'"),
    "choices of another type": (Literal["a"], int, "was one of 'a', is now integer"),
    "a minimum": (int, between(ge=0), "higher minimum"),
    "a higher minimum": (between(ge=0), between(gt=0), "higher minimum"),
    "a lower maximum": (between(le=9), between(lt=9), "lower maximum"),
    "shorter texts": (Longer, Short, "maxLength 5, had 9"),
    "a length": (str, Annotated[str, Meta(min_length=1)], "minLength 1, had none"),
    "shorter lists": (list[int], Few, "maxItems 2"),
    "a multiple": (between(multiple_of=3), between(multiple_of=2), "multiple of 2"),
    "a pattern": (str, Annotated[str, Meta(pattern="a")], "another pattern, a"),
    "bytes for text": (str, bytes, "contentEncoding"),
    "a set for a list": (list[int], set[int], "uniqueItems"),
    "elements": (list[int], list[str], "field x[] was integer"),
    "a pair for a list": (list[int], tuple[int, int], "2"),
    "a longer pair": (tuple[int, int], tuple[int, int, int], "had 2 fixed places, has 3"),
    "inside of a pair": (tuple[int, Inner], tuple[int, struct("Inner", a=int)], "x[1].b is gone"),
    "values of a dict": (dict[str, int], dict[str, str], "field x{} was integer"),
    "keys of a dict": (dict[str, int], dict[Short, int], "maxLength"),
    "a nested struct shrinks": (Grown, Inner, "field x.c is gone"),
    "deep inside": (
        dict[str, list[Grown | None]],
        dict[str, list[Inner | None]],
        "x{}[].c is gone",
    ),
    "a struct becomes a dict": (Inner, dict[str, Any], "was a struct of a, b"),
    "a dict becomes a struct": (dict[str, int], Inner, "was object, is now a struct"),
    "a struct becomes anything": (Inner, Any, "was a struct of a, b"),
    "a struct gets a tag": (Inner, Cat, "x.type is new and has no default"),
    "one of a union": (Cat | Dog, Dog, "type may no longer be 'cat'"),
    "it holds itself": (Tree, OtherTree, "value was integer, is now string"),
    "a default": ((int, 3), (int, 4), "had the default 3, has 4"),
    "a default of another type": ((int | bool, 1), (int | bool, True), "the default 1, has true"),
    "a default is dropped": ((int, 3), int, "has no default any more"),
    "a default that cannot be seen": ((int | UnsetType, UNSET), (int, 3), "kind of default"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_old_records_survive(case: str):
    old, new = ACCEPTED[case]
    assert changes(old, new) == []


@pytest.mark.parametrize("case", REFUSED)
def test_old_records_would_not_survive(case: str):
    old, new, why = REFUSED[case]
    found = changes(old, new)
    assert any(why in fault for fault in found), found


def test_fields_come_and_go():
    old = shape_of(struct(a=int, b=(str, "")))
    assert narrowing(old, shape_of(struct(b=(str, ""), c=(int, 0), a=int))) == []
    assert narrowing(old, shape_of(struct(b=(str, "")))) == ["field a is gone"]
    assert narrowing(old, shape_of(struct(a=int, b=(str, ""), c=int))) == [
        "field c is new and has no default: old records lack it"
    ]
    renamed = narrowing(old, shape_of(struct(a=int, title=(str, ""))))
    assert renamed == ["field b is gone (is it title now?)"]


def test_a_struct_that_becomes_strict():
    strict = defstruct("S", [("a", int)], forbid_unknown_fields=True)
    assert narrowing(shape_of(struct(a=int)), shape_of(strict)) == [
        "it refuses fields that it does not know"
    ]
    assert narrowing(shape_of(strict), shape_of(struct(a=int))) == []


def test_every_fault_is_told():
    old, new = struct(a=int, b=(int, 1), c=Grown), struct(b=(int, 2), c=Inner, d=int)
    assert len(narrowing(shape_of(old), shape_of(new))) == 4


def test_what_cannot_be_judged_is_refused():
    assert narrowing({"type": "string"}, {"type": "string", "unheardOf": 1})
    assert narrowing({"type": "string"}, {"type": "string", "description": "of another"}) == []


NUMBERS = st.integers(-3, 12)
FIELDS: list[tuple[Any, st.SearchStrategy]] = [
    (int, NUMBERS),
    (float, st.floats(-3, 3)),
    (int | float, NUMBERS | st.floats(-3, 3)),
    (int | None, NUMBERS | st.none()),
    (str, st.text(max_size=4)),
    (Literal["a", "b"], st.sampled_from("ab")),
    (Literal["a"], st.just("a")),
    (between(ge=0), st.integers(0, 12)),
    (between(gt=0, lt=10), st.integers(1, 9)),
    (list[int], st.lists(NUMBERS, max_size=4)),
    (Few, st.lists(NUMBERS, max_size=2)),
    (tuple[int, int], st.tuples(NUMBERS, NUMBERS)),
    (dict[str, int], st.dictionaries(st.text(max_size=2), NUMBERS, max_size=2)),
    (Inner, st.builds(Inner, a=NUMBERS)),
    (Grown, st.builds(Grown, a=NUMBERS, c=NUMBERS)),
    (Any, st.none() | NUMBERS | st.text(max_size=2)),
]


PAIRS = [(old, new) for old in FIELDS for new in FIELDS if not changes(old[0], new[0])]


@given(st.sampled_from(PAIRS), st.data())
def test_what_is_accepted_is_read_and_means_the_same(pair, data):
    old, new = pair
    record = {"x": msgspec.to_builtins(data.draw(old[1]))}
    read = msgspec.json.decode(msgspec.json.encode(record), type=struct(x=new[0]))
    again = msgspec.json.decode(msgspec.json.encode(read))["x"]
    if isinstance(record["x"], dict) and isinstance(read.x, Struct):
        again = {name: again[name] for name in record["x"]}  # new fields have their defaults
    assert msgspec.json.encode(again) == msgspec.json.encode(record["x"])


@given(st.sampled_from(FIELDS), st.sampled_from(FIELDS), st.data())
def test_what_cannot_be_read_is_refused(old, new, data):
    record = msgspec.json.encode({"x": data.draw(old[1])})
    try:
        msgspec.json.decode(record, type=struct(x=new[0]))
    except msgspec.ValidationError:
        assert changes(old[0], new[0])
