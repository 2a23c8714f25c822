"""Resolves and checks the dataset and target of a body."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeVar

from autolearn.api.http.problems import Problem, check_id, unknown
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import (
    Level,
    dataset_access,
    dataset_level,
    may_list,
    may_use,
)
from autolearn.api.limits.quotas import check_quota
from autolearn.api.shared.authorization import forbidden
from autolearn.api.shared.bodies import DatasetBody, LimitsBody
from autolearn.api.shared.id_prefixes import no_version, one_version
from autolearn.api.state.context import ApiContext
from autolearn.projections.queries.decrypting_reader import May
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.catalog import DatasetOwner
from autolearn.schemas.bounds import DATASET_VERSIONS
from autolearn.schemas.catalog import BUNDLED_DATASETS, DatasetSpec, too_many_versions
from autolearn.schemas.errors import REASONS
from autolearn.schemas.settings import PREFIX, WorkerSettings
from autolearn.schemas.values import Column
from autolearn.schemas.workers.labels import faults_in

T = TypeVar("T")
_KNOWN = 200
"""Known names that a problem lists."""
_NEEDED = {
    Level.WORK: "It is for its owner and for those who may change it (dataset share --may work).",
    Level.OWN: "It is the owner's.",
}


def wrong(kind: str, title: str, faults: dict[str, str]) -> Problem:
    """Return the problem of a body whose values do not fit the catalog; faults by pointer."""
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in faults.items()]
    return Problem(422, kind, title, "; ".join(faults.values()) + ".", errors=errors)


class RunLimits(NamedTuple):
    """The limits of a run, in seconds and MiB, and the labels of its worker."""

    time_limit: float
    memory_limit: int
    labels: dict[str, str]


def check_limits(body: LimitsBody, workers: WorkerSettings) -> RunLimits:
    """Return the limits of a run, and the labels of its worker.

    Raises:
        Problem: they exceed the operator's; or a label is none.
    """
    if wrong_labels := faults_in(body.labels):
        detail = {"#/labels": "; ".join(wrong_labels)}
        raise wrong("invalid-labels", "The labels are not understood", detail)
    faults = {}
    for name, unit in (("time_limit", "seconds"), ("memory_limit", "MiB")):
        asked, most = getattr(body, name), getattr(workers, name)
        if asked is not None and not asked <= most:
            faults[f"#/{name}"] = (
                f"{name} is at most {most:g} {unit} here, and {str(asked)[:30]} are asked for: an "
                f"operator can raise it with {PREFIX}{name.upper()}"
            )
    if faults:
        raise wrong("limit-too-high", "More is asked for than a run may take", faults)
    time_limit = body.time_limit or workers.time_limit
    return RunLimits(time_limit, body.memory_limit or workers.memory_limit, body.labels)


async def checked(
    context: ApiContext, known: Callable[[Snapshot], bool], make: Callable[[Snapshot], T]
) -> T:
    """Return the result of `make`, in a thread: it decrypts datasets.

    If a name in the body is unknown here, this waits until the whole log is folded.
    """
    snapshot, lists = context.queries.now(), context.executors.lists
    made = await lists.run(lambda: make(snapshot) if known(snapshot) else None)
    if made is not None:
        return made
    await context.reader.fresh()
    now = context.queries.now()
    return await lists.run(lambda: make(now))


def has_dataset(snapshot: Snapshot, given: str | DatasetBody, may: May) -> bool:
    """Return whether the version of a body's dataset exists, and one `may` use it."""
    name, version = _meant(given)
    if version is None:
        return may(name) and snapshot.catalog.has_dataset(name)
    return may(name) and one_version(snapshot, name, version) is not None


def _meant(given: str | DatasetBody) -> tuple[str, str | None]:
    """Return the name, and the version or its start if one is named; NAME@START is both."""
    if not isinstance(given, str):
        return given.name, given.version
    name, at, version = given.partition("@")
    return name, version if at else None


def check_dataset(snapshot: Snapshot, given: str | DatasetBody, may: May) -> DatasetSpec:
    """Return the version of a body's dataset.

    Raises:
        Problem: there is none that one `may` use, or it has no such version.
    """
    name, start = _meant(given)
    if not may(name) or not snapshot.catalog.has_dataset(name):
        raise unknown("dataset", name, known(snapshot, may), "/v1/catalog/datasets", "#/dataset")
    version = None if start is None else one_version(snapshot, name, start)
    if start is None or version is not None:
        row = snapshot.catalog.dataset(name, version)
        if row is not None:
            return row.spec
    pointer = "#/dataset" if isinstance(given, str) else "#/dataset/version"
    raise no_version(snapshot, name, start or "", pointer)


async def require_dataset(context: ApiContext, who: Principal, name: str, needed: Level) -> str:
    """Return the group whose grant gives a principal the required level on a dataset, "" for none.

    Raises:
        Problem: the level is less; or there is none (404, not 403, so that the existence of other
        users' datasets is not disclosed).
    """
    check_id("dataset", name)
    level, via = dataset_access(who, context.queries.latest(), name)
    if level < needed or (via and needed > Level.READ):
        # It may have been made or shared just now, or the membership have ended, through another
        # process.
        await context.reader.fresh()
        level, via = dataset_access(who, context.queries.latest(), name)
    if level is Level.NOTHING:
        raise unknown_dataset(context, who, name)
    row = context.queries.latest().catalog.dataset_owner(name)
    if row is not None and row.deleted and level >= Level.READ:
        raise _deleted(name, row)
    if level < needed:
        raise forbidden("It is confidential." if level is Level.ACTIVITY else _NEEDED[needed])
    return via


async def find_version(context: ApiContext, name: str, version: str = "") -> DatasetSpec:
    """Return a version of a dataset that exists, or its newest; `version` may be the start.

    Raises:
        Problem: it has no such version, or more than one.
    """
    now = context.queries.now()

    def found() -> DatasetSpec:
        one = one_version(now, name, version) if version else None
        row = None if version and one is None else now.catalog.dataset(name, one)
        if row is None:
            raise no_version(now, name, version)
        return row.spec

    return await context.executors.lists.run(found)


async def require_upload(context: ApiContext, who: Principal, name: str) -> str:
    """Return the group whose grant allows a principal to upload to a name, "" for none.

    The decider refuses it as well; this is before a large file is read in vain.

    Raises:
        Problem: the upload is not allowed, as far as is known here.
    """
    snapshot = context.queries.latest()
    owner = snapshot.catalog.dataset_owner(name)
    if owner is not None and owner.deleted:
        if dataset_level(who, snapshot, name) < Level.READ:
            raise _taken(name)
        why = f"The dataset {name} was deleted, and its name is not given again: choose another."
        raise _refused("dataset-deleted", why)
    reserved = name in BUNDLED_DATASETS if owner is None else owner.bundled
    if reserved:
        why = f"{name} is the name of a dataset that comes with AutoLearn: choose another."
        raise _refused("dataset-reserved", why)
    level, via = dataset_access(who, snapshot, name)
    if owner is None or (level >= Level.WORK and not via):
        return ""
    await context.reader.fresh()
    level, via = dataset_access(who, context.queries.latest(), name)
    if level < Level.WORK:
        raise _taken(name)
    return via


def require_version(
    context: ApiContext, who: Principal, name: str, size: int, *, before: bool = False
) -> None:
    """Raise a problem unless a dataset has room for one more version of so many bytes.

    `before` the file is there it may be an existing version, if one has that size.

    Raises:
        Problem: it has as many as it may, or its owner's quota is used up (409).
    """
    now = context.queries.latest()
    sizes, owner = now.catalog.held_bytes(name), now.catalog.dataset_owner(name)
    if before and size in sizes:
        return
    if len(sizes) >= DATASET_VERSIONS:
        raise _refused("too-many-versions", too_many_versions(name))
    user = who.name if owner is None else owner.owner
    check_quota(context.settings.quotas, now, user, "dataset-bytes", size)


def _deleted(name: str, row: DatasetOwner) -> Problem:
    """Return the problem of a deleted dataset, for a principal who may know of it."""
    by = f" by {row.by}" if row.by else ""
    return _refused("dataset-deleted", f"The dataset {name} was deleted{by} at {row.deleted}.")


async def require_unneeded(context: ApiContext, who: Principal, name: str) -> None:
    """Raise a problem if a kept experiment needs a dataset; this reads all experiments.

    Experiments of other users are only counted.
    """
    now = context.queries.now()
    needed = await context.executors.needed.run(lambda: now.experiments.kept_with(name))
    if not needed:
        return
    may = may_list(who, now)
    mine = [one for one in needed if may(one)]
    told = f"the experiments {', '.join(mine[:20])}" if mine else "no experiment of yours"
    others = f" and {len(needed) - len(mine)} of others" if len(needed) > len(mine) else ""
    raise Problem(
        409,
        "dataset-needed",
        "Experiments need the dataset",
        f"{told.capitalize()}{others}, which are kept, were trained or evaluated on {name}: without"
        " it they cannot be trained again. Delete them first, or delete it all the same (--force).",
        experiments=mine[:100],
    )


def _taken(name: str) -> Problem:
    """Return the problem of a name that another user owns."""
    return _refused("dataset-taken", f"{name} is somebody else's dataset: choose another name.")


def _refused(reason: str, detail: str) -> Problem:
    """Return the problem of a decider's refusal."""
    return Problem(REASONS[reason].status, reason, REASONS[reason].title, detail)


def unknown_dataset(context: ApiContext, who: Principal, name: str) -> Problem:
    """Return the problem of a dataset that does not exist for the principal."""
    now = context.queries.now()
    return unknown("dataset", name, known(now, may_use(who, now)), "/v1/catalog/datasets")


def known(snapshot: Snapshot, may: May) -> list[str]:
    """Return the names of datasets that one `may` use, for people: at most _KNOWN."""
    return list(islice(snapshot.catalog.dataset_names(may=may), _KNOWN))


def target_of(spec: DatasetSpec, target: str | None) -> Column | None:
    """Return the target column, None without one.

    Raises:
        Problem: there is no such column, or it cannot be learned.
    """
    target = spec.target if target is None else target
    if target is None:
        return None
    column = next((column for column in spec.columns if column.name == target), None)
    if column is None:
        names = [column.name for column in spec.columns]
        of_step = "/" in spec.name
        where = f"the table of {spec.name}" if of_step else f"/v1/catalog/datasets/{spec.name}"
        raise unknown("target", target, names, where, "#/target")
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
    return column
