"""The bundled datasets: the bytes are part of what we promise."""

import hashlib
from pathlib import Path

import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.datasets.builtin import BUNDLED, bundled

DIGESTS = {
    "iris": "91eb642c3adbc7bad8e99c930c11fa3a5cc8a07262c7a753b4e6ecf405f2e05e",
    "wine": "0b1878a85c7319cb85c8f5eed4731bac48b130b99bb19169c8ac7f55fbc984f7",
    "breast-cancer": "518936fa92ca3d8a78c420aee22030c4e519ffcba3be15dd23e83f2fc22e20e5",
    "digits": "592cc047d0a1cc7fdef9fd724514209dcb45a80aa147dc3ab375e3e1a9a380f4",
    "diabetes": "9193026b7622ff944f0a6855a10107b24caf50dad69787c46e6890e69c27faca",
    "linnerud": "57dbb61a862bd4803184094d5139a898175e007c5cc0240eb45bdec63aca9797",
}
EXPECTED = {
    "iris": ("species", "classification", 150, 5),
    "wine": ("cultivar", "classification", 178, 14),
    "breast-cancer": ("diagnosis", "classification", 569, 31),
    "digits": ("digit", "classification", 1797, 65),
    "diabetes": ("progression", "regression", 442, 11),
    "linnerud": ("weight", "regression", 20, 4),
}


def test_all_of_them(tmp_path: Path) -> None:
    store = ArtifactStore((tmp_path / "store").as_uri())
    specs = {spec.name: spec for spec in bundled(store)}
    seen = {
        name: (spec.target, spec.task, spec.rows, len(spec.columns)) for name, spec in specs.items()
    }
    assert seen == EXPECTED
    for spec in specs.values():
        assert spec.origin == "bundled"
        assert spec.summary.endswith(").")
        assert store.exists(spec.version)
        assert not any(column.missing for column in spec.columns)
    assert specs["iris"].classes == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert set(specs["breast-cancer"].classes) == {"malignant", "benign"}
    assert list(bundled(store)) == list(specs.values())


@pytest.mark.parametrize("one", BUNDLED, ids=lambda one: one.name)
def test_the_bytes_never_change(one) -> None:
    content = one.csv()
    assert hashlib.sha256(content).hexdigest() == DIGESTS[one.name]
    assert b"\r" not in content


def test_the_first_lines_of_iris() -> None:
    lines = BUNDLED[0].csv().decode().splitlines()
    assert lines[:2] == [
        "sepal_length,sepal_width,petal_length,petal_width,species",
        "5.1,3.5,1.4,0.2,setosa",
    ]
