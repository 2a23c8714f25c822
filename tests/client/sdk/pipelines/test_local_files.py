"""The files of a pipeline on a user's machine; the API is played by a class."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from autolearn import BadArgument, PipelineFailed
from autolearn.client.sdk.pipelines.local_files import path_below
from autolearn.schemas.pipelines.kinds import DRIVEN
from autolearn.schemas.pipelines.parse import parse
from autolearn.schemas.pipelines.resolve import resolve
from tests.client.sdk.handles.test_datasets import Played as PlayedDatasets

TEXT = """\
pipeline: churn
parameters:
  day: {default: monday}
steps:
  - source: {file: "data/${day}.csv"}
  - deliver: {file: scores.csv}
"""
ROWS = b"a,b\n1,2\n"
GAVE = {"artifact": {"folder": "0", "digest": "0", "bytes": 1, "files": {}}, "file": "scores.csv"}
TIMES = {"requested": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z"}


class PlayedApi:
    """An API with one pipeline, of `owner`, whose run has ended with a `status`."""

    def __init__(self, owner: str = "ada", status: str = "completed") -> None:
        self.owner, self.status = owner, status
        self.uploads: list[tuple[str, bytes]] = []
        self.bodies: list[Any] = []
        self.text = TEXT

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, method = request.url.path, request.method
        if path.startswith("/v1/catalog/datasets/"):
            return self.dataset(path.rpartition("/")[2], request)
        if path == "/v1/me":
            me = {"name": "ada", "role": "user", "auth": "token", "token": None, "expires": None}
            return httpx.Response(200, json=me)
        if path == "/v1/pipelines" and method == "POST":
            self.text = msgspec.json.decode(request.read())["text"]
            return httpx.Response(201, json=self.version())
        if path == "/v1/pipelines/churn":
            return httpx.Response(200, json=self.pipeline())
        if path == "/v1/pipelines/churn/runs":
            self.bodies.append(msgspec.json.decode(request.read()))
            return httpx.Response(201, json=self.run(self.bodies[-1]))
        if path == "/v1/pipeline-runs/r1/steps/deliver/files/rows.csv":
            return httpx.Response(200, content=ROWS)
        return httpx.Response(404, json={"title": f"There is no {method} {path}"})

    def dataset(self, name: str, request: httpx.Request) -> httpx.Response:
        known = dict(self.uploads)
        if request.method == "PUT":
            self.uploads.append((name, request.read()))
            known = dict(self.uploads)
        if name not in known:
            return httpx.Response(404, json={"title": "There is no such dataset"})
        return httpx.Response(200, json=PlayedDatasets.dataset(name, known[name]))

    def definition(self) -> Any:
        return msgspec.to_builtins(parse(self.text, DRIVEN))

    def version(self) -> dict[str, Any]:
        about = {"pipeline": "churn", "number": 1, "text": self.text, "note": "", "links": {}}
        return about | {"definition": self.definition(), "applied": "", "actor": "ada"}

    def pipeline(self) -> dict[str, Any]:
        about = {"name": "churn", "owner": self.owner, "created": "", "updated": "", "links": {}}
        about |= {"versions": 1, "runs": 0, "grants": []}
        return about | {"definition": self.definition()}

    def run(self, body: dict[str, Any]) -> dict[str, Any]:
        given = resolve(parse(self.text, DRIVEN), body["parameters"], DRIVEN)
        done = self.status == "completed"
        files = {"rows.csv": hashlib.sha256(ROWS).hexdigest()}
        gave = GAVE | {"artifact": {**GAVE["artifact"], "files": files}}  # type: ignore[dict-item]
        last = {"name": "deliver", "kind": "deliver", "status": self.status}
        last |= {"gave": gave} if done else {"why": "the disk is full"}
        about = {"id": "r1", "session": "", "number": 2, "status": self.status, "links": {}}
        about |= {"time_limit": 60.0, "memory_limit": 256, "ended": "2026-01-01T00:00:01Z"}
        about |= {"pipeline": "churn", "pipeline_version": 1, "progress": None, **TIMES}
        about |= {"parameters": body["parameters"], "definition": msgspec.to_builtins(given)}
        return about | {
            "steps": [{"name": "source", "kind": "source", "status": "completed"}, last]
        }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of sources, where results are written."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "monday.csv").write_bytes(b"x\n1\n")
    (tmp_path / "data" / "friday.csv").write_bytes(b"x\n2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sources_are_uploaded_once_and_results_written(tell: Any, folder: Path) -> None:
    api = PlayedApi()
    (folder / "churn.yaml").write_text(TEXT)

    def story(al: Any) -> Any:
        pipeline = yield al.pipelines.apply(folder / "churn.yaml")
        for day in ("monday", "monday", "friday"):
            run = yield pipeline.run(day=day)
            assert run.written == {"deliver": Path("scores.csv")}
        again = yield run.repeat()
        assert again.status == "completed"

    tell(api, story)

    assert [name for name, _ in api.uploads] == ["churn-monday", "churn-friday"]
    sent = [body["files"].get("source", "").partition("@")[0] for body in api.bodies]
    assert sent[:3] == ["churn-monday", "churn-monday", "churn-friday"]
    assert api.bodies[3]["parameters"] == {"day": "friday"}
    assert (folder / "scores.csv").read_bytes() == ROWS


def test_a_mapping_is_applied_as_json(ask: Any) -> None:
    api = PlayedApi()
    steps = [{"source": {"dataset": "iris"}}, {"deliver": {"file": "x.csv"}}]

    pipeline = ask(api, lambda al: al.pipelines.apply({"pipeline": "churn", "steps": steps}))

    assert [step.name for step in pipeline.definition.steps] == ["source", "deliver"]


def test_files_are_not_given_to_the_owner_of_another_pipeline(ask: Any, folder: Path) -> None:
    api = PlayedApi(owner="eve")

    async def run(al: Any) -> Any:
        return await (await al.pipeline("churn")).run()

    with pytest.raises(BadArgument, match="the pipeline is eve's"):
        ask(api, lambda al: run(al) if hasattr(al, "__aenter__") else al.pipeline("churn").run())

    assert api.uploads == []


def test_a_failed_run_says_which_step_and_why(ask: Any, folder: Path) -> None:
    api = PlayedApi(status="failed")

    async def run(al: Any) -> Any:
        return await (await al.pipeline("churn")).run()

    with pytest.raises(PipelineFailed, match="the step deliver: the disk is full") as failed:
        ask(api, lambda al: run(al) if hasattr(al, "__aenter__") else al.pipeline("churn").run())

    assert failed.value.run.steps["deliver"].status == "failed"
    assert not (folder / "scores.csv").exists()


@pytest.mark.parametrize(
    "name", ["/etc/x.csv", "../x.csv", "a/../../x.csv", ".ssh/x.csv", "out/x.csv", ""]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)

    with pytest.raises(BadArgument, match="no plain name"):
        path_below(folder, name)
