"""A whole system for the tests of the API: agents, workers and two API processes."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from autolearn.security.master_keys import MasterKey
from tests.support.api_processes import Api, Process
from tests.support.people import People, people
from tests.support.settings import FEW_PARTITIONS, variables_of

MAX_UPLOAD = 300_000


class System:
    """What the tests share. `http` asks the first API process, `other` the second."""

    def __init__(self, folder: Path, environment: dict[str, str], stack: ExitStack) -> None:
        self.folder, self.environment = folder, environment
        agents = Process(
            folder,
            "agents",
            environment,
            *("autolearn.agents", "decide", "dispatch", "supervise", "monitor", "work"),
        )
        stack.callback(agents.stop)
        self.first = stack.enter_context(Api(folder, environment, instance="0"))
        self.second = stack.enter_context(Api(folder, environment, instance="1"))
        self.http = stack.enter_context(self.first.client())
        self.other = stack.enter_context(self.second.client())
        agents.ready()


@pytest.fixture(scope="package")
def system(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("api")
    environment = {
        "AUTOLEARN_HOME": str(folder / "home"),
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_TOPIC_PREFIX": f"api-{uuid.uuid4().hex[:8]}",
        "AUTOLEARN_MAX_UPLOAD": str(MAX_UPLOAD),
        **variables_of(**FEW_PARTITIONS),
    }
    with ExitStack() as stack:
        yield System(folder, environment, stack)


@pytest.fixture(scope="package")
def known(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A system on which users are known: tell what you make apart by its name."""
    key = MasterKey.new().text()
    with people(tmp_path_factory.mktemp("people"), kafka, AUTOLEARN_MASTER_KEY=key) as everybody:
        yield everybody


@pytest.fixture(scope="package")
def http(system: System) -> httpx.Client:
    return system.http


@pytest.fixture
def session(http: httpx.Client) -> str:
    """The path of a new session."""
    return http.post("/v1/sessions").headers["location"]


@pytest.fixture(scope="package")
def trained(http: httpx.Client) -> tuple[str, str]:
    """The path of a session that stays open, and the id of a completed training in it."""
    at = http.post("/v1/sessions", json={"title": "trained"}).headers["location"]
    body = {"estimator": "logistic-regression", "dataset": "iris"}
    answer = http.post(f"{at}/trainings", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    return at, answer.json()["id"]
