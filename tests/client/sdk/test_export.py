"""Exports of models on the disk: what is there is replaced at once, or not at all."""

import hashlib
import io
import zipfile
from pathlib import Path

import httpx
import pytest

from autolearn import BadArgument, Unreachable
from autolearn.client.sdk.models.export import exported
from autolearn.client.sdk.transport import BlockingPart


def folder_of(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name in ("predict.py", "model.skops"):
            packed.writestr(name, files.get("text", ""))
    return out.getvalue()


def client(content: bytes, digest: str = "") -> BlockingPart:
    """A client of an API that sends a file."""

    def play(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/models/m/versions/3/export"
        etag = digest or hashlib.sha256(content).hexdigest()
        return httpx.Response(200, content=content, headers={"ETag": f'"{etag}"'})

    return BlockingPart(httpx.Client(transport=httpx.MockTransport(play), base_url="http://a"))


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_an_earlier_export_is_replaced_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
):
    monkeypatch.setattr("autolearn.client.sdk.models.export.sys.platform", platform)
    place = tmp_path / "model"
    for text in ("first", "second"):
        client(folder_of(text=text))._drive(exported("m", "3", "python", place))
        assert (place / "predict.py").read_text() == text
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BadArgument, match="is no earlier export, so it is not replaced"):
        client(b"")._drive(exported("m", "3", "python", tmp_path / "mine"))
    with pytest.raises(BadArgument, match="There is no folder"):
        client(b"")._drive(exported("m", "3", "python", tmp_path / "none" / "model"))
    with pytest.raises(BadArgument, match="is a folder"):
        client(b"")._drive(exported("m", "3", "onnx", place))
    assert {one.name for one in tmp_path.iterdir()} == {"model", "mine"}, "nothing is left beside"


def test_a_file_that_was_damaged_on_its_way_replaces_nothing(tmp_path: Path):
    place = tmp_path / "model.onnx"
    client(b"one")._drive(exported("m", "3", "onnx", place))
    with pytest.raises(Unreachable, match="other bytes"):
        client(b"two", "0" * 64)._drive(exported("m", "3", "onnx", place))
    assert place.read_bytes() == b"one"
    assert [one.name for one in tmp_path.iterdir()] == ["model.onnx"]
