"""Files of pipelines to begin with: they run, and their comments teach."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from autolearn.schemas.bounds import listed
from autolearn.schemas.errors import AutoLearnError, ExitCode
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.values import KINDS, Column

TemplateTask = Literal["classification", "regression", "clustering", "anomaly", "forecast"]
TEMPLATES = get_args(TemplateTask)

_MANY = 50
"""Different numbers from which on a target is no class."""
_COLUMNS_SHOWN = 30
_NUMBERS = ("integer", "number")
_RESERVED = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


class TemplateUnfit(AutoLearnError):
    """A template that does not fit the data."""

    title = "The template does not fit the data"
    exit_code = ExitCode.USAGE


def _unknown(what: str, noun: str, given: str, known: Iterable[str]) -> TemplateUnfit:
    words = unknown_word(what, noun, given, known)
    return TemplateUnfit(words if words.endswith("?") else f"{words}.")


class _About(NamedTuple):
    """What a template is filled with; names are as YAML has them."""

    name: str
    file: str
    target: str
    time: str
    ahead: str
    first: str


_HEAD = """\
# {what}
#
#   autolearn pipeline apply {name}.yaml
#   autolearn pipeline run {name}{given}
#
# docs/pipelines.md describes every key. The columns of {file}:
{columns}
pipeline: {name}
summary: {summary}

# Values that a run may give in place of these, as ${{NAME}} below.
parameters:
{parameters}
seed: 0          # all that is random comes from it: the same data give the same result
commit: auto     # ask: the session of a run waits until you commit it
keep: last 30    # what stays of ended runs; 30d is by days

steps:
  # The file is uploaded as a dataset. It may be one already: source: {{dataset: NAME}}
  - source: {{file: {file}}}

"""

_TEST = """\
  test: {type: number, default: 0.25, minimum: 0.05, maximum: 0.5, summary: the held-out fraction}
"""

_CONTAMINATION = """\
  contamination: {type: number, default: 0.05, minimum: 0.001, maximum: 0.5}
"""

_CLEAN = """\
  # Rows that are there twice would be learned, and asked in the test as well.
  - clean: {duplicates: drop}

"""

_SPLIT = """\
  # Models are measured on rows that they have not seen. By hash, a row that is held out is so
  # again with newer data. {by: hash, column: NAME} does so by an id, and holds out together the
  # rows that share it.
  - split: {test: "${test}", by: hash}

"""

_REST = """\
  - promote: {{model: {name}{require}}}

  # The rows of the data with what the model says of them. For other rows: {{dataset: NAME}}
  - predict: {{with_input: true}}
  - deliver: {{file: {name}-predictions.csv}}
"""

_CLASSIFICATION = """\
  # Each candidate is trained on the same rows: as it is, over a grid, or tuned by trials.
  # {{features: [...]}} or {{drop: [...]}} chooses columns; all are learned from without it.
  - train:
      target: {target}
      task: classification
      candidates:
        - logistic-regression
        - {{estimator: random-forest, grid: {{n_estimators: [100, 300]}}}}
        - {{estimator: hist-gradient-boosting, tune: {{trials: 10}}}}
  # {{plots: [all]}} computes the pictures of each as well, which takes longer.
  - evaluate: {{metrics: [f1, accuracy, balanced-accuracy]}}
  - compare: {{by: f1}}

  # The best one becomes a version of a model. It answers if it is as good as the one before.
"""

_REGRESSION = """\
  # Each candidate is trained on the same rows: as it is, over a grid, or tuned by trials.
  # {{features: [...]}} or {{drop: [...]}} chooses columns; all are learned from without it.
  - train:
      target: {target}
      task: regression
      candidates:
        - ridge
        - {{estimator: random-forest-regressor, grid: {{n_estimators: [100, 300]}}}}
        - {{estimator: hist-gradient-boosting-regressor, tune: {{trials: 10}}}}
  # {{plots: [all]}} computes the pictures of each as well, which takes longer.
  - evaluate: {{metrics: [rmse, mae, r2]}}
  - compare: {{by: rmse}}

  # The best one becomes a version of a model. It answers if it is as good as the one before.
"""

_CLUSTERING = """\
  # Nothing says which groups there are: numbers of clusters are tried.
  - train:
      candidates:
        - {estimator: k-means, hyperparameters: {n_clusters: 2}}
        - {estimator: k-means, hyperparameters: {n_clusters: 3}}
        - {estimator: k-means, hyperparameters: {n_clusters: 5}}
        - {estimator: k-means, hyperparameters: {n_clusters: 8}}
  - evaluate: {metrics: [silhouette, davies-bouldin]}
  - compare: {by: silhouette}

  # The number whose clusters lie farthest apart becomes a version of a model.
"""

_ANOMALY = """\
  # It learns what is usual. The contamination is the share of rows that are called unusual.
  - train:
      estimator: isolation-forest
      hyperparameters: {contamination: "${contamination}"}
  - evaluate: {metrics: [anomaly-rate]}

  # One candidate needs no comparison.
"""

_FORECAST = """\
  # Rows that are there twice have no order in time.
  - clean: {{duplicates: drop}}

  # What is known when a forecast is made: the values before, and means of them, in rows. Several
  # series in one file (shops, say): add group: [COLUMN] here, and to the target below.
  - windows: {{time: {time}, columns: [{target}], lags: [1, 2, 3, 7], rolling: [7], complete: true}}
  - features: {{dates: {{{time}: [hour, weekday]}}}}

  # The latest rows are held out: a model that has seen the future proves nothing.
  - split: {{by: time, column: {time}, test: "${{test}}"}}

  # A model for each time ahead: s, m, h, d or w. Beside them stand two naive forecasts: the last
  # value, and the value of the same time a season (7d) before.
  - train:
      target: {{column: {target}, ahead: [{ahead}], season: 7d}}
      candidates:
        - ridge
        - hist-gradient-boosting-regressor
  - evaluate: {{metrics: [mae, rmse, r2]}}
  - compare: {{by: mae}}

  # The best of each becomes a version of a model of its own: {name}-{first}, and so on. It answers
  # if it is as good as the one before.
"""

_WHAT = {
    "classification": "Learns which class of {target} a row has",
    "regression": "Learns the number {target} of a row",
    "clustering": "Finds rows that are alike",
    "anomaly": "Finds rows that are unusual",
    "forecast": "Learns what {target} will be later",
}


def template(
    task: str,
    *,
    name: str,
    file: str,
    columns: Sequence[Column],
    target: str = "",
    time: str = "",
    ahead: Sequence[str] = ("1d", "7d"),
) -> str:
    """Return the text of a file for a task, whose source is a `file` with these columns.

    `target` is the column to learn, `time` that of the times of a forecast (without it the first
    one that has times), and `ahead` how much later it is.

    Raises:
        TemplateUnfit: there is no such template, or it does not fit the columns.
    """
    if task not in TEMPLATES:
        raise _unknown("AutoLearn", "template", task, TEMPLATES)
    by_name = {column.name: column for column in columns}
    if task in ("classification", "regression", "forecast"):
        _check_target(task, target, by_name)
    if task == "forecast":
        time = _time_of(time, by_name)
    about = _About(
        name, _word(file), _word(target), _word(time), ", ".join(map(_word, ahead)), ahead[0]
    )
    what = _WHAT[task].format(target=about.target)
    shown = [f"#   {_word(one.name)}: {one.type}" for one in columns[:_COLUMNS_SHOWN]]
    if len(columns) > _COLUMNS_SHOWN:
        shown.append(f"#   and {len(columns) - _COLUMNS_SHOWN:,} more")
    anomaly = task == "anomaly"
    head = _HEAD.format(
        what=f"{what}.",
        name=name,
        file=about.file,
        given=" -p contamination=0.02" if anomaly else " -p test=0.2",
        columns="\n".join(shown),
        summary=_quoted(what),
        parameters=_CONTAMINATION if anomaly else _TEST,
    )
    return head + "".join(part.format(**about._asdict()) for part in _parts(task))


def _parts(task: str) -> tuple[str, ...]:
    """Return the steps of a task as texts to format."""
    clean, split, clustering, anomaly = map(_literal, (_CLEAN, _SPLIT, _CLUSTERING, _ANOMALY))
    match task:
        case "classification":
            return clean, split, _CLASSIFICATION, _gated("f1 >= champion")
        case "regression":
            return clean, split, _REGRESSION, _gated("rmse <= champion")
        case "clustering":
            return clean, split, clustering, _gated("silhouette >= champion")
        case "anomaly":
            return clean, anomaly, _gated("")
        case _:
            return _FORECAST, _gated("mae <= champion")


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _gated(requirement: str) -> str:
    return _REST.replace("{require}", f', require: ["{requirement}"]' if requirement else "")


def _check_target(task: str, target: str, columns: dict[str, Column]) -> None:
    """Raise TemplateUnfit unless there is such a target, and the task can learn it."""
    if not target:
        raise TemplateUnfit(
            f"{task} learns a column, and none is named.",
            advice=f"Name the target, one of {listed(list(columns))}.",
        )
    if target not in columns:
        raise _unknown("the file", "column", target, columns)
    column = columns[target]
    numbers = column.type in _NUMBERS
    if task != "classification" and not numbers:
        raise TemplateUnfit(
            f"{target} has {KINDS[column.type]}, and {task} learns numbers.",
            advice="Take the template classification, or another target.",
        )
    if task == "classification" and (
        column.type == "timestamp"
        or (numbers and (column.distinct is None or column.distinct > _MANY))
    ):
        many = "times" if column.type == "timestamp" else "many different numbers"
        raise TemplateUnfit(
            f"{target} has {many}, which are no classes.",
            advice="Take the template regression, or another target.",
        )


def _time_of(time: str, columns: dict[str, Column]) -> str:
    """Return the column of times. Raises TemplateUnfit if there is none."""
    if time and time not in columns:
        raise _unknown("the file", "column", time, columns)
    if time and columns[time].type != "timestamp":
        raise TemplateUnfit(f"{time} has {KINDS[columns[time].type]}, and no times.")
    found = time or next((one.name for one in columns.values() if one.type == "timestamp"), "")
    if not found:
        raise TemplateUnfit(
            "forecast needs a column of times, and the file has none.",
            advice="If a column has dates, say in which form: --type COLUMN=DD/MM/YYYY.",
        )
    return found


def _word(text: str) -> str:
    """Return text as a plain word of YAML where it is one, else in quotes."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in _RESERVED:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return text in quotes of YAML, with what would be a parameter as text."""
    text = text.replace("${", "$${")
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    inside = (one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
    return '"' + "".join(inside) + '"'
