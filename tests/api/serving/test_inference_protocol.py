"""The Open Inference Protocol: tensors in JSON and in binary, and what is no such request."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from autolearn.api.serving.inference_protocol import Malformed, described, read, written
from autolearn.ml.prediction.online import OnlineModel
from tests.ml.prediction.test_online import ROW, opened

TEXTS = ("island", "sex")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnlineModel:
    return opened(tmp_path_factory.mktemp("oip"), "random-forest")[2]


def tensor(name: str, value: Any, **more: Any) -> dict[str, Any]:
    kind = "BYTES" if name in TEXTS else "FP64"
    return {"name": name, "shape": [1], "datatype": kind, "data": [value], **more}


def body(*tensors: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({"inputs": tensors, **more}).encode()


def packed(row: Mapping[str, Any]) -> tuple[bytes, str]:
    """A row with each tensor in binary, and the length of the JSON."""
    tensors, parts = [], []
    for name, value in row.items():
        part = np.float32(value).tobytes() if name not in TEXTS else value.encode()
        if name in TEXTS:
            part = struct.pack("<I", len(part)) + part
        kind = "BYTES" if name in TEXTS else "FP32"
        size = {"binary_data_size": len(part)}
        tensors.append({"name": name, "shape": [1, 1], "datatype": kind, "parameters": size})
        parts.append(part)
    head = body(*tensors, parameters={"binary_data_output": True}, id="mine")
    return b"".join((head, *parts)), str(len(head))


def test_json_and_binary_tensors_ask_the_same(model: OnlineModel):
    plain = read(body(*(tensor(*one) for one in ROW.items())), "", model)
    binary = read(*packed({**ROW, "bill_length_mm": 39.5}), model)
    assert plain.columns == {name: [value] for name, value in ROW.items()}
    assert binary.columns == {
        name: [value]
        for name, value in {**ROW, "bill_length_mm": 39.5}.items()
        if name != "bill_depth_mm"
    } | {"bill_depth_mm": [float(np.float32(18.7))]}
    answered = model.answer_columns(plain.columns, 1, plain.columns)
    said, size = written(plain, answered, "penguins", 3, "request")
    shown = json.loads(said)
    assert (size, shown["model_name"], shown["model_version"]) == ("", "penguins", "3")
    outputs = {one["name"]: one["data"] for one in shown["outputs"]}
    assert outputs["prediction"] == [model.answer([ROW]).rows[0]["prediction"]]
    said, size = written(binary, answered, "penguins", 3, "request")
    shown, rest = json.loads(said[: int(size)]), said[int(size) :]
    sizes = [one["parameters"]["binary_data_size"] for one in shown["outputs"]]
    assert (shown["id"], sum(sizes)) == ("mine", len(rest))
    shares = np.frombuffer(rest[sizes[0] :], "<f8")
    assert shares.tolist() == [outputs[name][0] for name in [*outputs][1:]]


def test_a_gap_is_null_or_by_request_nan(model: OnlineModel):
    row = {**ROW, "bill_depth_mm": float("nan")}
    assert read(body(*(tensor(n, None if v != v else v) for n, v in row.items())), "", model)
    content, size = packed(row)
    with pytest.raises(Malformed, match="with the parameter missing = nan it is a gap"):
        read(content, size, model)
    head = json.loads(content[: int(size)])
    head["parameters"]["missing"] = "nan"
    again = json.dumps(head).encode()
    asked = read(again + content[int(size) :], str(len(again)), model)
    assert asked.columns["bill_depth_mm"] == [None]


def test_the_metadata_name_inputs_and_outputs(model: OnlineModel):
    said = msgspec.to_builtins(described("penguins", 2, (1, 2), model))
    assert said["versions"] == ["1", "2"]
    assert {one["name"]: one["datatype"] for one in said["inputs"]} == {
        name: "BYTES" if name in TEXTS else "FP64" for name in ROW
    }
    assert said["outputs"][0] == {"name": "prediction", "datatype": "BYTES", "shape": [-1]}


YEAR = tensor("year", 2007.0)


@pytest.mark.parametrize(
    ("content", "length", "words"),
    [
        (b"{", "", "no request of the Open Inference Protocol"),
        (b'{"inputs":[{"name":"year","shape":[1],"datatype":"FP64","data":[NaN]}]}', "", "no req"),
        (body(), "", "the model has the inputs"),
        (body({**YEAR, "shape": [1, 2]}), "", "[rows] or [rows, 1] fits"),
        (body({**YEAR, "shape": [2]}), "", "1 values for 2 rows"),
        (body({**YEAR, "shape": [10**9]}), "", "1 to 1,000 fit"),
        (body({**YEAR, "shape": [-1]}), "", "1 to 1,000 fit"),
        (body({**YEAR, "shape": []}), "", "[rows] or [rows, 1] fits"),
        (body({**YEAR, "datatype": "BYTES"}), "", "FP16 or FP32 or FP64"),
        (body(tensor("island", "Dream", datatype="FP64")), "", "BYTES fits"),
        (body(YEAR, YEAR), "", "is there twice"),
        (body(YEAR, {**tensor("sex", "male"), "shape": [2], "data": ["a", "b"]}), "", "has 2 rows"),
        (body({"name": "year", "shape": [1], "datatype": "FP64"}), "", "has no data"),
        (body(YEAR, outputs=[{"name": "score"}]), "", "there is no output 'score'"),
        (body(YEAR), "100000", "and the body has"),
        (body(YEAR), "-1", "no number"),
        (body(YEAR) + b"1234", str(len(body(YEAR))), "4 bytes of the body belong to no input"),
    ],
)
def test_what_is_no_such_request_is_refused(
    model: OnlineModel, content: bytes, length: str, words: str
):
    with pytest.raises(Malformed) as refused:
        read(content, length, model)
    assert words in refused.value.detail


@pytest.mark.parametrize(
    ("name", "kind", "size", "part", "words"),
    [
        ("year", "FP64", 8, b"1234", "are left in the body"),
        ("year", "FP64", 7, b"1234567", "no multiple of FP64"),
        ("year", "FP64", 16, b"x" * 16, "2 values for 1 rows"),
        ("year", "FP99", 8, b"x" * 8, "not known"),
        ("year", "FP64", -8, b"x" * 8, "no number of bytes"),
        ("year", "FP64", True, b"x" * 8, "no number of bytes"),
        ("sex", "BYTES", 3, b"abc", "within the length of a text"),
        ("sex", "BYTES", 8, struct.pack("<I", 99) + b"male", "99 bytes by its length"),
        ("sex", "BYTES", 6, struct.pack("<I", 2) + b"\xff\xfe", "not UTF-8"),
        ("sex", "BYTES", 0, b"", "0 texts for 1 rows"),
    ],
)
def test_a_binary_tensor_that_lies_is_refused(
    model: OnlineModel, name: str, kind: str, size: Any, part: bytes, words: str
):
    sized = {"name": name, "shape": [1], "datatype": kind, "parameters": {"binary_data_size": size}}
    head = body(sized)
    with pytest.raises(Malformed) as refused:
        read(head + part, str(len(head)), model)
    assert words in refused.value.detail
