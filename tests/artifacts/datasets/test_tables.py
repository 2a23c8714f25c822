"""Files that can be datasets, and files that cannot."""

import asyncio
import datetime as dt
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from autolearn.artifacts.datasets.errors import DatasetRefused
from autolearn.artifacts.datasets.files import parquet_reader
from autolearn.artifacts.datasets.profile import profile, schema_hash
from autolearn.artifacts.datasets.sandbox import ProfileJob, profile_apart
from autolearn.artifacts.datasets.table import read_table
from autolearn.schemas.catalog import DatasetSpec
from tests.artifacts.datasets.read_case import read_as_a_user_would

PENGUINS = Path(__file__).parents[3] / "examples" / "penguins.csv"

GOOD = (
    b"size,colour,ok,when,price\n"
    b"1,red,true,2024-01-02,1.5\n"
    b"2,,FALSE,2024-01-03T10:00,NA\n"
    b"3,blue,True,?,2\n"
)


def examine(
    path: Path, content: bytes | None = None, *, kind: str = "csv", target: str | None = None
) -> DatasetSpec:
    if content is not None:
        path.write_bytes(content)
    size = path.stat().st_size
    return profile(path, name="x", format=kind, version="v", bytes=size, target=target)


def refusal(path: Path, content: bytes, *, kind: str = "csv", target: str | None = None) -> str:
    with pytest.raises(DatasetRefused) as caught:
        examine(path, content, kind=kind, target=target)
    assert all(sentence.endswith(".") for sentence in caught.value.sentences)
    return caught.value.detail


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_columns_types_and_statistics(file: Path) -> None:
    spec = examine(file, GOOD)
    seen = {
        column.name: (column.type, column.missing, column.distinct, column.minimum, column.maximum)
        for column in spec.columns
    }
    assert seen == {
        "size": ("integer", 0, 3, 1, 3),
        "colour": ("string", 1, 2, None, None),
        "ok": ("boolean", 0, 2, None, None),
        "when": ("timestamp", 1, 2, None, None),
        "price": ("number", 1, 2, 1.5, 2),
    }
    assert spec.rows == 3
    assert spec.task is None
    assert spec.schema_hash == schema_hash([(c.name, c.type) for c in spec.columns])


def test_the_penguins(file: Path) -> None:
    spec = examine(PENGUINS, target="species")
    assert spec.rows == 344
    assert spec.classes == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert {c.name: c.missing for c in spec.columns}["sex"] == 11
    assert {c.name: c.type for c in spec.columns}["body_mass_g"] == "integer"


def test_a_frame_has_two_dtypes(file: Path) -> None:
    file.write_bytes(GOOD)
    table = read_table(file)
    frame = table.features(table.types)
    assert [str(kind) for kind in frame.dtypes] == ["float64", "object", "object"] + ["float64"] * 2
    assert frame["colour"].tolist()[0] == "red"
    assert math.isnan(frame["colour"].tolist()[1])
    assert frame["ok"].tolist() == ["true", "false", "true"]
    moment = dt.datetime(2024, 1, 3, 10, tzinfo=dt.UTC)
    assert frame["when"][1] == moment.timestamp()
    assert table.labels("size").tolist() == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        (["1", "2.0"], "number"),
        (["1e3", "-.5"], "number"),
        (["99999999999999999999", "1"], "string"),
        (["99999999999999999999", "1.5"], "number"),
        (["true", "1"], "string"),
        (["0x10", "1"], "string"),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00+02:00"], "timestamp"),
        (["2024-01-01T00:00:00Z", "2024-01-01"], "string"),
        (["2024-01-01", "soon"], "string"),
        (["NA", "7"], "integer"),
    ],
)
def test_the_type_is_the_narrowest_that_holds_all(file: Path, values: list[str], kind: str) -> None:
    for order in (values, values[::-1]):
        spec = examine(file, "\n".join(["x,y", *(f"{value},a" for value in order)]).encode())
        assert spec.columns[0].type == kind
        assert read_table(file, spec.read).types["x"] == kind


def test_types_do_not_depend_on_batches(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{number},{number},{'a' if number == 900 else number}" for number in range(1000)]
    rows[700] = "0.5,700,700"
    content = "\n".join(["x,y,z", *rows]).encode()
    whole = examine(file, content)
    monkeypatch.setattr("autolearn.artifacts.datasets.files.csv_reader.BLOCK", 64)
    cut = examine(file)
    assert cut == whole
    assert [column.type for column in cut.columns] == ["number", "integer", "string"]
    assert read_table(file).types == {"x": "number", "y": "integer", "z": "string"}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(file: Path, separator: str) -> None:
    spec = examine(file, f"a{separator}b\n1{separator}x\n".encode())
    assert [column.name for column in spec.columns] == ["a", "b"]


def test_byte_order_mark_crlf_quotes_and_blank_lines(file: Path) -> None:
    spec = examine(file, b'\xef\xbb\xbfa,b\r\n\r\n1,"x, ""y""\nz"\r\n2,q\r\n')
    assert spec.rows == 2
    assert read_table(file).labels("b")[0] == 'x, "y"\nz'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b"\n\n", "The file is empty"),
        (b"a,b\n", "There are no rows"),
        (b"5.1,3.5,setosa\n4.9,3.0,setosa\n", "The first row looks like data (5.1, 3.5, setosa)"),
        (b"1,2,3\n4,5,6\n", "looks like data"),
        (b"a,b,a\n1,2,3\n", "names a more than once"),
        (b"a,,c\n1,2,3\n", "no name for column 2"),
        (b"a,b\n1,2\n3\n4,5\n", "Line 3 has 1 values, but the header has 2 columns"),
        (b'a,b\n"1\n1",2\n3,4,5\n', "Line 4 has 3 values"),
        (b"a,b\n,NA\n,\n", "No column has values"),
        (b"a,b\n1,2\n3,\xff\n", "Byte 10 (line 3) is 0xff, which is not UTF-8"),
        (b"a,b\n1,caf\xc3\n", "Byte 9 (line 2) is 0xc3"),
        ("a,b\n1,2\n".encode("utf-16-le"), "as in UTF-16 without a byte order mark"),
        (b"a,b\n1,\0\n", "Byte 6 is NUL"),
        (b"a,b\n1,inf\n2,3.5\n", "Column b holds 1 infinite values"),
        (",".join(f"c{n}" for n in range(10_001)).encode(), "There are 10,001 columns"),
    ],
)
def test_a_bad_csv(file: Path, content: bytes, words: str) -> None:
    assert words in refusal(file, content)


def test_all_faults_are_told_at_once(file: Path) -> None:
    words = refusal(file, b"a,b,c\n1,inf,-inf\n2,3.5,4.5\n", target="d")
    assert "Column b holds 1 infinite" in words
    assert "Column c holds 1 infinite" in words
    assert "no column 'd' to be the target; the columns are a, b, c" in words


@pytest.mark.parametrize(
    "names", ["country,1990,1991,1992", "id,400.5,401.0,401.5", "a,b,c", "x", "species,1st,2nd"]
)
def test_a_header_may_hold_years_and_wavelengths(file: Path, names: str) -> None:
    values = ",".join("3" for _ in names.split(","))
    assert examine(file, f"{names}\n{values}\n".encode()).rows == 1


def test_few_numbers_can_be_classes_too(file: Path) -> None:
    """A classifier may be trained on them, so their rows per class are told, as written."""
    spec = examine(file, b"x,y\n1,0.0\n2,1.0\n3,0.0\n4,\n5,1.0\n6,1.0\n", target="y")
    assert (spec.task, spec.classes) == ("regression", {"1.0": 3, "0.0": 2})


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", "a"], "classification"),
        (["true", "false"], "classification"),
        (["0", "1", "0", "1"], "classification"),
        (["1", "2", "3"], "regression"),
        ([str(n) for n in range(21)] * 3, "regression"),
        ([str(n) for n in range(20)] * 3, "classification"),
        ([str(n / 2) for n in range(21)] * 3, "regression"),
    ],
)
def test_the_task_that_a_target_makes(file: Path, values: list[str], task: str) -> None:
    content = "\n".join(["x,y", *(f"1,{value}" for value in values)]).encode()
    spec = examine(file, content, target="y")
    assert spec.task == task
    assert bool(spec.classes) == (task == "classification")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,x\n2,x\n", "The target b has one value only, x"),
        (b"a,b\n1,2024-01-01\n2,2024-01-02\n", "The target b is a timestamp"),
        (
            "\n".join(["a,b", *(f"1,c{n}" for n in range(1001))]).encode(),
            "more than 1,000 different values",
        ),
    ],
)
def test_a_bad_target(file: Path, content: bytes, words: str) -> None:
    assert words in refusal(file, content, target="b")


def parquet(file: Path, columns: dict[str, Any]) -> Path:
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file


def test_parquet(file: Path) -> None:
    moment = dt.datetime(2024, 1, 3, 10, tzinfo=dt.UTC)
    parquet(
        file,
        {
            "i": pa.array([1, 2, None], pa.int16()),
            "f": pa.array([1.5, float("nan"), 2.5]),
            "s": pa.array(["x", "y", None]).dictionary_encode(),
            "b": [True, False, None],
            "t": pa.array([moment, None, moment], pa.timestamp("ns", "Europe/Berlin")),
        },
    )
    spec = examine(file, kind="parquet", target="s")
    seen = [(column.type, column.missing, column.distinct) for column in spec.columns]
    assert seen == [
        ("integer", 1, 2),
        ("number", 1, 2),
        ("string", 1, 2),
        ("boolean", 1, 2),
        ("timestamp", 1, 1),
    ]
    assert spec.classes == {"x": 1, "y": 1}
    table = read_table(file)
    frame = table.features(table.types)
    assert frame["t"][0] == moment.timestamp()
    assert np.isnan(frame["f"][1])
    assert frame["b"].tolist()[:2] == ["true", "false"]


def test_text_in_parquet_is_times_where_the_version_before_had_times(file: Path) -> None:
    zoned = ["2024-01-01T12:00:00+02:00", None, "2024-01-01T10:00:00Z"]
    columns = {
        "day": ["2024-01-01", None, "2024-01-02"],
        "zoned": zoned,
        "mixed": ["2024-01-01", *zoned[1:]],
        "words": ["2024-01-01", "x", "y"],
        "text": ["2024-01-01"] * 3,
    }
    parquet(file, columns)
    before = dict.fromkeys(["day", "zoned", "mixed", "words"], "timestamp") | {"text": "string"}
    read = read_as_a_user_would(file, before=before)
    assert list(read.table.types.values()) == ["timestamp"] * 2 + ["string"] * 3
    seconds = read.table.numbers("day")[[0, 2]] - read.table.numbers("zoned")[[0, 2]]
    assert seconds.tolist() == [-10 * 3600, 14 * 3600]
    parquet(file, {"day": ["0000-12-31"]})
    with pytest.raises(DatasetRefused, match="years 1 to 9999"):
        read_as_a_user_would(file, before=before)


def test_bad_parquet(file: Path) -> None:
    assert "not a Parquet file" in refusal(file, b"a,b\n1,2\n", kind="parquet")
    parquet(file, {"a": [1, 2]})
    assert "not a Parquet file" in refusal(file, file.read_bytes()[:-20], kind="parquet")
    parquet(file, {"a": [[1], [2]], "b": [b"x", b"y"]})
    words = refusal(file, file.read_bytes(), kind="parquet")
    assert "Column a is of type list" in words
    assert "Column b is of type binary" in words
    parquet(file, {"a": pa.array([], pa.int64())})
    assert "no rows" in refusal(file, file.read_bytes(), kind="parquet")
    parquet(file, {"a": [1, 2], "b": pa.nulls(2)})
    words = refusal(file, file.read_bytes(), kind="parquet", target="b")
    assert "Column b is empty" in words
    parquet(file, {"b": pa.nulls(2)})
    assert "No column has values" in refusal(file, file.read_bytes(), kind="parquet")


def test_parquet_of_more_values_than_a_dataset_may_have(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_reader, "MAX_VALUES", 5)
    parquet(file, {"a": [1, 2], "b": [3, 4]})
    assert examine(file, kind="parquet").rows == 2
    parquet(file, {"a": [1, 2, 3], "b": [4, 5, 6]})
    assert "There are 6 values; 5 are the most" in refusal(file, file.read_bytes(), kind="parquet")


def test_damaged_parquet_pages(file: Path) -> None:
    parquet(file, {"a": np.random.default_rng(0).normal(size=1000)})
    content = bytearray(file.read_bytes())
    content[4:200] = b"\xff" * 196
    assert "damaged" in refusal(file, bytes(content), kind="parquet")


def test_an_unknown_format(file: Path) -> None:
    assert "'xlsx' is not a format" in refusal(file, b"a\n1\n", kind="xlsx")


cells = some.one_of(
    some.sampled_from(["", "NA", "?", "true", "1", "-3", "2.5", "1e300", "2024-01-01", "x y"]),
    some.integers().map(str),
    some.floats().map(repr),
    some.text(some.characters(codec="utf-8", exclude_characters='\0\r\n"|;\t,'), max_size=5),
)


@settings(max_examples=settings.default.max_examples)
@given(rows=some.lists(some.tuples(cells, cells), min_size=1, max_size=8))
def test_any_table_is_profiled_or_refused_and_then_read_alike(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("any") / "data.csv"
    file.write_bytes("\n".join(["p,q", *(",".join(row) for row in rows)]).encode() + b"\n")
    try:
        spec = examine(file)
    except DatasetRefused:
        return
    table = read_table(file, spec.read)
    assert table.types == {column.name: column.type for column in spec.columns}
    assert table.rows == spec.rows
    frame = table.features(table.types)
    assert frame.isna().sum().tolist() == [column.missing for column in spec.columns]


def question(path: Path, **more: Any) -> ProfileJob:
    return ProfileJob(path=str(path), name="x", version="v", bytes=path.stat().st_size, **more)


def test_profiling_in_a_process_of_its_own(file: Path) -> None:
    spec = asyncio.run(profile_apart(question(PENGUINS, target="species", format="csv")))
    assert spec == profile(
        PENGUINS,
        name="x",
        format="csv",
        version="v",
        bytes=PENGUINS.stat().st_size,
        target="species",
    )
    file.write_bytes(b"a,b\n1\n")
    with pytest.raises(DatasetRefused, match="Line 2"):
        asyncio.run(profile_apart(question(file)))


def test_a_file_that_needs_too_much_memory_is_refused(file: Path) -> None:
    parquet(file, {"a": ["x" * 120_000_000]})
    with pytest.raises(DatasetRefused, match="more than 256 MiB"):
        asyncio.run(profile_apart(question(file, memory_mb=256)))


def test_a_file_that_needs_too_much_time_is_refused(file: Path) -> None:
    parquet(file, {f"c{n}": np.arange(300_000) % 9_000 for n in range(60)})
    with pytest.raises(DatasetRefused, match="1 s of processor time"):
        asyncio.run(profile_apart(question(file, cpu_s=1)))


def test_the_child_speaks_json(file: Path) -> None:
    file.write_bytes(GOOD)
    asked = json.dumps({"path": str(file), "name": "x", "version": "v", "bytes": 1})
    command = [sys.executable, "-m", "autolearn.artifacts.datasets.sandbox"]
    said = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["spec"]["rows"] == 3
    assert not said.stderr


LONG = "contract " * 5000


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("text", "labels of up to 45,001 characters; a label has at most 200: choose another"),
        (None, ""),
        ("label", ""),
    ],
)
def test_long_texts_are_no_labels_but_may_be_features(
    tmp_path: Path, target: str | None, words: str
):
    path = tmp_path / "documents.csv"
    rows = "".join(f'"{LONG}{n % 7}",{"ab"[n % 2]}\n' for n in range(40))
    path.write_text(f"text,label\n{rows}")
    about = {"name": "documents", "format": "csv", "version": "0" * 64, "bytes": 1}
    if words:
        with pytest.raises(DatasetRefused, match=words):
            profile(path, target=target, **about)  # type: ignore[arg-type]
    else:
        assert profile(path, target=target, **about).rows == 40  # type: ignore[arg-type]


def test_a_header_that_is_one_long_name_is_refused_with_its_reason(tmp_path: Path):
    path = tmp_path / "wide.csv"
    path.write_text("x" * 1_000_000 + ",y\n1,2\n")
    with pytest.raises(DatasetRefused, match="at most 200 characters"):
        read_table(path)


@pytest.mark.parametrize("parquet", [False, True])
def test_names_of_columns_have_a_bound(tmp_path: Path, parquet: bool):
    path = tmp_path / "wide"
    names = ["x" * 200, "y" * 201, "z" * 100_000]
    if parquet:
        pa.parquet.write_table(pa.table({name: [1, 2] for name in names}), path)
    else:
        path.write_text(",".join(names) + "\n1,2,3\n4,5,6\n")
    with pytest.raises(DatasetRefused, match=r"column 2 has 201 characters.*2 names") as refused:
        profile(
            path, name="wide", format="parquet" if parquet else "csv", version="0" * 64, bytes=1
        )
    assert len(refused.value.detail) < 1000
