"""The catalog: specifications of estimators, metrics and datasets, and checks against them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from autolearn.schemas.bounds import DATASET_VERSIONS, cut
from autolearn.schemas.datasets.findings import DataFinding, masked_findings
from autolearn.schemas.datasets.made_from import DatasetSource
from autolearn.schemas.datasets.read_options import ReadHints, ReadOptions
from autolearn.schemas.studies.search import Dimension
from autolearn.schemas.values import Column, ColumnRole, DatasetRef, Hyperparameter, JsonValue

CLASSIFICATION = "classification"
REGRESSION = "regression"
CLUSTERING = "clustering"
ANOMALY_DETECTION = "anomaly-detection"


EXTRAS = {
    "lightgbm": "lightgbm",
    "lightgbm-regressor": "lightgbm",
    "lightgbm-dask": "dask",
    "lightgbm-dask-regressor": "dask",
}
"""The extra of AutoLearn that an estimator needs, by the estimator's name."""


def wants_extra(estimator: str) -> str:
    """Return the missing extra of an estimator and its installation; nothing for unknown ones."""
    if estimator not in EXTRAS:
        return ""
    package = f"autolearn[{EXTRAS[estimator]}]"
    return f"{estimator} needs {package}: `pip install '{package}'` where the workers run"


BASELINES = frozenset({"dummy", "dummy-regressor"})
"""The estimators that ignore the features: what is not better has learned nothing."""
BUNDLED_DATASETS = frozenset({"breast-cancer", "diabetes", "digits", "iris", "linnerud", "wine"})
"""Names of the datasets that come with AutoLearn; no user may take them."""


class EstimatorSpec(Struct, frozen=True):
    """An estimator of the catalog: an algorithm that can be trained.

    `task` says what it learns (classification, regression, clustering, anomaly-detection, or a word
    of a plug-in's own); `library` and `library_version` name the distribution that implements it.
    """

    name: str
    task: str
    summary: str
    library: str
    library_version: str
    hyperparameters: tuple[Hyperparameter, ...] = ()
    space: dict[str, Dimension] | UnsetType = UNSET
    """What a study tries, by hyperparameter."""
    batches: bool | UnsetType = UNSET
    """Whether it can learn in batches, of more rows than the memory holds."""


class MetricSpec(Struct, frozen=True):
    """A measure of a trained model.

    `tasks` are those it fits; `result` is scalar, matrix or table; `greater_is_better` is None
    where neither direction is better. `needs` is its input: prediction, scores, probabilities or
    features; unset where that was not recorded. With `of_class` it can be of one class
    (`recall:yes`); unless `by_default` is unset, it is computed only if it is named.
    """

    name: str
    tasks: tuple[str, ...]
    summary: str
    library: str
    library_version: str
    result: str = "scalar"
    greater_is_better: bool | None = True
    needs: str | UnsetType = UNSET
    of_class: bool | UnsetType = UNSET
    by_default: bool | UnsetType = UNSET


def metric_and_class(name: str) -> tuple[str, str | None]:
    """Split the name of a metric, such as recall:yes, into metric and class (None without one)."""
    metric, colon, of_class = name.partition(":")
    return metric, of_class if colon else None


class DatasetSpec(Struct, frozen=True, omit_defaults=True):
    """One version of a dataset, described by its content.

    `version` is the SHA-256 (hex) of the bytes, `bytes` their number and `format` csv, parquet,
    arrow, jsonl or excel. `target` is the column that is learned by default, `task` the task of
    that target (None without one), `classes` the rows per label of the target (as strings, where
    they are few), and `schema_hash` the SHA-256 of the columns' names and types. `origin` is
    bundled or uploaded. `read` says how the file is read, `hints` what the user said about that;
    `read` is None for versions that were registered before it was recorded. `findings` are the
    oddities of the data; with `accepted` severe ones do not prevent trainings. `stored`, `keyid`
    and `folder` as in a DatasetRef. `sensitive` are the names of columns whose values are hidden,
    in all versions: the newest version's list counts. So do `roles`, the roles of columns that
    were given one, but the target's, and `positive`, the class of the target that evaluations
    measure. `made_from` are its sources, as who registered it said.
    """

    name: str
    version: str
    format: str
    bytes: int
    rows: int
    columns: tuple[Column, ...]
    schema_hash: str
    target: str | None = None
    task: str | None = None
    classes: dict[str, int] = {}
    origin: str = "uploaded"
    summary: str = ""
    stored: str = ""
    keyid: str = ""
    sensitive: tuple[str, ...] = ()
    read: ReadOptions | None = None
    hints: ReadHints | None = None
    findings: tuple[DataFinding, ...] = ()
    accepted: bool = False
    roles: dict[str, ColumnRole] = {}
    positive: str | None = None
    folder: str = ""
    made_from: tuple[DatasetSource, ...] = ()

    def masked(self, sensitive: Collection[str]) -> DatasetSpec:
        """Return this without the values of the `sensitive` columns, which are marked.

        Values that an earlier mark removed do not come back.
        """
        names = frozenset(sensitive)
        if not names and not self.sensitive:
            return self
        return replace(
            self,
            columns=tuple(_masked(column, column.name in names) for column in self.columns),
            classes={} if self.target in names else self.classes,
            positive=None if self.target in names else self.positive,
            sensitive=tuple(sorted(names)),
            findings=masked_findings(self.findings, names),
        )

    @property
    def ref(self) -> DatasetRef:
        """The reference by which runs name this version."""
        return DatasetRef(self.name, self.version, self.stored, self.keyid, self.folder)


MOST_CLASSES = 1_000
"""Different values of a target that can be classes."""
_FEW_CLASSES = 20
"""Different numbers that are taken for classes without a hint."""


def few_values(distinct: int | None, present: int) -> bool:
    """Return whether numbers have so few distinct values that they may be classes."""
    return distinct is not None and distinct <= _FEW_CLASSES and distinct * 2 <= present


def too_many_versions(name: str) -> str:
    """Return why a dataset takes no more versions, and the remedy."""
    return (
        f"{name} has {DATASET_VERSIONS} versions, and no dataset may have more; no setting raises "
        "that. Upload it by another name; versions that there are can be uploaded again."
    )


def _masked(column: Column, sensitive: bool) -> Column:
    if sensitive:
        return replace(column, minimum=None, maximum=None, sensitive=True)
    return replace(column, sensitive=False) if column.sensitive is True else column


def check_hyperparameters(spec: EstimatorSpec, given: Mapping[str, JsonValue]) -> list[str]:
    """Return the faults of hyperparameters for an estimator, a sentence each; [] for none."""
    known = {parameter.name: parameter for parameter in spec.hyperparameters}
    faults = []
    for name, value in given.items():
        if name in known:
            fault = known[name].refusal(value)
        else:
            fault = f"{spec.name} has no hyperparameter {cut(name)!r}; it has {', '.join(known)}"
        if fault:
            faults.append(fault)
    return faults


_METHODS = {
    "prediction": ("predict", "fit_predict"),
    "scores": ("predict_proba", "decision_function"),
    "probabilities": ("predict_proba",),
}
"""The artifact methods of which a metric wants one, by its need; other needs want the first."""


def threshold_parts(given: str) -> tuple[float | str, str | None]:
    """Split a threshold, such as 0.3:yes or f1:yes, into its number or metric, and its class."""
    wanted, of_class = metric_and_class(given)
    try:
        return float(wanted), of_class
    except ValueError:
        return wanted, of_class


def unanswered(
    metric: str, needs: str | UnsetType, estimator: str, methods: Collection[str] | None
) -> str | None:
    """Return why a metric cannot be computed from an artifact's methods; None if it can."""
    if needs is UNSET or methods is None:
        return None
    wanted = _METHODS.get(needs, _METHODS["prediction"])
    if not {*wanted}.isdisjoint(methods):
        return None
    what = "predictions" if wanted == _METHODS["prediction"] else needs
    return f"{metric} needs {what}, and {estimator} gives none"


def check_metrics(
    task: str,
    wanted: Sequence[str],
    known: Mapping[str, MetricSpec],
    estimator: str = "",
    methods: Collection[str] | None = None,
) -> list[str]:
    """Return the faults of the `wanted` metrics for this task, a sentence each; [] for none.

    `methods` are the prediction methods of the artifact, None if unknown.
    """
    lacks = {name: unanswered(name, one.needs, estimator, methods) for name, one in known.items()}
    fit = sorted(name for name, spec in known.items() if task in spec.tasks and not lacks[name])
    faults = []
    for full in wanted:
        name, of_class = metric_and_class(full)
        spec, fitting = known.get(name), ", ".join(fit)
        if spec is None:
            faults.append(f"there is no metric {cut(name)!r}: choose from {fitting}")
        elif task not in spec.tasks:
            faults.append(f"{name} does not fit {task}: choose from {fitting}")
        elif lacks[name]:
            faults.append(f"{lacks[name]}: choose from {fitting}")
        elif of_class is not None and spec.of_class is not True:
            able = ", ".join(one for one in fit if known[one].of_class is True)
            faults.append(f"{name} cannot be of one class: choose from {able}, or leave out the :")
    return faults


_SUPERVISED = (CLASSIFICATION, REGRESSION)

PLOTS: dict[str, tuple[str, ...]] = {
    "confusion": (CLASSIFICATION,),
    "roc": (CLASSIFICATION,),
    "precision-recall": (CLASSIFICATION,),
    "calibration": (CLASSIFICATION,),
    "residuals": (REGRESSION,),
    "importance": _SUPERVISED,
    "partial-dependence": _SUPERVISED,
    "learning-curve": _SUPERVISED,
}
"""The tasks of each plot, by its name."""

ALL_PLOTS = "all"


def plots_of(task: str) -> list[str]:
    """Return the plots of a task."""
    return [name for name, tasks in PLOTS.items() if task in tasks]


def plot_faults(task: str, wanted: Sequence[str]) -> list[str]:
    """Return the faults of the `wanted` plots for a task, a sentence each; [] for none."""
    fitting = plots_of(task)
    offered = (
        f"choose from {', '.join([ALL_PLOTS, *fitting])}" if fitting else "none fits that task"
    )
    return [
        f"there is no plot {name[:100]!r}: {offered}"
        if name not in PLOTS
        else f"{name} does not fit {task}: {offered}"
        for name in wanted
        if name not in fitting
    ]
