"""What the fuzz is let loose on: real processes, and an owner's work with canaries in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from tests.support.people import People

TITLE = "canary-3f9c1e77d2"
NUMBER = 0.7351948261073
"""A hyperparameter that no other training has."""


MUCH = {
    "AUTOLEARN_QUOTA_REQUESTS": "100000",
    "AUTOLEARN_QUOTA_SESSIONS": "100000",
    "AUTOLEARN_QUOTA_RUNS_QUEUED": "100000",
}
"""Quotas that are not what the fuzz is to meet: it asks as much as a hundred users."""

MODEL = "fuzzed"
IRIS = {"estimator": "logistic-regression", "dataset": "iris"}
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


class Target(NamedTuple):
    """What a process that fuzzes needs to know: the URL of an API process, and what there is.

    `ids` are by the path parameter that they fit; `mine` are those of the user `other`. `row` is
    what the models are asked.
    """

    url: str
    document: dict[str, Any]
    tokens: dict[str, str]
    ids: dict[str, list[str]]
    mine: tuple[str, ...]
    canaries: tuple[str, ...]
    row: Mapping[str, str | float] = {}


class World:
    """A system with two API processes, and one that serves models."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.session = people.session(TITLE)
        people.share(self.session)
        at, wait = f"{self.session}/trainings", {"Prefer": "wait=60"}
        body = IRIS | {"hyperparameters": {"C": NUMBER}}
        made = people.ask("owner", "POST", at, json=body, headers=wait)
        assert made.json()["status"] == "completed", made.text
        training = made.json()["id"]
        evaluation = people.ask(
            "owner",
            "POST",
            f"{self.session}/evaluations",
            json={"training": training},
            headers=wait,
        ).json()["id"]
        kept = people.session(TITLE)
        run, _ = people.trained(kept)
        people.ask("owner", "POST", f"{kept}/commit")
        artifact = people.ask("owner", "GET", f"{at}/{training}/artifact").json()
        mine = people.ask("other", "POST", "/v1/sessions", json={"title": "mine"}).json()["id"]
        done = people.ask("other", "POST", f"/v1/sessions/{mine}/trainings", json=IRIS).json()["id"]
        self.mine = (mine, MODEL)
        self.answers_as(MODEL)
        people.add("lise")  # whom the sysadmin may do anything to
        tokens = people.ask("owner", "GET", "/v1/tokens").json()["items"]
        self.canaries = (TITLE, str(NUMBER), artifact["digest"], *hashes(artifact))
        session, experiment = self.session.split("/")[3], kept.split("/")[3]
        self.ids = {
            "session": [session, experiment, mine, mine],
            "experiment": [experiment, session],
            "run": [training, evaluation, run, done],
            "file": [file["name"] for file in artifact["files"]],
            "command": [session, str(uuid.uuid5(uuid.UUID(session), "session"))],
            "token": [token["id"] for token in tokens],
            "user": ["lise", "nobody"],
            "view": ["sessions", "users"],
            "name": ["iris", "svm", "f1"],
            "letter": ["0-0"],
            "model": [MODEL],
            "version": ["1", "champion"],
        }
        self.streams = (session, experiment)

    def answers_as(self, name: str) -> None:
        """Let a training of the user `other` answer as a model."""
        wait = {"Prefer": "wait=60"}
        at = self.people.ask("other", "POST", "/v1/sessions").headers["location"]
        made = self.people.ask("other", "POST", f"{at}/trainings", json=IRIS, headers=wait).json()
        self.people.ask("other", "POST", f"{at}/commit")
        for what, body in (("versions", {"training": made["id"]}), ("promote", {"version": 1})):
            answer = self.people.ask("other", "POST", f"/v1/models/{name}/{what}", json=body)
            assert answer.is_success, answer.text

    def events(self) -> dict[str, int]:
        """How many events the owner's streams have."""
        return {one: self.many(one) for one in self.streams}

    def many(self, session: str) -> int:
        """How many events a session has, but for readers that left it, who may."""
        page = self.people.ask("owner", "GET", f"/v1/events?session={session}&limit=500").json()
        assert page["next"] is None or len(page["items"]) < 500
        left = ("autolearn.SessionUnshared.v1", "reader")
        return sum((one["type"], one["actor"]) != left for one in page["items"])

    def newest(self, session: str) -> tuple[str, str]:
        """Return the type of a session's newest event, and who asked for it."""
        page = self.people.ask("owner", "GET", f"/v1/events?session={session}&limit=500").json()
        return page["items"][-1]["type"], page["items"][-1]["actor"]

    def targets(self) -> list[Target]:
        """Both API processes, and the one that serves models."""
        clients = (self.people.nobody, self.people.elsewhere, self.people.serving)
        more = (self.people.tokens, self.ids, self.mine, self.canaries, ROW)
        return [
            Target(str(one.base_url).rstrip("/"), one.get("/openapi.json").json(), *more)
            for one in clients
        ]


def hashes(artifact: Mapping[str, Any]) -> Iterator[str]:
    """The hashes of the files of a model that are of this model alone."""
    for file in artifact["files"]:
        if file["name"] == "model.skops":
            yield file["sha256"]


@contextmanager
def world(folder: Path, kafka: str | None = None) -> Iterator[World]:
    with ExitStack() as stack:
        if kafka is None:
            kafka = stack.enter_context(EmbeddedBroker(install(), folder / "kafka")).bootstrap
        yield World(People(folder, kafka, stack, MUCH))
