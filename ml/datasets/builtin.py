"""scikit-learn's bundled datasets as CSV: the same bytes with every version of the library."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn import datasets

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.store.run_files import Artifacts
from autolearn.schemas.catalog import DatasetSpec


@dataclass(frozen=True)
class Bundled:
    """One bundled dataset. `target` names its target column; class names stand for numbers."""

    name: str
    target: str
    summary: str
    load: Callable[[], Any]

    def csv(self) -> bytes:
        """Return the dataset as CSV: UTF-8, comma, LF; the target last; floats in shortest form."""
        bunch = self.load()
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = [_plain_name(name) for name in bunch.feature_names]
        writer.writerow([*names, self.target])
        for row, answer in zip(bunch.data.tolist(), _answers_of(bunch), strict=True):
            writer.writerow([*map(_plain_number, row), answer])
        return out.getvalue().encode()


def _diabetes() -> Any:
    """Load the original measurements, not scikit-learn's scaled copy."""
    return datasets.load_diabetes(scaled=False)


def _linnerud() -> Any:
    """Load the three exercises, with the weight (the first of three targets) as the answer."""
    bunch = datasets.load_linnerud()
    bunch.target = bunch.target[:, 0]
    bunch.target_names = None
    return bunch


BUNDLED = (
    Bundled(
        "iris",
        "species",
        "150 iris flowers of three species, measured in cm (Fisher 1936).",
        datasets.load_iris,
    ),
    Bundled(
        "wine",
        "cultivar",
        "178 wines of three cultivars, by chemical analysis (Forina 1991).",
        datasets.load_wine,
    ),
    Bundled(
        "breast-cancer",
        "diagnosis",
        "569 breast tumours, malignant or benign, by their cell nuclei (Wolberg 1995).",
        datasets.load_breast_cancer,
    ),
    Bundled(
        "digits",
        "digit",
        "1,797 handwritten digits of 8 by 8 pixels (Alpaydin 1998).",
        datasets.load_digits,
    ),
    Bundled(
        "diabetes",
        "progression",
        "442 diabetes patients and the disease's progression after a year (Efron 2004).",
        _diabetes,
    ),
    Bundled(
        "linnerud",
        "weight",
        "20 men in a fitness club: three exercises and the weight in pounds (Linnerud).",
        _linnerud,
    ),
)


def bundled(store: Artifacts) -> Iterator[DatasetSpec]:
    """Store every bundled dataset and yield its specification."""
    with tempfile.TemporaryDirectory(prefix="autolearn-") as scratch:
        for one in BUNDLED:
            blob = store.put_blob([one.csv()])
            yield profile(
                store.fetch_blob(blob.digest, Path(scratch)),
                name=one.name,
                format="csv",
                version=blob.digest,
                bytes=blob.size,
                target=one.target,
                origin="bundled",
                summary=one.summary,
            )


def _answers_of(bunch: Any) -> list[str]:
    names = getattr(bunch, "target_names", None)
    if names is None:
        return [_plain_number(value) for value in bunch.target.tolist()]
    return [str(names[number]) for number in bunch.target.tolist()]


def _plain_name(name: str) -> str:
    """Return a column name without units and spaces: `sepal length (cm)` is sepal_length."""
    return str(name).partition(" (")[0].strip().replace(" ", "_").replace("/", "_").lower()


def _plain_number(value: float) -> str:
    """Return the shortest text that reads as the same number; whole numbers without a point."""
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)
