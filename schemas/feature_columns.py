"""Which columns of a dataset are features, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from autolearn.schemas.catalog import DatasetSpec

LEFT_OUT = {
    "dropped": "as asked",
    "id": "an id",
    "group": "the group of a row",
    "time": "the time of a row",
    "weight": "the weight of a row",
    "split": "it says which rows are held out",
    "cohort": "the cohort of a row",
    "ignore": "to be ignored",
    "row-number": "a row number",
    "index-name": "the index of a data frame",
    "all-different": "different in every row, as an id",
    "constant": "the same in every row",
}
"""The reasons for which a column is no feature, in words: as asked, its role, or a finding."""

_BY_FINDING = frozenset({"row-number", "index-name", "all-different", "constant"})


def left_out_of(
    spec: DatasetSpec, target: str | None, drop: Collection[str], roles: Mapping[str, str]
) -> dict[str, str]:
    """Return the reason (a code of LEFT_OUT) for each column that is no feature by default.

    These are the columns to `drop`, those with another role than feature, and those without a role
    of which a finding says that nothing can be learned from them, unless that is so of all columns.
    """
    odd = {one.column: one.code for one in spec.findings if one.code in _BY_FINDING}
    names = [column.name for column in spec.columns if column.name != target]
    dropped = frozenset(drop)
    chosen: dict[str, str] = {}
    found: dict[str, str] = {}
    for name in names:
        if name in dropped:
            chosen[name] = "dropped"
        elif roles.get(name) in LEFT_OUT:
            chosen[name] = roles[name]
        elif name in odd and name not in roles:
            found[name] = odd[name]
    if len(found) == len(names):
        found = {}
    return {name: why for name in names if (why := chosen.get(name) or found.get(name))}


def features_of(
    columns: Iterable[str], target: str | None, features: Collection[str], left_out: Collection[str]
) -> list[str]:
    """Return the columns from which a training learns: those of `features`, if any are named."""
    wanted = frozenset(features)
    return [
        name
        for name in columns
        if name != target and (name in wanted if wanted else name not in left_out)
    ]
