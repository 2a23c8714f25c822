"""Datasets as objects, and data frames as files; the API is played by a class."""

import hashlib
import io
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autolearn import BadArgument, Problem
from autolearn.client.sdk.handles.frames import parquet_of
from tests.client.sdk.played_api import every

CSV = b"age,plan,churned\n41,pro,no\n,basic,yes\n"
COLUMN = {"missing": 0, "distinct": 2, "minimum": None, "maximum": None}
READ = {"types": "iss"}
FRAME = pd.DataFrame({"age": [41, 52], "plan": ["pro", "basic"]})


class Played:
    """An API that has one dataset: churn, with this content and the target churned."""

    def __init__(self, content: bytes = CSV) -> None:
        self.content = content
        self.uploads: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/catalog/datasets/")
        if request.method == "PUT":
            content = request.read()
            self.uploads.append((path, content, dict(request.url.params)))
            return httpx.Response(201, json=self.dataset(path, content))
        if path == "churn/content":
            return httpx.Response(200, content=self.content)
        if path == "churn/versions":
            return httpx.Response(200, json={"items": [self.dataset("churn", self.content)] * 2})
        if path == "churn/rows":
            rows = [["2026-01-01T00:00:00Z", None], ["2026-01-02T00:00:00Z", "x"]]
            rows = rows[: int(request.url.params["limit"])]
            types = ["timestamp", "string"]
            return httpx.Response(200, json={"columns": ["at", "b"], "types": types, "rows": rows})
        if path == "churn/column":
            name = request.url.params["column"]
            return httpx.Response(
                200, json={"name": name, "type": "string", "rows": 2, "missing": 0}
            )
        if path == "churn":
            return httpx.Response(200, json=self.dataset("churn", self.content))
        return httpx.Response(404, json={"title": "There is no such dataset"})

    @staticmethod
    def dataset(name: str, content: bytes) -> dict[str, Any]:
        columns = [
            COLUMN | {"name": "age", "type": "integer", "missing": 1, "minimum": 41.0},
            COLUMN | {"name": "plan", "type": "string"},
            COLUMN | {"name": "churned", "type": "string"},
        ]
        finding = {"code": "x", "column": "age", "severe": True, "words": "Odd.", "remedy": "Look."}
        return {
            "name": name,
            "version": hashlib.sha256(content).hexdigest(),
            "format": "csv",
            "bytes": len(content),
            "rows": 2,
            "columns": columns,
            "schema_hash": "",
            "target": "churned",
            "read": READ,
            "roles": {"plan": "ignore"},
            "findings": [finding],
            "owner": "ada",
            "everybody": False,
            "registered": "",
            "links": {},
        }


def test_a_dataset_is_shown_and_read_as_frames(tell):
    def story(al):
        churn = yield al.dataset("churn")
        assert repr(churn) == (
            f"<Dataset churn@{churn.version[:8]}: 2 rows, 3 columns, target churned, 1 warnings "
            "(1 severe)>"
        )
        assert churn.columns.loc["age", ["type", "missing", "minimum"]].tolist() == [
            *("integer", 1, 41.0)
        ]
        assert churn.columns["role"].tolist()[1:] == ["ignore", "target"]
        assert churn.warnings.loc[0, "remedy"] == "Look."
        frame = yield churn.to_pandas()
        assert frame["plan"].tolist() == ["pro", "basic"]
        assert frame["age"].isna().tolist() == [False, True]
        head = yield churn.head(1)
        assert head["at"].tolist() == [pd.Timestamp("2026-01-01", tz="UTC")]
        assert (yield churn.column("plan")).type == "string"
        assert len((yield every(al, churn.versions()))) == 2

    tell(Played(), story)


def test_a_file_is_uploaded_if_its_content_or_target_is_new(tell, tmp_path):
    played, file = Played(), tmp_path / "churn.csv"
    file.write_bytes(CSV)

    def story(al):
        for source in (file, str(file), CSV, bytearray(CSV)):
            assert (yield al.dataset(source, "churn")).name == "churn"
        assert (yield al.dataset(file, target="churned")).name == "churn"
        assert (yield al.dataset(io.BytesIO(CSV), name="churn")).name == "churn"
        assert played.uploads == []
        yield al.dataset(file, drop=["plan"])  # it has that role already
        assert played.uploads == []
        yield al.dataset(file, drop=["age"], roles={"plan": "ignore"})
        yield al.dataset(file, target="age")
        yield al.dataset(CSV + b"1,a,b\n", "churn")
        yield al.dataset(io.BytesIO(CSV), "other")
        yield al.dataset(file, accept_findings=True)  # whatever it changes
        yield al.upload_dataset(file)

    tell(played, story)
    assert played.uploads.pop(0)[0] == "churn"
    assert played.uploads == [
        ("churn", CSV, {"target": "age"}),
        ("churn", CSV + b"1,a,b\n", {}),
        ("other", CSV, {}),
        ("churn", CSV, {"accept_findings": "True"}),
        ("churn", CSV, {}),
    ]


def test_a_frame_is_uploaded_once(tell):
    played = Played(parquet_of(FRAME))

    def story(al):
        yield al.dataset(FRAME.copy(), name="churn")
        assert played.uploads == []
        yield al.dataset(FRAME.assign(age=[1, 2]), name="churn")
        yield al.dataset(pa.table({"age": [1]}), name="churn")

    tell(played, story)
    [(_, first, _), (_, second, _)] = played.uploads
    assert pq.read_table(io.BytesIO(first)).to_pydict() == {"age": [1, 2], "plan": ["pro", "basic"]}
    assert pq.read_table(io.BytesIO(second)).to_pydict() == {"age": [1]}


def test_the_same_rows_give_the_same_bytes():
    frame = FRAME.assign(at=pd.Timestamp("2026-01-01"), kind=pd.Categorical([1, 2]))
    content = parquet_of(frame)
    assert parquet_of(frame.copy().set_index(pd.Index([7, 8]))) == content
    assert b"pandas" not in content
    assert pq.read_table(io.BytesIO(content)).to_pydict()["kind"] == ["1", "2"]
    named = parquet_of(frame.set_index("plan"))
    assert pq.read_schema(io.BytesIO(named)).names == ["plan", "age", "at", "kind"]
    assert pq.read_schema(io.BytesIO(parquet_of(pd.DataFrame([[1, 2]])))).names == ["0", "1"]


@pytest.mark.parametrize(
    ("source", "name", "why"),
    [
        (FRAME, None, "needs a name"),
        (CSV, None, "needs a name"),
        (3, "x", "int is no dataset"),
        (io.StringIO("a"), "x", "open in text mode"),
        (pd.DataFrame({"a": [1, "x", {}]}), "x", "Conversion failed for column a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "x", "Duplicate column names"),
    ],
)
def test_what_is_no_dataset_is_said(tell, source, name, why):
    def story(al):
        with pytest.raises(BadArgument, match=why):
            yield al.dataset(source, name)

    tell(Played(), story)


def test_a_name_is_no_path_and_a_wrong_option_is_named(tell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_bytes(CSV)

    def story(al):
        with pytest.raises(Problem, match=r"A file is given as a Path: dataset.Path.'mine.csv'"):
            yield al.dataset("mine.csv")
        with pytest.raises(Problem, match="There is no such dataset") as unknown:
            yield al.dataset("yours")
        assert "Path" not in str(unknown.value)
        with pytest.raises(TypeError, match="unexpected keyword argument 'targett'; did you mean"):
            yield al.dataset(CSV, name="x", targett="churned")

    tell(Played(), story)


def test_a_request_names_the_version_of_a_dataset_and_plain_numbers(tell):
    import numpy as np

    from autolearn.client.sdk.flows import Call, _sent

    def story(al):
        churn = yield al.dataset("churn")
        values = {"max_depth": np.int64(4), "weights": np.array([0.5])}
        sent = _sent(Call("POST", "/", dict, body={"dataset": churn, "hyperparameters": values}))
        assert msgspec.json.decode(sent.content) == {
            "dataset": {"name": "churn", "version": hashlib.sha256(CSV).hexdigest()},
            "hyperparameters": {"max_depth": 4, "weights": [0.5]},
        }

    tell(Played(), story)
