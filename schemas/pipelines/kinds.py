"""The kinds of steps that the process which drives pipelines does itself, and `predict`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import get_args

from msgspec.structs import replace

from autolearn.schemas.pipelines.file_keys import (
    ARRAY,
    BOOLEAN,
    NUMBER,
    OBJECT,
    TEXT,
    key,
    needed,
    words,
)
from autolearn.schemas.pipelines.steps import Path, StepParameter, StepSpec
from autolearn.schemas.studies.search import MOST_PARALLEL, MOST_TRIALS, Sampler
from autolearn.schemas.training.preprocess import Balance, Encode, Impute, Scale
from autolearn.schemas.values import ColumnRole, Domain, JsonValue, SplitBy

_FRACTION = Domain("number", 0, 1, exclusive_minimum=True, exclusive_maximum=True)
_COUNT = Domain("integer", 0, 2**53)
_NAMES = key("name", "")
_MOST_CANDIDATES = 100
"""Candidates of one train step."""

_READ = (
    key("format", "By the file without it.", words("csv", "parquet", "arrow", "jsonl", "excel")),
    key("separator", "The separator of columns, or tab."),
    key("decimal", "The decimal sign.", words(".", ",")),
    key("encoding", "Such as latin-1.", default="utf-8"),
    key("header", "Whether the first row has names.", BOOLEAN),
    key("skip_lines", "Lines above the header.", _COUNT),
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
        key("file", "A file on your machine, uploaded as the dataset <pipeline>-<file>."),
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
        key("test", "The held-out fraction of the rows.", _FRACTION, default=0.25),
        key("stratify", "Keep the class balance (at random).", BOOLEAN, default=True),
        key(
            "by",
            "time: the latest rows are held out; group: a group is in one part; column: the column "
            "says which rows are held out. Without it by the roles of columns, else random.",
            words(*get_args(SplitBy)),
        ),
        key("column", "That of the time, the group, or the parts.", columns=True),
        key("folds", "Folds of a cross-validation.", Domain("integer", 0, 20), default=0),
    ),
    driven=True,
)

_HYPERPARAMETERS = key("hyperparameters", "Those that differ from the defaults.", OBJECT)
_SPACE = key(
    "space",
    "What is tried, by hyperparameter, in place of the estimator's own.",
    OBJECT,
    each=key(
        "dimension",
        "",
        OBJECT,
        fields=(
            key("choices", "The values to try.", ARRAY),
            key("low", "The least.", NUMBER),
            key("high", "The greatest.", NUMBER),
            key("log", "Draw uniformly by the logarithm.", BOOLEAN, default=False),
        ),
    ),
)
_TUNE = key(
    "tune",
    "A study that searches the best hyperparameters.",
    OBJECT,
    fields=(
        key("trials", "At most; 50 without it and budget.", Domain("integer", 1, MOST_TRIALS)),
        key("metric", "By its mean over the folds; accuracy or r2 without it."),
        key("sampler", "How values are chosen.", words(*get_args(Sampler)), default="tpe"),
        _SPACE,
        key(
            "budget",
            "Seconds after which no trial goes on.",
            Domain("number", 0, 7 * 86400, exclusive_minimum=True),
        ),
        key("parallel", "Trials at a time.", Domain("integer", 1, MOST_PARALLEL)),
        key("prune", "End trials that are worse than others early.", BOOLEAN, default=False),
    ),
)
_CANDIDATE = key(
    "candidate",
    "",
    TEXT,
    OBJECT,
    fields=(
        needed("estimator", "a name of the catalog, such as random-forest"),
        _HYPERPARAMETERS,
        key(
            "grid",
            "The values to combine, by hyperparameter.",
            OBJECT,
            each=key("values", "", ARRAY),
        ),
        _TUNE,
    ),
)

_COLUMN_PREPROCESSING = (
    key("impute", "How gaps are filled.", words(*get_args(Impute))),
    key("fill_value", "The constant for gaps.", NUMBER, BOOLEAN, TEXT),
    key("indicator", "A further feature says where gaps were.", BOOLEAN),
    key("clip", "Limit numbers to quantiles.", Domain("number", 0, 0.5, exclusive_maximum=True)),
    key("log", "Take sign(x) log(1 + |x|) of numbers.", BOOLEAN),
    key("scale", "How numbers are scaled.", words(*get_args(Scale))),
    key("encode", "How text and booleans become numbers.", words(*get_args(Encode))),
    key("min_frequency", "Join categories in fewer rows.", _COUNT, _FRACTION),
    key("max_features", "The most frequent words that are kept.", Domain("integer", 0, 100_000)),
    key("dates", "Replace times by parts of them.", words("parts", "none"), ARRAY, each=_NAMES),
)
_PREPROCESSING = key(
    "preprocessing",
    "The preprocessing of the features, fitted on the training rows.",
    OBJECT,
    fields=(
        *_COLUMN_PREPROCESSING,
        key("fill_text", "For gaps in text and booleans."),
        key(
            "columns",
            "What differs for single columns.",
            OBJECT,
            each=key("column", "", OBJECT, fields=_COLUMN_PREPROCESSING),
        ),
        key("select", "Keep the best features.", Domain("integer", 1, 2**53), _FRACTION),
        key("drop_duplicates", "Leave out training rows that repeat another one.", BOOLEAN),
        key("balance", "Give classes equal weight.", words(*get_args(Balance))),
    ),
)

_TARGET = StepParameter(
    "target",
    (TEXT, OBJECT),
    None,
    "The column to learn, the dataset's own without it. {column: load, ahead: [1h, 1d]}: "
    "what it will be that much later.",
    columns=True,
    fields=(
        needed("column", "the column to learn"),
        key("ahead", "How much later, as 1h or 7d; a model each.", ARRAY, TEXT, each=_NAMES),
    ),
)

_TRAIN = StepSpec(
    "train",
    "Trains each candidate on the training rows.",
    takes=(("split", "table"),),
    gives="models",
    parameters=(
        _TARGET,
        key(
            "task",
            "What the models are for; to be said if many different numbers are classes.",
            words("classification", "regression"),
        ),
        key("features", "The columns to learn from.", ARRAY, each=_NAMES, columns=True),
        key("drop", "Columns to leave out.", ARRAY, each=_NAMES, columns=True),
        key(
            "roles",
            "The roles of columns, before the dataset's own.",
            OBJECT,
            each=key("role", "", words(*get_args(ColumnRole))),
        ),
        _PREPROCESSING,
        key("candidates", "Estimators: names, or objects.", ARRAY, each=_CANDIDATE),
        key("estimator", "The only candidate."),
        _HYPERPARAMETERS,
        key("fold_metrics", "What is measured on each fold.", ARRAY, each=_NAMES),
        key("calibrate", "Makes probabilities what they say.", words("sigmoid", "isotonic")),
        key(
            "threshold",
            "The probability from which on a class is predicted, or the metric that chooses it.",
            _FRACTION,
            TEXT,
        ),
        key("seed", "In place of the pipeline's.", Domain("integer", 0, 2**32 - 1)),
    ),
    one_of=("candidates", "estimator"),
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
        key("file", "A file on your machine, below the folder where the run is started."),
        key("summary", "A short description of the dataset."),
    ),
    one_of=("dataset", "file"),
    driven=True,
)

_PLAIN_PATH = re.compile(r"(?!/)[^\x00-\x1f\\:~]{1,200}")
"""A path that leaves no folder, whatever the operating system."""

DRIVEN = {
    spec.name: spec
    for spec in (_SOURCE, _SPLIT, _TRAIN, _EVALUATE, _COMPARE, _PROMOTE, _PREDICT, _DELIVER)
}
"""The kinds that every pipeline may have, beside the functions of the catalog."""


def with_driven(offered: Mapping[str, StepSpec]) -> dict[str, StepSpec]:
    """Return all kinds of steps: those that workers offer, and the driven ones.

    A function that does (a part of) a driven step gives it its package and digest.
    """
    found = dict(offered)
    for name, spec in DRIVEN.items():
        if by := offered.get(name):
            spec = replace(
                spec,
                package=by.package,
                package_version=by.package_version,
                digest=by.digest,
                network=by.network,
            )
        found[name] = spec
    return found


def misfits(kind: str, parameters: dict[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    """Yield what does not go together in the parameters of a driven step: the path, and why."""
    if kind == "source" and "dataset" in parameters:
        for one in _READ:
            if one.name in parameters:
                yield (one.name,), f"{one.name} is for a file or url: a dataset has been read"
    if kind == "deliver" and isinstance(file := parameters.get("file"), str):
        if not _PLAIN_PATH.fullmatch(file) or ".." in file.split("/"):
            yield (
                ("file",),
                "the file is written below the folder where the run is started: say it so",
            )
    if kind == "train":
        yield from _train_misfits(parameters)
    if kind == "split" and parameters.get("by") == "column" and "column" not in parameters:
        yield ("by",), "by column needs column: the one that says which rows are held out"


def _train_misfits(parameters: dict[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    candidates = parameters.get("candidates")
    if "hyperparameters" in parameters and candidates is not None:
        yield (
            ("hyperparameters",),
            "hyperparameters are those of estimator: put them in a candidate",
        )
    if not isinstance(candidates, list):
        return
    if not 0 < len(candidates) <= _MOST_CANDIDATES:
        yield (
            ("candidates",),
            f"there are 1 to {_MOST_CANDIDATES} candidates, not {len(candidates)}",
        )
    for index, one in enumerate(candidates):
        path: Path = ("candidates", index)
        grid = one.get("grid") if isinstance(one, dict) else None
        if not isinstance(grid, dict):
            continue
        if isinstance(tune := one.get("tune"), dict) and "space" in tune:
            yield (*path, "tune", "space"), "the grid is the space: leave one of them out"
        sizes = [len(values) for values in grid.values() if isinstance(values, list)]
        if not 0 < (number := math.prod(sizes)) <= MOST_TRIALS:
            words = f"a grid has 1 to {MOST_TRIALS:,} combinations, not {number:,}"
            yield (*path, "grid"), f"{words}; tune searches larger spaces"
