"""From the text of a pipeline to its definition."""

from __future__ import annotations

import json

import pytest

from autolearn.schemas.pipelines.definition import Definition, Parameter, Step
from autolearn.schemas.pipelines.faults import PipelineFault, PipelineInvalid
from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.pipelines.step_checks import CatalogNames
from tests.schemas.pipelines.kinds import CHURN, STEPS


def faults_of(text: str) -> list[PipelineFault]:
    with pytest.raises(PipelineInvalid) as raised:
        parse(text, STEPS)
    return list(raised.value.faults)


def only_fault(text: str) -> PipelineFault:
    found = faults_of(text)
    assert len(found) == 1, [str(one) for one in found]
    return found[0]


def steps_of(definition: Definition) -> dict[str, tuple[str, ...]]:
    return {step.name: step.inputs for step in definition.steps}


def with_steps(*lines: str) -> str:
    return "\n".join(("pipeline: p", "steps:", *(f"  {line}" for line in lines)))


def test_a_file_becomes_a_definition_with_the_inputs_of_its_steps():
    found = parse(CHURN, STEPS)
    assert (found.name, found.seed, found.commit, found.keep) == ("churn", 7, "ask", "30d")
    assert found.parameters["test"] == Parameter("number", 0.25, 0.05, 0.5)
    assert steps_of(found) == {
        "source": (),
        "select": ("source",),
        "split": ("select",),
        "train": ("split",),
        "evaluate": ("train",),
        "compare": ("evaluate",),
        "promote": ("compare",),
        "predict": ("promote", "split"),
        "deliver": ("predict",),
    }
    assert found.steps[1] == Step(
        name="select",
        kind="select",
        parameters={"columns": ["a", "b", "churned"], "where": "region == '${region}'"},
        inputs=("source",),
        keep_as="churn-${region}",
    )
    assert found.steps[3].attempts == 1


def test_json_is_the_same_as_yaml():
    as_json = {"pipeline": "p", "steps": [{"source": {"file": "ä.csv"}, "name": "in"}]}
    yaml = "pipeline: p\nsteps:\n- source: {file: ä.csv}\n  name: in"
    assert parse(json.dumps(as_json), STEPS) == parse(yaml, STEPS)


def test_from_says_which_steps_and_the_order_of_the_file_is_kept_as_far_as_it_can_be():
    found = parse(
        with_steps(
            "- join: {on: id}",
            "  from: [right, left]",
            "- source: {dataset: l}",
            "  name: left",
            "- source: {dataset: r}",
            "  name: right",
            "- select:",
            "- select: {}",
            "- split:",
            "- train: {estimator: svm}",
            "- predict:",
            "  from: left",
        ),
        STEPS,
    )
    assert steps_of(found) == {
        "left": (),
        "right": (),
        "join": ("right", "left"),
        "select": ("right",),
        "select-2": ("select",),
        "split": ("select-2",),
        "train": ("split",),
        "predict": ("train", "left"),
    }


def test_what_reads_a_dataset_takes_no_table():
    lines = ("- source: {dataset: d}", "- train: {estimator: svm}", "- predict: {dataset: e}")
    assert steps_of(parse(with_steps(*lines), STEPS))["predict"] == ("train",)


def test_every_fault_is_found_at_once_with_its_place():
    text = """\
pipelin: churn
parameters:
  1x: {}
  y: {type: number, default: 7, maximum: 5, mini: 3}
  z: {type: date, default: 2026-02-30}
keep: forever
steps:
  - trian: {a: b}
  - source: {dataset: x, url: y}
    from: z
  - select:
    columns: [a]
  - split: {test: "${y}", folds: "${yy}"}
    from: sorce
    attempts: 0
    name: tests
  - train: {candidates: [{estimator: x, grd: 1}, 7]}
    keep: dataset:a
  - compare: {by: f1}
    name: tests
  - evaluate
"""
    found = [(one.line, one.column, one.pointer) for one in faults_of(text)]
    assert found == [
        (1, 1, "/pipelin"),
        (1, 1, ""),
        (3, 3, "/parameters/1x"),
        (4, 21, "/parameters/y/default"),
        (4, 45, "/parameters/y/mini"),
        (5, 19, "/parameters/z/default"),
        (6, 1, "/keep"),
        (8, 5, "/steps/0/trian"),
        (9, 5, "/steps/1/source"),
        (10, 5, "/steps/1/from"),
        (12, 5, "/steps/2/columns"),
        (13, 13, "/steps/3/split/test"),
        (13, 27, "/steps/3/split/folds"),
        (14, 5, "/steps/3/from"),
        (15, 5, "/steps/3/attempts"),
        (17, 41, "/steps/4/train/candidates/0/grd"),
        (17, 50, "/steps/4/train/candidates/1"),
        (18, 5, "/steps/4/keep"),
        (20, 5, "/steps/5/name"),
        (21, 5, "/steps/6"),
    ]


@pytest.mark.parametrize(
    ("lines", "pointer", "words"),
    [
        (["- select: {}"], "/steps/0", "select takes a table or a split, which no step before"),
        (
            ["- source: {dataset: d}", "- train: {estimator: svm}", "- compare: {by: f1}"],
            "/steps/2",
            "compare takes scores, which no step before it gives (source gives a table, "
            "train gives models): put one before it that does",
        ),
        (
            [
                "- source: {dataset: d}",
                "- train: {estimator: svm}",
                "- select: {}",
                "  from: train",
            ],
            "/steps/2/from",
            "train gives models, but select takes a table or a split",
        ),
        (
            ["- source: {dataset: d}", "- select: {}", "  from: [source, source]"],
            "/steps/1/from",
            "source gives a table, but select takes a table or a split once each",
        ),
        (
            [
                "- {select: {}, from: b}",
                "- {select: {}, name: b, from: c}",
                "- {select: {}, name: c, from: select}",
            ],
            "/steps/0/from",
            "the steps wait for each other: select → c → b → select",
        ),
        (["- evalute: {}"], "/steps/0/evalute", "did you mean evaluate?"),
        (["- spectrogram: {}"], "/steps/0/spectrogram", "no worker offers a step 'spectrogram'"),
        (["- source: {dataset: d}", "  select: {}"], "/steps/0/select", "source and select"),
        (["- {}"], "/steps/0", "the step has no kind"),
        (["- source: [d]"], "/steps/0/source", "are an object"),
        (["- source: {file: d, header: yes}"], "/steps/0/source/header", 'false; got "yes"'),
        (["- source: {dataset: d, zone: UTC}"], "/steps/0/source/zone", "is for a file or url"),
        (
            ["- source: {dataset: d}", "  labels: {gpu: 'yes'}"],
            "/steps/0/labels/gpu",
            "gpu is 'yes', and wants a whole number",
        ),
        (["- source: {dataset: d}", "  labels: {a b: c}"], "/steps/0/labels/a b", "is no label"),
        (["- source: {dataset: d}", "  keep: cleaned"], "/steps/0/keep", "keep is dataset:NAME"),
        (["- source: {dataset: d}", "  keep: dataset:A"], "/steps/0/keep", "name of a dataset"),
        (
            ["- source: {dataset: '${D}'}"],
            "/steps/0/source/dataset",
            "no parameter '${D}': there are none ($${D}",
        ),
        (
            ["- source: {dataset: d}", "- train: {candidates: []}"],
            "/steps/1/train/candidates",
            "1 to 100 candidates",
        ),
        (
            ["- source: {dataset: d}", "- train: {candidates: [{estimator: a, grid: {C: []}}]}"],
            "/steps/1/train/candidates/0/grid",
            "1 to 1,000 combinations, not 0",
        ),
    ],
)
def test_a_step_that_is_wrong_is_refused_in_a_sentence(lines: list[str], pointer: str, words: str):
    fault = only_fault(with_steps(*lines))
    assert fault.pointer == pointer
    assert words in fault.detail


OF_EXPRESSIONS = """\
pipeline: p
parameters:
  least: {type: number, default: 3}
  other: {type: string}
steps:
  - source: {dataset: d}
  - select: {where: "a >"}
  - features:
      add:
        fine: "a / ${least}"
        later: "a / ${other}"
        mean: "averge(a)"
        both: "${least} +* a"
  - expect: {rules: {hard: ["a between 0 and 5", "a btween 0 and 5"], soft: ["${other}"]}}
  - expect: {rules: {hard: ["a between 0 and 5"], soft: ["rows >= ${least}", "is it so?"]}}
"""


def test_expressions_and_rules_are_checked_with_the_parameters_put_in():
    found = faults_of(OF_EXPRESSIONS)
    assert [(one.line, one.column, one.pointer) for one in found] == [
        (7, 14, "/steps/1/select/where"),
        (12, 9, "/steps/2/features/add/mean"),
        (13, 9, "/steps/2/features/add/both"),
        (15, 78, "/steps/4/expect/rules/soft/1"),
    ]
    assert "there is no function 'averge'" in found[1].detail
    assert "the expression '3 +* a' is not right at character 4: invalid syntax" in found[2].detail


FORECAST = """\
pipeline: p
steps:
  - source: {dataset: d}
  - split: {%s}
  - features: {}
    from: split
  - train: {estimator: ridge, target: {column: load, ahead: [1h], time: when}}
    from: split
"""


@pytest.mark.parametrize(
    ("split", "key", "words"),
    [
        ("by: random", "by", "split by random, and a forecast is measured on later rows"),
        ("stratify: true", "stratify", "leave out stratify"),
        ("by: time, column: day", "column", "day here, and when in the target"),
    ],
)
def test_the_split_of_a_forecast_is_by_its_time(split: str, key: str, words: str):
    fault = only_fault(FORECAST % split)
    assert (fault.line, fault.pointer) == (4, f"/steps/1/split/{key}")
    assert words in fault.detail
    assert parse(FORECAST % "by: time, column: when", STEPS)


def test_estimators_and_metrics_that_no_worker_offers_are_found_in_their_places():
    offered = CatalogNames(frozenset({"svm", "random-forest"}), frozenset({"f1", "recall"}))
    text = with_steps(
        "- source: {dataset: d}",
        "- train: {target: t, candidates: [svn, {estimator: ridge, tune: {metric: f1s}}, svm]}",
        "- evaluate: {metrics: ['recall:yes', f1_macro]}",
        "- compare: {by: f1}",
    )
    with pytest.raises(PipelineInvalid) as raised:
        parse(text, STEPS, offered)
    assert [(one.pointer, one.detail) for one in raised.value.faults] == [
        ("/steps/1/train/candidates/0", "no worker offers the estimator 'svn': did you mean svm?"),
        (
            "/steps/1/train/candidates/1/estimator",
            "no worker offers the estimator 'ridge': there are random-forest, svm",
        ),
        (
            "/steps/1/train/candidates/1/tune/metric",
            "no worker offers the metric 'f1s': did you mean f1?",
        ),
        (
            "/steps/2/evaluate/metrics/1",
            "no worker offers the metric 'f1_macro': there are f1, recall",
        ),
    ]


def test_an_unknown_step_makes_no_further_faults():
    lines = ("- source: {dataset: d}", "- spectrogram: {n: 3}", "- compare: {by: f1}")
    assert only_fault(with_steps(*lines)).pointer == "/steps/1/spectrogram"


def test_there_are_bounds_on_steps_and_parameters():
    many = with_steps(*["- source: {dataset: d}"] * 201)
    assert "at most 200 may be" in only_fault(many).detail
    names = ", ".join(f"p{number}: {{}}" for number in range(101))
    text = with_steps("- source: {dataset: d}") + f"\nparameters: {{{names}}}"
    assert "at most 100 may be" in only_fault(text).detail


def test_a_text_may_be_long_but_not_endless():
    label = "x" * 10_000
    text = with_steps("- source: {dataset: d}", f"- join: {{on: {label}}}", "  from: [source, b]")
    text += "\n  - {source: {dataset: e}, name: b}"
    assert parse(text, STEPS).steps[2].parameters == {"on": label}
    assert "10,001 characters" in only_fault(text.replace(label, label + "x")).detail


def test_a_fault_is_printed_as_compilers_do():
    fault = only_fault(with_steps("- source: {datset: d, url: u}"))
    assert str(fault) == ("line 3, column 14: source has no key 'datset': did you mean dataset?")
    assert fault.in_file("p.yaml").startswith("p.yaml:3:14: source has no key")
