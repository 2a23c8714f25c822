"""The kinds of steps that the process which drives pipelines does itself, and `predict`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.expressions.syntax import ExpressionFault, ExpressionSyntax
from autolearn.schemas.pipelines.file_keys import (
    ARRAY,
    BOOLEAN,
    COUNT,
    FRACTION,
    OBJECT,
    TEXT,
    key,
    needed,
    words,
)
from autolearn.schemas.pipelines.steps import Path, StepSpec, Unresolved
from autolearn.schemas.pipelines.train_step import TRAIN, train_misfits
from autolearn.schemas.values import Domain, JsonValue, SplitBy

_NAMES = key("name", "")

_READ = (
    key("format", "By the file without it.", words("csv", "parquet", "arrow", "jsonl", "excel")),
    key("separator", "The separator of columns, or tab."),
    key("decimal", "The decimal sign.", words(".", ",")),
    key("encoding", "Such as latin-1.", default="utf-8"),
    key("header", "Whether the first row has names.", BOOLEAN),
    key("skip_lines", "Lines above the header.", COUNT),
    key("sheet", "The sheet of a workbook."),
    key(
        "types",
        "Of columns: number, integer, boolean, text, timestamp, or a date's form, DD/MM/YYYY.",
        OBJECT,
        each=key("type", ""),
    ),
    key("missing", "Words for missing values, instead of the usual ones.", ARRAY, each=_NAMES),
    key("zone", "The time zone of times without one.", default="UTC"),
)
"""How a file is read, as `dataset add` has it."""

_SOURCE = StepSpec(
    "source",
    "A dataset, a file that is uploaded, or what a URL answers.",
    takes=(),
    parameters=(
        key("dataset", "A dataset: NAME for its newest version, or NAME@VERSION."),
        key("file", "A file of yours, uploaded as the dataset <pipeline>-<file>."),
        key("url", "An https URL; a worker fetches it."),
        *_READ,
    ),
    one_of=("dataset", "file", "url"),
    reads="dataset",
    driven=True,
)

_SPLIT = StepSpec(
    "split",
    "Holds rows out, so that models are measured on rows that they did not see.",
    takes=(("table",),),
    gives="split",
    parameters=(
        key("test", "The held-out fraction of the rows.", FRACTION, default=0.25),
        key("stratify", "Keep the class balance (at random).", BOOLEAN, default=True),
        key(
            "by",
            "time: the latest rows are held out; group: a group is in one part; column: the column "
            "says which rows are held out; hash: by the hash of the column's value, without one of "
            "the whole row, so that a row stays in its part when there are more. Without it by the "
            "roles of columns, else random.",
            words(*get_args(SplitBy)),
        ),
        key("column", "That of the time, the group, the parts, or the hash.", columns=True),
        key("folds", "Folds of a cross-validation.", Domain("integer", 0, 20), default=0),
    ),
    driven=True,
)

_EVALUATE = StepSpec(
    "evaluate",
    "Measures the models on the held-out rows, or on another dataset.",
    takes=(("models", "choice"),),
    gives="scores",
    parameters=(
        key("metrics", "All that fit the task without it.", ARRAY, each=_NAMES),
        key("plots", "Such as roc and importance; `all`: those of the task.", ARRAY, each=_NAMES),
        key(
            "positive",
            "The class that metrics such as recall are of.",
            TEXT,
            BOOLEAN,
            Domain("integer"),
        ),
        key("dataset", "A dataset in place of the held-out rows: NAME or NAME@VERSION."),
    ),
    reads="dataset",
    driven=True,
)

_COMPARE = StepSpec(
    "compare",
    "Chooses the best of the models by a metric.",
    takes=(("scores",),),
    gives="choice",
    parameters=(
        key("by", "The metric, one of those of evaluate; it may be left out if that has only one."),
    ),
    driven=True,
)

_PROMOTE = StepSpec(
    "promote",
    "Registers the model as a version, and lets it answer if it meets what is required.",
    takes=(("choice", "scores", "models"),),
    gives="version",
    parameters=(
        needed("model", "the name of the model that it becomes a version of"),
        key("require", "Such as `f1 >= champion + 0.01`; all must hold.", ARRAY, each=_NAMES),
        key("alias", "The alias that it gets.", default="champion"),
        key("reason", "A few words for people."),
    ),
    driven=True,
)

_PREDICT = StepSpec(
    "predict",
    "Predicts the rows of a table or dataset.",
    takes=(("choice", "version", "models"), ("table", "split")),
    parameters=(
        key("dataset", "A dataset in place of a table: NAME or NAME@VERSION."),
        key("with_input", "Repeat all columns of the rows.", BOOLEAN, default=False),
        key("columns", "The columns to repeat.", ARRAY, each=_NAMES, columns=True),
    ),
    reads="dataset",
    package="autolearn",
)

_DELIVER = StepSpec(
    "deliver",
    "Gives a table away: as a version of a dataset, or as a file on your machine.",
    gives="files",
    parameters=(
        key("dataset", "The dataset that gets a version."),
        key("file", "A file that your client writes, below the folder where the run is started."),
        key("summary", "A short description of the dataset."),
    ),
    one_of=("dataset", "file"),
    driven=True,
)

_PLAIN_PATH = re.compile(r"(?!/)[^\x00-\x1f\\:~]{1,200}")
"""A path that leaves no folder, whatever the operating system."""

DRIVEN = {
    spec.name: spec
    for spec in (_SOURCE, _SPLIT, TRAIN, _EVALUATE, _COMPARE, _PROMOTE, _PREDICT, _DELIVER)
}
"""The kinds that every pipeline may have, beside the functions of the catalog."""


def misfits(kind: str, parameters: dict[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong in the parameters of one of our steps beside their types: path, and why.

    That is what does not go together, an expression, or a rule in words.
    """
    if kind == "source" and "dataset" in parameters:
        for one in _READ:
            if one.name in parameters:
                yield (one.name,), f"{one.name} is for a file or url: a dataset has been read"
    if kind in ("source", "deliver") and _leaves(parameters.get("file")):
        yield ("file",), "a file lies below the folder where the run is started: name it from there"
    if kind == "train":
        yield from train_misfits(parameters)
    if kind == "split" and parameters.get("by") == "column" and "column" not in parameters:
        yield ("by",), "by column needs column: the one that says which rows are held out"
    if kind == "select":
        yield from _expression_misfits({("where",): parameters.get("where")})
    if kind == "features" and isinstance(add := parameters.get("add"), dict):
        yield from _expression_misfits({("add", name): text for name, text in add.items()})
    if kind == "expect" and isinstance(rules := parameters.get("rules"), dict):
        yield from _rule_misfits(rules)


def _expression_misfits(texts: Mapping[Path, JsonValue]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong in the syntax of expressions."""
    for path, text in texts.items():
        if isinstance(text, str) and not isinstance(text, Unresolved):
            try:
                ExpressionSyntax(text)
            except ExpressionFault as fault:
                yield path, str(fault)


def _rule_misfits(rules: Mapping[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong in the words of rules, but where they are not known yet."""
    given = [rules.get(name) or [] for name in ("hard", "soft")]
    if not all(isinstance(one, list) and all(map(_is_known, one)) for one in given):
        return
    for pointer, why in rules_in(*given)[1].items():  # type: ignore[arg-type]
        severity, *number = pointer.removeprefix("#/").split("/")
        yield ("rules", severity, *map(int, number)), why


def _is_known(value: JsonValue) -> bool:
    return isinstance(value, str) and not isinstance(value, Unresolved)


def _leaves(file: JsonValue) -> bool:
    """Return whether a path may lead out of the folder that it is relative to."""
    if not isinstance(file, str):
        return False
    hidden = any(part.startswith(".") and part != "." for part in file.split("/"))
    return hidden or not _PLAIN_PATH.fullmatch(file)
