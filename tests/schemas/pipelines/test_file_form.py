"""A definition as a file again, by random definitions."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autolearn.schemas.pipelines.diff import PipelineDifference, differences
from autolearn.schemas.pipelines.file_form import file_form
from autolearn.schemas.pipelines.parse import parse
from tests.schemas.pipelines.kinds import CHURN, STEPS

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x7f$"))
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
EXPRESSIONS = st.just("a > 0") | WORDS.map(lambda text: f"`{text.replace('`', '')}` == 1")
SELECT = st.fixed_dictionaries(
    {}, optional={"columns": st.lists(WORDS), "where": EXPRESSIONS, "rows": st.integers(1, 2**53)}
)
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "keep": NAMES.map("dataset:{}".format),
        "cache": st.sampled_from(["auto", "never"]),
        "attempts": st.integers(1, 10),
        "time_limit": st.floats(0.001, 1000) | st.integers(1, 1000),
        "memory_limit": st.integers(256, 1000),
        "labels": st.dictionaries(
            NAMES.filter(lambda name: name not in ("cores", "memory", "gpu")), NAMES, max_size=3
        ),
    },
)
PARAMETERS = st.dictionaries(
    st.from_regex(r"[A-Za-z_]\w{0,5}", fullmatch=True).filter(str.isascii),
    st.fixed_dictionaries({"type": st.just("number"), "default": st.integers(0, 9)})
    | st.fixed_dictionaries({"default": WORDS, "summary": WORDS}),
    max_size=3,
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a file whose steps take tables of earlier and of later ones, without a circle."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    steps: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        step = {"name": name, **draw(KEYS)}
        takes = draw(st.integers(0, min(index, 2)))
        if takes == 0:
            step["source"] = {"dataset": draw(NAMES)}
        else:
            step["from"] = draw(st.permutations(names[:index]))[:takes]
            step |= {"select": draw(SELECT)} if takes == 1 else {"join": {"on": draw(WORDS)}}
        steps.append(step)
    return {
        "pipeline": draw(NAMES),
        "summary": draw(WORDS),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "parameters": draw(PARAMETERS),
        "steps": draw(st.permutations(steps)),
    }


@settings(max_examples=40 * settings.default.max_examples // 100)
@given(files())
def test_a_definition_is_the_same_after_its_file(file: dict[str, Any]):
    definition = parse(json.dumps(file), STEPS)
    assert {step.name for step in definition.steps} == {step["name"] for step in file["steps"]}
    done: set[str] = set()
    for step in definition.steps:
        assert done.issuperset(step.inputs)
        done.add(step.name)
    again = parse(json.dumps(file_form(definition)), STEPS)
    assert again == definition
    assert differences(definition, again) == []


def test_what_differs_is_said_by_step_and_pointer():
    text = (
        CHURN.replace("seed: 7\n", "")
        .replace("default: 0.25", "default: 0.3")
        .replace("50, 100", "50, 200")
        .replace("    attempts: 1\n", "")
        .replace("  - compare: {by: f1}\n", "")
        .replace("  - deliver", "  - select: {rows: 9}\n    name: best\n  - deliver")
    )
    candidate = "/parameters/candidates/1/grid/n_estimators/1"
    assert differences(parse(CHURN, STEPS), parse(text, STEPS)) == [
        PipelineDifference("changed", "", "/parameters/test/default", 0.25, 0.3),
        PipelineDifference("changed", "", "/seed", 7, 0),
        PipelineDifference("changed", "train", candidate, 100, 200),
        PipelineDifference("changed", "promote", "/inputs/0", "compare", "evaluate"),
        PipelineDifference(
            "added",
            "best",
            "",
            after={
                "kind": "select",
                "parameters": {"rows": 9},
                "inputs": ["predict"],
                "keep_as": "",
                "cache": "auto",
                "attempts": 1,
                "time_limit": None,
                "memory_limit": None,
                "labels": {},
            },
        ),
        PipelineDifference("changed", "deliver", "/inputs/0", "predict", "best"),
        PipelineDifference(
            "removed",
            "compare",
            "",
            before={
                "kind": "compare",
                "parameters": {"by": "f1"},
                "inputs": ["evaluate"],
                "keep_as": "",
                "cache": "auto",
                "attempts": 1,
                "time_limit": None,
                "memory_limit": None,
                "labels": {},
            },
        ),
    ]


def test_the_order_of_steps_is_no_difference():
    lines = [f"  - source: {{dataset: {name}}}\n    name: {name}" for name in ("a", "b")]
    head = "pipeline: p\nsteps:\n"
    one, other = (parse(head + "\n".join(both), STEPS) for both in (lines, lines[::-1]))
    assert one != other
    assert differences(one, other) == []
