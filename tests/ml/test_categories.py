"""Classes and categories of other data: mapped where they are the same, counted, or refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autolearn.artifacts.datasets.profile import profile
from autolearn.artifacts.datasets.table import read_table
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.errors import InputError
from autolearn.ml.evaluation.categories import MOST_NOTES, MOST_UNSEEN
from autolearn.ml.evaluation.evaluate import evaluate
from autolearn.ml.training.train import train
from autolearn.schemas.datasets.meanings import meanings, number_of
from autolearn.schemas.results import EvaluationResult
from tests.support.run_samples import evaluation, nothing, training


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "store").as_uri())


def known(store: ArtifactStore, tmp_path: Path, content: str) -> dict[str, Any]:
    """Keep a dataset and find out how it is read, as an upload does."""
    from autolearn.schemas.values import DatasetRef

    file = tmp_path / "data.csv"
    file.write_text(content)
    version = store.put_blob([content.encode()]).digest
    spec = profile(file, name="data", format="csv", version=version, bytes=len(content))
    return {"dataset": DatasetRef("data", version), "read": spec.read}


def on_other(
    store: ArtifactStore, tmp_path: Path, own: str, other: str, **more: Any
) -> EvaluationResult:
    """Train on some data, and evaluate on others."""
    request = training(
        store, **(known(store, tmp_path, own) | {"target": "y", "schema_hash": ""} | more)
    )
    trained = train(request, store, nothing).artifact.digest
    metrics = ("accuracy",) if request.task == "classification" else ("r2",)
    given = known(store, tmp_path, other)
    sensitive = more.get("sensitive", ())
    asked = evaluation(
        trained, metrics, given.pop("dataset"), held_out=False, sensitive=sensitive, **given
    )
    return evaluate(asked, store, nothing)


def table(pairs: list[tuple[str, str]], rows: int = 40) -> str:
    """Return a CSV whose feature x tells y."""
    return "\n".join(["x,y", *(",".join(pairs[n % len(pairs)]) for n in range(rows))]) + "\n"


WORDS = [("a", "no"), ("b", "yes")]


@pytest.mark.parametrize(
    ("own", "other", "note"),
    [
        ("true false", "1 0", "x: took 1 for true, 0 for false"),
        ("True FALSE", "1.0 0.0", "x: took 1.0 for true, 0.0 for false"),
        ("1 0", "true false", "x: took true for 1, false for 0"),
        ("a1 1", "a1 1.0", "x: took 1.0 for 1"),
        ("z 100", "z 1E2", "x: took 1E2 for 100"),
    ],
)
def test_a_category_that_is_written_otherwise(
    store: ArtifactStore, tmp_path: Path, own: str, other: str, note: str
) -> None:
    (a, b), (c, d) = own.split(), other.split()
    result = on_other(
        store, tmp_path, table([(a, "no"), (b, "yes")]), table([(c, "no"), (d, "yes")])
    )
    assert (result.results, result.unseen, result.notes) == ({"accuracy": 1.0}, {}, (note,))


@pytest.mark.parametrize(
    ("own", "other", "note"),
    [
        ("true false", "1 0", "y: took 1 for true, 0 for false"),
        ("0 1", "0.0 1.0", "y: took 0.0 for 0, 1.0 for 1"),
        ("0.0 1.0", "0 1", "y: took 0 for 0.0, 1 for 1.0"),
        ("0.0 1.0", "FALSE TRUE", "y: took false for 0.0, true for 1.0"),
        ("0,5 1,5", "0.5 1.5", "y: took 0.5 for 0,5, 1.5 for 1,5"),
    ],
)
def test_a_class_that_is_written_otherwise(
    store: ArtifactStore, tmp_path: Path, own: str, other: str, note: str
) -> None:
    (a, b), (c, d) = own.split(), other.split()
    first = table([("1", a), ("2", b)])
    if "," in own:
        first = "x;y\n" + "\n".join([f"1;{a}", f"2;{b}"] * 20) + "\n"
    result = on_other(store, tmp_path, first, table([("1", c), ("2", d)]))
    assert (result.results, result.notes) == ({"accuracy": 1.0}, (note,))


def test_no_number_is_no_class(tmp_path: Path) -> None:
    """A NaN in a Parquet file is a gap in a target of classes, as it is in one of numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"y": [0.0, float("nan"), 1.0]}), tmp_path / "t")
    assert read_table(tmp_path / "t").labels("y").tolist() == ["0.0", None, "1.0"]


def test_what_was_never_seen_is_counted(store: ArtifactStore, tmp_path: Path) -> None:
    other = table([*WORDS, ("c", "yes"), ("A", "perhaps"), ("", "no"), ("c", "")])
    result = on_other(store, tmp_path, table(WORDS), other, task="classification")
    assert result.unseen == {"x": 14, "y": 7}, "of the 34 rows that have a target"
    assert result.rows == 34


def test_an_id_need_not_be_known(store: ArtifactStore, tmp_path: Path) -> None:
    """Where most rows have a value of their own, others have others."""
    own = "id,x,y\n" + "".join(f"n{n},{n % 2},k{n % 2}\n" for n in range(40))
    other = "id,x,y\n" + "".join(f"m{n},{n % 2},k{n % 2}\n" for n in range(10))
    result = on_other(store, tmp_path, own, other)
    assert (result.results["accuracy"], result.unseen) == (1.0, {"id": 10})


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ([("1", "0.5"), ("2", "0.7")], [("true", "0.5"), ("false", "1")], "x has true or false"),
        ([("1", "0.5"), ("2", "0.7")], [("one", "0.5"), ("two", "1")], r"text here \(one, two\)"),
        ([("1", "0.5"), ("2", "0.7")], [("1", "no"), ("2", "yes")], "y holds string values"),
        ([("2020-01-01", "0.5"), ("2021-01-01", "1")], [("1", "2"), ("2", "3")], "had times"),
    ],
)
def test_kinds_that_differ(
    store: ArtifactStore,
    tmp_path: Path,
    own: list[tuple[str, str]],
    other: list[tuple[str, str]],
    words: str,
) -> None:
    with pytest.raises(InputError, match=words):
        on_other(store, tmp_path, table(own), table(other), model="ridge", task="regression")


def test_values_of_sensitive_columns_are_not_told(store: ArtifactStore, tmp_path: Path) -> None:
    own, numbers = table([("true", "no"), ("false", "yes")]), table([("1", "no"), ("0", "yes")])
    result = on_other(store, tmp_path, own, numbers, sensitive=("x",))
    assert result.results == {"accuracy": 1.0}
    assert "true" not in result.notes[0]
    with pytest.raises(InputError) as refused:
        on_other(store, tmp_path, table(WORDS), table([("q", "no")]), sensitive=("x",))
    assert refused.value.detail == "the model knows none of the categories that x has here"
    with pytest.raises(InputError) as refused:
        on_other(store, tmp_path, table(WORDS), table([("a", "Maybe")]), sensitive=("x",))
    assert "Maybe" in refused.value.detail
    assert "Maybe" not in refused.value.quiet


@pytest.mark.parametrize(
    ("found", "there", "stand_for"),
    [
        ("1 2", "1 2 3", {}),
        ("1.0", "1 1.00", {}),  # open which
        ("01", "1", {}),  # a code
        ("1", "01 001", {}),
        ("TRUE", "true True", {}),
        ("True false", "true FALSE", {"True": "true", "false": "FALSE"}),
        ("1 0 2", "true false", {}),  # no truth
        ("true maybe", "1 0", {}),
        ("true false", "0 1 2", {}),
        ("1", "one", {}),
        ("9007199254740993", "9007199254740992.0", {}),
        ("1250", "1,250", {}),  # thousands, or a decimal comma
        ("1e0 +2", "1 2", {"1e0": "1", "+2": "2"}),
    ],
)
def test_what_values_stand_for(found: str, there: str, stand_for: dict[str, str]) -> None:
    given = found.split()
    values = {one: n for one in given if isinstance(n := number_of(one), Decimal)}
    assert meanings(given, there.split(), values) == stand_for


def test_much_is_bounded(store: ArtifactStore, tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(MOST_UNSEEN + 20)]
    head = ",".join([*names, "y"])
    own = "\n".join(
        [head, *(",".join(["ab"[n % 2]] * len(names) + [f"k{n % 2}"]) for n in range(20))]
    )
    rows = [",".join([value] * len(names) + ["k0"]) for value in ("a", "new")]
    result = on_other(store, tmp_path, own + "\n", "\n".join([head, *rows]) + "\n")
    assert len(result.unseen) == MOST_UNSEEN
    assert result.notes == ("20 more columns have values never seen",)
    own, other = own.replace("a,", "true,").replace("b,", "false,"), [head]
    other += [",".join([value] * len(names) + ["k0"]) for value in ("1", "0")]
    result = on_other(store, tmp_path, own + "\n", "\n".join(other) + "\n")
    assert len(result.notes) == MOST_NOTES + 1
    assert result.notes[-1] == f"and {len(names) - MOST_NOTES} more"
