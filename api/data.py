"""Which dataset a body means, and what its target makes of it."""

from __future__ import annotations

from autolearn.api.bodies import DatasetBody, Limits
from autolearn.api.facade import Facade
from autolearn.api.problems import Problem, unknown
from autolearn.projections.models import DatasetRow
from autolearn.projections.queries import Moment
from autolearn.schemas.catalog import CLASSIFICATION, REGRESSION, DatasetSpec
from autolearn.schemas.settings import PREFIX, Settings
from autolearn.schemas.values import Column

__all__ = ["check_dataset", "check_limits", "find_dataset", "looked_up", "task_of_target", "wrong"]

FEW_INTEGERS = 20
"""As in artifacts.profiling: an integer column with more different values is not a class."""


def wrong(kind: str, title: str, faults: dict[str, str]) -> Problem:
    """Return the problem of a body whose values do not fit the catalog; faults by pointer."""
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in faults.items()]
    return Problem(422, kind, title, "; ".join(faults.values()) + ".", errors=errors)


def check_limits(body: Limits, settings: Settings) -> tuple[float, int]:
    """Return the seconds and the MiB that a run may take.

    Raises:
        Problem: more is asked for than the operator allows.
    """
    faults = {}
    for name, unit in (("time_limit", "seconds"), ("memory_limit", "MiB")):
        asked, most = getattr(body, name), getattr(settings, name)
        if asked is not None and not asked <= most:
            faults[f"#/{name}"] = (
                f"{name} is at most {most:g} {unit} here, and {str(asked)[:30]} are asked for: an "
                f"operator can raise it with {PREFIX}{name.upper()}"
            )
    if faults:
        raise wrong("limit-too-high", "More is asked for than a run may take", faults)
    return body.time_limit or settings.time_limit, body.memory_limit or settings.memory_limit


async def looked_up(facade: Facade, *present: object) -> None:
    """If something that a body names is not known here yet, wait until all that exists is."""
    if any(thing is None for thing in present):
        await facade.fresh()


def find_dataset(moment: Moment, given: str | DatasetBody) -> DatasetRow | None:
    """Return the version of a dataset that a body means, or None."""
    if isinstance(given, str):
        return moment.dataset(given)
    return moment.dataset(given.name, given.version)


def check_dataset(moment: Moment, given: str | DatasetBody) -> DatasetSpec:
    """Return the version of a dataset that a body means.

    Raises:
        Problem: there is no such dataset, or it has no such version.
    """
    row = find_dataset(moment, given)
    if row is not None:
        return row.spec
    name = given if isinstance(given, str) else given.name
    if isinstance(given, str) or moment.dataset(name) is None:
        names = [row.spec.name for row in moment.datasets()]
        raise unknown("dataset", name, names, "/v1/datasets", "#/dataset")
    versions = [row.spec.version for row in moment.dataset_versions(name)]
    where = f"/v1/datasets/{name}/versions"
    raise unknown("version", given.version or "", versions, where, "#/dataset/version")


def task_of_target(spec: DatasetSpec, target: str | None) -> tuple[str | None, str | None]:
    """Return the column to learn and the task that it makes, both None if nothing is learned.

    Raises:
        Problem: there is no such column, or it cannot be learned.
    """
    if target is None or target == spec.target:
        return spec.target, spec.task
    column = next((column for column in spec.columns if column.name == target), None)
    if column is None:
        names = [column.name for column in spec.columns]
        raise unknown("target", target, names, f"/v1/datasets/{spec.name}", "#/target")
    if column.type == "timestamp":
        raise wrong(
            "target-unfit",
            "The target cannot be learned",
            {"#/target": f"{target} is a timestamp: make it a number, or choose another target"},
        )
    if column.distinct is not None and column.distinct < 2:
        raise wrong(
            "target-unfit",
            "The target cannot be learned",
            {"#/target": f"{target} has {column.distinct} different values: nothing to learn"},
        )
    return target, task_of(column, spec.rows)


def task_of(column: Column, rows: int) -> str:
    """Return the task that a column makes: the rule of artifacts.profiling."""
    if column.type in ("string", "boolean"):
        return CLASSIFICATION
    distinct, present = column.distinct, rows - column.missing
    few = distinct is not None and distinct <= FEW_INTEGERS and distinct * 2 <= present
    return CLASSIFICATION if column.type == "integer" and few else REGRESSION
