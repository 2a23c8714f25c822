"""The kind of step that trains: the words of a training and of a study, in a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import get_args

from autolearn.schemas.bounds import cut
from autolearn.schemas.pipelines.file_keys import (
    ARRAY,
    BOOLEAN,
    COUNT,
    FRACTION,
    NUMBER,
    OBJECT,
    TEXT,
    key,
    needed,
    words,
)
from autolearn.schemas.pipelines.steps import Path, StepParameter, StepSpec, Unresolved
from autolearn.schemas.studies.search import MOST_PARALLEL, MOST_TRIALS, Sampler
from autolearn.schemas.training.horizons import DURATION_WORDS, MOST_HORIZONS, seconds_of
from autolearn.schemas.training.preprocess import Balance, Encode, Impute, Scale
from autolearn.schemas.values import ColumnRole, Domain, JsonValue

_NAMES = key("name", "")
_MOST_CANDIDATES = 100
"""Candidates of one train step."""

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
    key("min_frequency", "Join categories in fewer rows.", COUNT, FRACTION),
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
        key("select", "Keep the best features.", Domain("integer", 1, 2**53), FRACTION),
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
        StepParameter(
            "ahead", (ARRAY, TEXT), summary="how much later, as 1h or 7d; a model each", each=_NAMES
        ),
        key("time", "The column of times, without it that by which the rows are split."),
        key("group", "Each group of equal values is a series of its own.", ARRAY, each=_NAMES),
        key("season", "After how long it may be alike again.", default="7d"),
    ),
)

TRAIN = StepSpec(
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
            FRACTION,
            TEXT,
        ),
        key("seed", "In place of the pipeline's.", Domain("integer", 0, 2**32 - 1)),
    ),
    one_of=("candidates", "estimator"),
    driven=True,
)


def train_misfits(parameters: dict[str, JsonValue]) -> Iterator[tuple[Path, str]]:
    """Yield what does not go together in the parameters of a train step: the path, and why."""
    if isinstance(target := parameters.get("target"), dict):
        yield from _forecast_misfits(target, parameters.get("task"))
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


def _forecast_misfits(target: dict[str, JsonValue], task: JsonValue) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a target that is ahead: the path, and why."""
    if task == "classification":
        yield ("task",), "forecasts are of numbers: leave out the task"
    given = target.get("ahead")
    ahead = given if isinstance(given, list) else [given]
    if not 0 < len(ahead) <= MOST_HORIZONS:
        yield ("target", "ahead"), f"ahead has 1 to {MOST_HORIZONS} times, not {len(ahead)}"
    named: dict[int, str] = {}
    for at, text in enumerate(ahead):
        path: Path = ("target", "ahead", at) if isinstance(given, list) else ("target", "ahead")
        if not isinstance(text, str) or isinstance(text, Unresolved):
            continue
        seconds = seconds_of(text)
        if seconds is None:
            yield path, f"{cut(text, 40)!r} is not {DURATION_WORDS}"
        elif first := named.get(seconds):
            yield path, f"{text} is the same as {first}"
        else:
            named[seconds] = text
    season = target.get("season", "1d")
    if isinstance(season, Unresolved) or not isinstance(season, str):
        return
    if seconds_of(season) is None:
        yield ("target", "season"), f"{cut(season, 40)!r} is not {DURATION_WORDS}"


def split_misfits(
    split: Mapping[str, JsonValue], target: Mapping[str, JsonValue]
) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a split that a forecast cannot be trained on, and why."""
    by, column, time = (
        None if isinstance(one, Unresolved) else one
        for one in (split.get("by"), split.get("column"), target.get("time"))
    )
    if by not in (None, "time"):
        yield (
            "by",
            f"the rows are split by {cut(str(by), 40)}, and a forecast is measured on later rows "
            "than it has learned from: say by: time",
        )
    if split.get("stratify") is True:
        yield "stratify", "the rows of a forecast are split by time: leave out stratify"
    if column and time and column != time:
        names = f"{cut(str(column), 60)} here, and {cut(str(time), 60)} in the target"
        yield "column", f"the times of a forecast are in one column, and two are named: {names}"
