"""Exports of models on the disk: what is there is replaced at once, or not at all."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import httpx
import pytest

from autolearn import BadArgument, Unreachable
from autolearn.client.sdk.models.export import exported, exported_to_url
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


class Storage(BaseHTTPRequestHandler):
    """Takes files by PUT, as a storage with signed URLs does; below /closed it takes none."""

    files: dict[str, bytes]

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        status, said = (403, b"signature is over") if "closed" in self.path else (200, b"")
        if status == 200:
            self.files[self.path] = content
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[str]:
    Storage.files = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Storage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_gets_a_file(storage: str):
    for text in ("first", "second"):
        packed = folder_of(text=text)
        client(packed)._drive(exported_to_url("m", "3", "python", f"{storage}/m.zip?sign=s3cret"))
        assert Storage.files == {"/m.zip?sign=s3cret": packed}
        client(packed)._drive(exported_to_url("m", "3", "onnx", "memory://models/m.onnx"))
        files = fsspec.filesystem("memory")
        assert files.ls("/models", detail=False) == ["/models/m.onnx"], "nothing is left beside"
        assert files.cat("/models/m.onnx") == packed


def test_a_url_that_takes_no_file_is_named_without_its_secrets(storage: str):
    for url, said in (
        (f"{storage}/closed?sign=s3cret", "403 Forbidden. signature is over"),
        ("http://me:s3cret@127.0.0.1:1/m", "http://127.0.0.1:1/m does not take it"),
        ("no-such://bucket/m", "Protocol not known"),
    ):
        with pytest.raises((Unreachable, BadArgument), match=said) as error:
            client(b"x")._drive(exported_to_url("m", "3", "onnx", url))
        assert "s3cret" not in str(error.value)
