"""What a new version of a dataset changes, as data and in words."""

import pytest
from msgspec.structs import replace

from autolearn.schemas.dataset_changes import changes_of
from autolearn.schemas.values import Column
from tests.support.samples import DATASET

PETAL, SPECIES = DATASET.columns
WIDTH = Column("width", "number")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "9" * 64}, None),
        ({"target": "petal", "classes": {"1": 2}}, None),
        ({"rows": 1151}, "1,151 rows, were 150"),
        ({"columns": (PETAL, SPECIES, WIDTH)}, "new are width"),
        ({"columns": (SPECIES, WIDTH), "rows": 9}, "new are width; gone are petal; 9 rows, were"),
        (
            {"columns": (replace(PETAL, type="string"), SPECIES)},
            "of another type: petal is string, was number",
        ),
        (
            {"classes": {"setosa": 1, "versicolor": 2, "rose": 3}},
            "new classes: rose; classes gone: virginica",
        ),
        ({"classes": {}, "sensitive": ("species",)}, None),
    ],
)
def test_what_a_version_changes(change: dict, words: str | None) -> None:
    found = changes_of(replace(DATASET, **change), DATASET)
    told = None if found is None else found.say()
    assert (told or "").startswith(
        f"Against version {DATASET.version[:12]}: {words}" if words else ""
    )
    assert (told is None) == (words is None)
