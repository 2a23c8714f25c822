"""What a training in batches cannot do: all that looks at more rows than a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autolearn.schemas.training.preprocess import Place, Preprocessing
from autolearn.schemas.values import Split


def unfit_for_batches(
    split: Split,
    how: Preprocessing,
    types: Mapping[str, str],
    calibrate: str | None,
    threshold: str | None,
) -> Iterator[tuple[Place, str]]:
    """Yield each field of a training that does not go with batches, and why.

    `types` are those of the features. A random split is one by hash, which needs no other rows.
    """
    if split.kind in ("time", "group"):
        yield (
            ("split", "by"),
            f"a split by {split.kind} looks at all rows, and batches are read one at a time: split "
            "by hash with this column (equal values are in one part), or by a column that says "
            "train or test",
        )
    if split.folds:
        yield ("split", "folds"), "folds are of all rows, which batches do not hold"
    if how.drop_duplicates:
        yield (
            ("preprocessing", "drop_duplicates"),
            "repeated rows are found among all rows, which batches do not hold",
        )
    if how.balance and how.balance != "weights":
        yield (
            ("preprocessing", "balance"),
            f"{how.balance} chooses among all rows, which batches do not hold: balance by weights",
        )
    if any(how.of(name, kind).encode == "target" for name, kind in types.items()):
        yield (
            ("preprocessing", "encode"),
            "target encoding is cross-fitted on all rows, which batches do not hold",
        )
    for name, value in (("calibrate", calibrate), ("threshold", threshold)):
        if value:
            yield (name,), f"{name} is validated on folds of all rows, which batches do not hold"
