"""A step runs: its table, its report and its log are one artifact, and bad ends are told."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml import run_step as module
from autolearn.ml.errors import InputError, WorkFailed
from autolearn.ml.run_step import run_step
from autolearn.ml.steps.context import context, report, write_file
from autolearn.ml.steps.output_log import KEPT
from autolearn.ml.steps.parameters import COLUMNS
from autolearn.ml.steps.step_function import StepFunction
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.pipelines.results import LOG, REPORT, TABLE, StepReport
from autolearn.schemas.results import StepResult
from tests.support.run_samples import PENGUINS, nothing, put, step, training

CSV = b"name,age,when\na,1,2024-01-01\nb,,2024-01-02\nc,3,2024-01-03\n"


class Given:
    """A store with a dataset, and a step of any function."""

    def __init__(self, store: ArtifactStore, patch: pytest.MonkeyPatch) -> None:
        self.store, self.patch = store, patch
        self.spec = DatasetSpec("data", put(store, CSV).version, "csv", 0, 3, (), "")

    def run(self, function: Any, parameters: Any, *tables: DatasetSpec) -> StepResult:
        self.patch.setattr(
            module, "find_step", lambda name: StepFunction(name, function, "pack", "1")
        )
        return run_step(step("mine", parameters, *(tables or [self.spec])), self.store, nothing)

    def file(self, result: StepResult, name: str) -> bytes:
        return b"".join(self.store.read_file(result.artifact, name).chunks)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    return Given(ArtifactStore((tmp_path / "store").as_uri()), monkeypatch)


def older(table: pa.Table, *, column: Annotated[str, COLUMNS] = "age", loud: int = 1) -> pa.Table:
    for number in range(loud):
        print(f"line {number}{'.' * 90 if loud > 1 else ''}")
    os.write(2, b"from below\n")
    write_file("extra.txt").write_text(str(context().seed))
    kept = table.filter(pa.compute.greater(table[column], 1))
    report.removed("too young", table.slice(0, 2), column=column)
    return kept


def test_the_result_of_a_step(given: Given) -> None:
    result = given.run(older, {})
    assert set(result.artifact.files) == {TABLE, REPORT, LOG, "extra.txt"}
    table = result.table
    assert table is not None
    assert (table.name, table.rows, table.format) == ("my-mine", 1, "parquet")
    assert [(one.name, one.type) for one in table.columns] == [
        ("name", "string"), ("age", "integer"), ("when", "timestamp")
    ]  # fmt: skip
    assert table.version == result.artifact.files[TABLE]
    assert result.report.rows_in == (3,)
    (change,) = result.report.changes
    assert (change.what, change.rows, change.column) == ("removed", 2, "age")
    assert change.sample[1] == {"name": "b", "age": None, "when": "2024-01-02T00:00:00"}
    assert msgspec.json.decode(given.file(result, REPORT), type=StepReport) == result.report
    assert given.file(result, LOG) == b"line 0\nfrom below\n"
    assert result.environment["libraries"]["pack"] == "1"
    assert given.run(older, {}).artifact == result.artifact, "the same request gives the same bytes"
    after = replace(table, folder=result.artifact.folder)
    assert given.run(older, {}, after).report.rows_in == (1,), "a table of a step is an input"


def test_endless_output_neither_fills_the_disk_nor_kills(given: Given) -> None:
    log = given.file(given.run(older, {"loud": 30_000}), LOG)
    assert KEPT <= len(log) < KEPT + 100
    assert log.startswith(b"line 0....")
    assert b" bytes are left out]" in log
    assert log.endswith(b"...\nfrom below\n")


def _raises(table: pa.Table) -> pa.Table:
    print("the last words")
    raise ValueError("no such thing")


def _refuses(table: pa.Table) -> pa.Table:
    raise InputError("a value is 'secret'", quiet="a value is wrong")


ENDS = [
    (lambda _: None, "gives nothing instead of a table"),
    (lambda _: [1], "gives a list instead of a table"),
    (lambda table: table.slice(0, 0), "gives a table without rows"),
    (lambda table: pa.table([table["age"]] * 2, names=["a", "a"]), "of the same name: a"),
    (lambda _: pa.table({"a": [[1]]}), "gives the column a of type list<item: int64>"),
    (lambda _: pa.table({"a": [float("inf"), 1.0]}), "the column a with 1 infinite values"),
    (lambda _: sys.exit(3), "raised SystemExit"),
]


@pytest.mark.parametrize(("gives", "words"), ENDS)
def test_what_a_function_may_not_give(given: Given, gives: Any, words: str) -> None:
    def bad(table: pa.Table) -> pa.Table:
        return gives(table)

    with pytest.raises((InputError, WorkFailed)) as caught:
        given.run(bad, {})
    assert words in str(caught.value.detail)
    assert "the step my-mine (function tests.ml.steps.test_run_step" in caught.value.detail


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"colum": "age"}, "has no parameter 'colum'; it has column, loud; perhaps column is"),
        ({"column": 3}, "column must be string; got 3"),
        ({"column": "agee"}, "column names 'agee', which is no column of the table; perhaps age"),
        ({"loud": 1.5}, "loud must be integer; got 1.5"),
    ],
)
def test_wrong_parameters(given: Given, parameters: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        given.run(older, parameters)
    assert words in caught.value.detail


def test_an_error_of_the_function_has_its_place_and_the_last_output(given: Given) -> None:
    with pytest.raises(WorkFailed) as caught:
        given.run(_raises, {})
    assert "raised ValueError in line" in caught.value.detail
    assert caught.value.detail.endswith(
        "of test_run_step.py: no such thing; the last of its output:\nthe last words"
    )
    with pytest.raises(InputError, match="takes 1 tables, and got 2"):
        given.run(_raises, {}, given.spec, given.spec)


def _connects(table: pa.Table) -> pa.Table:
    try:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # as seccomp has it
    except OSError as error:
        raise ValueError("no connection") from error


def _writes(table: pa.Table) -> pa.Table:
    raise PermissionError(errno.EACCES, "Permission denied", "/home/x")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_connects, "no connection. A step has no network unless its function is marked @step(n"),
        (_writes, "A step reads the files of Python and of its package, and writes to the temp"),
    ],
)
def test_what_the_fence_refuses_comes_with_advice(given: Given, function: Any, words: str) -> None:
    with pytest.raises(WorkFailed) as caught:
        given.run(function, {})
    assert words in caught.value.detail


def test_sensitive_columns_show_no_value(given: Given) -> None:
    columns = ("name", "age", "when")
    secret = replace(
        given.spec, sensitive=("name",), columns=tuple(msgspec.convert(
            [{"name": one, "type": "string"} for one in columns], tuple[Any, ...]
        )),
    )  # fmt: skip
    secret = msgspec.convert(msgspec.to_builtins(secret), DatasetSpec)

    def derive(table: pa.Table) -> pa.Table:
        report.removed("some", table)
        report.made_from("known", ["age"])
        names = ("name", "age", "new", "known")
        return pa.table([table["name"], table["age"], table["name"], table["age"]], names=names)

    result = given.run(derive, {}, secret)
    assert result.table is not None
    assert result.table.sensitive == ("name", "new")
    assert set(result.report.changes[0].sample[0]) == {"age", "when"}
    assert b"left out, for columns of the dataset are sensitive" in given.file(result, LOG)
    with pytest.raises(WorkFailed) as caught:
        given.run(_raises, {}, secret)
    assert "no such thing" not in caught.value.detail
    with pytest.raises(InputError, match="a value is wrong"):
        given.run(_refuses, {}, secret)


def test_predict_takes_a_table_and_a_model(given: Given) -> None:
    model = train(training(given.store), given.store, nothing).artifact.digest
    spec = replace(given.spec, version=put(given.store, PENGUINS).version)
    request = replace(step("predict", {"columns": ["island"]}, spec), artifact=model)
    result = run_step(request, given.store, nothing)
    assert result.table is not None
    assert [one.name for one in result.table.columns] == [
        "island", "prediction", "probability_Adelie", "probability_Chinstrap", "probability_Gentoo"
    ]  # fmt: skip
    assert result.table.rows == 344
    with pytest.raises(InputError, match="takes a trained model, and got none"):
        run_step(step("predict", {}, spec), given.store, nothing)


def test_equal_tables_have_equal_bytes_whatever_their_chunks(given: Given) -> None:
    def chunks(table: pa.Table, *, parts: int) -> pa.Table:
        numbers = pa.chunked_array([list(range(n, n + 100)) for n in range(0, 1000, 100)])
        whole = pa.table({"n": numbers.cast(pa.int32())})
        return whole.combine_chunks() if parts == 1 else whole

    one, two = (given.run(chunks, {"parts": parts}) for parts in (1, 10))
    assert one.artifact == two.artifact
    read = pyarrow.parquet.read_table(pa.BufferReader(given.file(one, TABLE)))
    assert read.schema.field("n").type == pa.int64()
