"""A system on which users are known, who have a session shared with them or not; two processes."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.operations.first_user import first_user
from autolearn.schemas.codec import to_json
from autolearn.schemas.settings import load
from autolearn.schemas.topics import Topics
from tests.support.api_processes import Api, Process
from tests.support.settings import FEW_PARTITIONS, variables_of
from tests.support.waiting import until

PASSWORD = "correct horse battery"
BAD = f"al_{'0' * 16}_{'A' * 43}"
"""A token as they look, which nobody ever had."""


def away(number: int) -> dict[str, str]:
    """The headers of a proxy, from another address: passwords that do not fit lock out nobody."""
    return {"X-Forwarded-For": f"198.51.100.{number}", "X-Forwarded-Proto": "https"}


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class People:
    """Clients by who asks. `other`, `reader` and `owner` are users; in the team are
    `colleague`, who is a user, and `viewer`, who is a viewer.
    """

    def __init__(
        self, folder: Path, kafka: str, stack: ExitStack, more: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.environment = {
            "AUTOLEARN_SERVE_PORT": str(free_port()),
            "AUTOLEARN_AUTH": "tokens",
            "AUTOLEARN_HOME": str(folder / "home"),
            "AUTOLEARN_KAFKA": kafka,
            "AUTOLEARN_TOPIC_PREFIX": f"people-{uuid.uuid4().hex[:8]}",
            "AUTOLEARN_TRUSTED_PROXIES": "127.0.0.1",
            "AUTOLEARN_CHECKPOINT_INTERVAL": "0.5",
            **variables_of(**FEW_PARTITIONS),
            **(more or {}),
        }
        types = ("decide", "dispatch", "supervise", "monitor", "work")
        self.agents = Process(folder, "agents", self.environment, "autolearn.agents", *types)
        stack.callback(self.agents.stop)
        self.first = stack.enter_context(Api(folder, self.environment, instance="0"))
        self.second = stack.enter_context(Api(folder, self.environment, instance="1"))
        self.serve = Process(folder, "serve", self.environment, "autolearn.api.serving")
        stack.callback(self.serve.stop)
        self.stack = stack
        self.agents.ready()
        self.topics = Topics.of(load(self.environment))
        log = KafkaLog(kafka)
        stack.callback(log.close)
        self.log = log
        token = first_user(log, self.topics, "admin")
        assert token is not None
        self.nobody = stack.enter_context(self.first.client())
        self.elsewhere = stack.enter_context(self.second.client())
        url = self.serve.ready()
        self.serving = stack.enter_context(httpx.Client(base_url=url, timeout=60, trust_env=False))
        self.tokens = {"sysadmin": token.word, "bad": BAD}
        for name in ("other", "reader", "colleague", "owner"):
            self.tokens[name] = self.add(name)
        self.tokens["viewer"] = self.add("viewer", "viewer")
        self.tokens["expired"] = self.expired()
        self.ask("owner", "POST", "/v1/groups", json={"name": "team"})
        for user in ("colleague", "viewer"):
            self.ask("owner", "POST", "/v1/groups/team/add", json={"user": user})

    def add(self, name: str, role: str = "user") -> str:
        """Add a user; return a token."""
        body = {"name": name, "password": PASSWORD, "role": role}
        answer = self.ask("sysadmin", "POST", "/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        login = {"user": name, "password": PASSWORD}
        answer = self.nobody.post("/v1/login", json=login)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["token"]
        return token

    def expired(self) -> str:
        """A token of the owner whose time is over."""
        answer = self.ask("owner", "POST", "/v1/tokens", json={"days": 1e-6})
        token: str = answer.json()["token"]
        self.tokens["expired"] = token
        until(lambda: self.ask("expired", "GET", "/v1/me").status_code == 401)
        return token

    def ask(
        self, who: str, method: str, path: str, to: httpx.Client | None = None, **given: object
    ) -> httpx.Response:
        """Send a request as somebody; `none` sends no token."""
        headers = dict(given.pop("headers", {}))  # type: ignore[call-overload]
        if who != "none":
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return (to or self.nobody).request(method, path, headers=headers, **given)  # type: ignore[arg-type]

    def session(self, title: str = "") -> str:
        """The path of a new session of the owner."""
        answer = self.ask("owner", "POST", "/v1/sessions", json={"title": title})
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def share(self, session: str) -> None:
        """Share a session of the owner, with the reader to read and the team to work."""
        for user, may in (("reader", "read"), ("group/team", "work")):
            grant = {"user": user, "may": may}
            answer = self.ask("owner", "POST", f"{session}/share", json=grant)
            assert answer.status_code == 200, answer.text

    def model(self, name: str, experiment: str) -> None:
        """Let the only training of an experiment of the owner answer as a model.

        It is shared with the reader to read, and with the team to promote.
        """
        at, body = f"/v1/models/{name}", {"training": experiment.rpartition("/")[2]}
        answer = self.ask("owner", "POST", f"{at}/versions", json=body)
        assert answer.status_code == 201, answer.text
        answer = self.ask("owner", "POST", f"{at}/promote", json={"version": 1})
        assert answer.status_code == 200, answer.text
        for user, may in (("reader", "read"), ("group/team", "promote")):
            answer = self.ask("owner", "POST", f"{at}/share", json={"user": user, "may": may})
            assert answer.status_code == 200, answer.text

    def pipeline(self, name: str) -> str:
        """Apply and run a pipeline of the owner; return the id of the completed run.

        It is shared with the reader to read, and with the team to work.
        """
        at, steps = (
            f"/v1/pipelines/{name}",
            [{"source": {"dataset": "iris"}}, {"select": {"drop": ["species"]}}],
        )
        body = {"text": to_json({"pipeline": name, "steps": steps}).decode()}
        answer = self.ask("owner", "POST", "/v1/pipelines", json=body)
        assert answer.status_code == 201, answer.text
        for user, may in (("reader", "read"), ("group/team", "work")):
            answer = self.ask("owner", "POST", f"{at}/share", json={"user": user, "may": may})
            assert answer.status_code == 200, answer.text
        wait = {"Prefer": "wait=60"}
        answer = self.ask("owner", "POST", f"{at}/runs", json={}, headers=wait)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "completed", answer.text
        run: str = answer.json()["id"]
        return run

    def trained(self, session: str) -> tuple[str, str]:
        """The ids of a completed training in a session of the owner, and of its evaluation."""
        wait = {"Prefer": "wait=60"}
        body: dict[str, object] = {"estimator": "logistic-regression", "dataset": "iris"}
        answer = self.ask("owner", "POST", f"{session}/trainings", json=body, headers=wait)
        assert answer.status_code == 201, answer.text
        training = answer.json()["id"]
        body = {"training": training, "metrics": ["f1"]}
        answer = self.ask("owner", "POST", f"{session}/evaluations", json=body, headers=wait)
        assert answer.status_code == 201, answer.text
        return training, answer.json()["id"]


@contextmanager
def people(folder: Path, kafka: str, **settings: str) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(folder, kafka, stack, settings)
