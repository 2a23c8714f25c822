"""A plain typed function is a step, and the catalog says what it may be told."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pytest
from msgspec import UNSET, Meta

from autolearn.ml import plugins
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import StepFunction, step
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.values import Domain

HERE = __name__


def plain(
    table: pa.Table,
    *,
    threshold: Annotated[float, Meta(gt=0, le=1)] = 0.5,
    columns: Annotated[list[str] | None, COLUMNS] = None,
    how: Literal["low", "high"],
    many: dict[str, Annotated[int, Meta(ge=1)]] = {},  # noqa: B006 - it is a test of that
) -> pa.Table:
    """Make a table plain,
    in two lines.

    More words.

    Args:
        threshold: the part
            that is kept
        how: which side
    """
    return table


@step(network=True, row_wise=True)
def marked(left: pa.Table, right: pa.Table) -> pa.Table:
    """Take two."""
    return left


def test_what_the_catalog_says() -> None:
    spec = StepFunction("plain", plain, "a-package", "1.2").spec()
    assert (spec.summary, spec.takes) == (
        "Make a table plain, in two lines.",
        (("table", "split"),),
    )
    assert (spec.package, spec.package_version, len(spec.digest)) == ("a-package", "1.2", 64)
    found = {one.name: one for one in spec.parameters}
    assert found["threshold"].domains == (
        Domain("number", minimum=0, maximum=1, exclusive_minimum=True),
    )
    assert found["threshold"].summary == "the part that is kept"
    assert (found["columns"].columns, found["columns"].default) == (True, None)
    assert [one.type for one in found["columns"].domains] == ["array", "null"]
    assert found["how"].default is UNSET
    assert found["how"].domains == (Domain("string", choices=("low", "high")),)
    assert found["threshold"].refusal(0) == "threshold must be number > 0 <= 1; got 0"
    assert msgspec.json.decode(msgspec.json.encode(spec), type=type(spec)) == spec
    both = StepFunction("marked", marked).spec()
    assert (both.network, both.row_wise, len(both.takes)) == (True, True, 2)


def _no_annotation(table: pa.Table, *, threshold=3) -> pa.Table: ...
def _a_set(table: pa.Table, *, names: set[str]) -> pa.Table: ...
def _wrong_default(table: pa.Table, *, rows: int = "many") -> pa.Table: ...  # type: ignore[assignment]
def _any_number(*tables: pa.Table) -> pa.Table: ...
def _no_table(rows: list[int]) -> pa.Table: ...
def _gives_nothing(table: pa.Table) -> None: ...
def _unknown(table: Missing) -> pa.Table: ...  # type: ignore[name-defined]  # noqa: F821
def _odd_keys(table: pa.Table, *, by: dict[int, str]) -> pa.Table: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_no_annotation, "its parameter threshold has no annotation"),
        (_a_set, "its parameter names is annotated with set[str]; it may have float, int"),
        (_wrong_default, "the default of its parameter rows does not fit: Expected `int`"),
        (_any_number, "its parameter *tables takes any number"),
        (_no_table, "its input rows is not annotated with pa.Table"),
        (_gives_nothing, "it is not annotated to return a pa.Table"),
        (_unknown, "its annotations cannot be read (name 'Missing' is not defined)"),
        (_odd_keys, "its parameter by is annotated with dict[int, str]"),
    ],
)
def test_a_function_that_cannot_be_a_step(function: Any, words: str) -> None:
    with pytest.raises(TypeError) as caught:
        StepFunction("odd", function)
    assert f"the function {HERE}.{function.__name__} cannot be a step: {words}" in str(caught.value)


def test_a_broken_package_is_left_out_and_none_takes_our_names() -> None:
    def entry(name: str, value: str) -> metadata.EntryPoint:
        return metadata.EntryPoint(name, f"{HERE}:{value}", plugins.STEPS)

    ours = metadata.entry_points(group=plugins.STEPS)
    found = plugins.steps_of(ours)
    assert found.problems == ()
    assert {"fetch", "select", "clean", "features", "predict"} <= {*found.found}
    for name, driven, ours_only in (("fetch", "source", set()), ("predict", "predict", {"called"})):
        known = {each.name for each in DRIVEN[driven].parameters}
        named = {each.name for each in found.found[name].parameters}
        assert named - known == ours_only, "the file says the others"

    some = metadata.EntryPoints(
        [
            entry("fine", "marked"),
            entry("odd", "_a_set"),
            entry("train", "plain"),
            entry("x", "HERE"),
        ]
    )
    found = plugins.steps_of(some)
    assert [*found.found] == ["fine"]
    assert len(found.problems) == 3
    assert any("'odd'" in one and "parameter names is annotated" in one for one in found.problems)
    assert any("it is a str, and a step is a plain function" in one for one in found.problems)
    assert any("'train'" in one and "has a step of that name" in one for one in found.problems)
