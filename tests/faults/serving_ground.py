"""Where processes that serve and monitor models are killed: two of each, and clients that ask."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
from confluent_kafka.admin import AdminClient
from sklearn.datasets import load_iris

from autolearn.eventlog.embedded.probe import free_ports
from tests.faults.answers import Answer, Promotion, Said, check_answers, check_records, uncounted
from tests.faults.ground import Ground
from tests.faults.load import QUICK, Client
from tests.faults.parts import Part
from tests.faults.verdict import Verdict
from tests.support import log_checker
from tests.support.waiting import until

DURABLE, FAST = "durable-iris", "fast-iris"
MODELS = (DURABLE, FAST)
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in load_iris().data[::10].tolist()]
QUESTIONS = [[ROWS[row] for row in Random(number).sample(range(15), 3)] for number in range(20)]
"""Rows that are asked together: a version gives them the same bits always."""
PATIENCE = 12.0
"""Seconds within which every instance adopts a promotion: one that was killed loads its models
anew, which takes several seconds on a busy machine, and meanwhile the version before answers."""
_PAUSE = 0.01
_PROMOTED_FOR = 30.0
"""Seconds for which a version answers, at most: often longer than PATIENCE."""


class Asker:
    """A client of one model: it asks some rows of an instance, and keeps what it was told."""

    def __init__(self, model: str, seed: int, urls: Callable[[], list[str]]) -> None:
        self.model, self.random, self.urls = model, Random(seed), urls
        self.http = httpx.Client(timeout=15, trust_env=False)
        self.answers: list[Answer] = []
        self.refused: Counter[str] = Counter()
        self.slowest = 0.0
        """The longest time in seconds after which an instance refused to answer."""

    def ask(self, url: str = "") -> str:
        """Ask once: "" for an answer, else why there is none."""
        question = self.random.randrange(len(QUESTIONS))
        body = {"records": QUESTIONS[question]}
        url, sent = url or self.random.choice(self.urls()), time.monotonic()
        try:
            answer = self.http.post(f"{url}/v1/models/{self.model}/predict", json=body)
        except httpx.TransportError as error:
            why = type(error).__name__
        else:
            said = answer.json()
            if answer.status_code == 200:
                one = Answer(
                    said["request"],
                    said["version"],
                    question,
                    tuple(said["predictions"]),
                    sent,
                    time.monotonic(),
                )
                self.answers.append(one)
                return ""
            assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
            why = str(said["type"]).rpartition(":")[2]
            self.slowest = max(self.slowest, time.monotonic() - sent)
        self.refused[why] += 1
        return why


class Questions:
    """Clients that ask all the time, and promotions back and forth meanwhile (in threads)."""

    def __init__(self, on: ServingGround, seed: int, patience: float) -> None:
        self.on, self.random, self.patience = on, Random(seed), patience
        self.stopping = threading.Event()
        self.failures: list[BaseException] = []
        self.promotions = {model: [Promotion(on.champion, 0.0, 0.0)] for model in MODELS}
        self.askers = [
            Asker(model, seed * 100 + number, on.serving)
            for number, model in enumerate((DURABLE, DURABLE, FAST))
        ]
        works = [lambda one=one: self.ask(one) for one in self.askers] + [self.promote]
        self.threads = [
            threading.Thread(target=self.run, args=(one,), daemon=True) for one in works
        ]
        for thread in self.threads:
            thread.start()

    def run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed on by stop()
            self.failures.append(error)

    def ask(self, asker: Asker) -> None:
        while not self.stopping.wait(_PAUSE):
            asker.ask()

    def promote(self) -> None:
        """Let the other version answer, now and then."""
        with self.on.client() as client:
            while not self.stopping.wait(_PROMOTED_FOR * self.random.random()):
                version = 3 - self.on.champion
                for model in MODELS:
                    asked = time.monotonic()
                    change(client, model, "promote", {"version": version})
                    self.promotions[model].append(Promotion(version, asked, time.monotonic()))
                self.on.champion = version

    def answers(self, model: str) -> list[Answer]:
        """What was answered so far."""
        return [one for asker in self.askers if asker.model == model for one in asker.answers]

    def since(self, model: str, moment: float) -> int:
        """How many requests were asked and answered since a moment."""
        self.raise_failures()
        return sum(one.sent > moment for one in self.answers(model))

    def refused(self, model: str) -> Counter[str]:
        """Why there was no answer, and how often."""
        return sum((one.refused for one in self.askers if one.model == model), Counter())

    def raise_failures(self) -> None:
        """Raise what went wrong in a thread."""
        for failure in self.failures:
            raise failure

    def stop(self) -> None:
        """Let all clients come to an end."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "a client does not come to an end"
        self.raise_failures()


class ServingGround(Ground):
    """A system with two processes that serve, two that monitor, and two models."""

    questions: Questions
    champion = 1

    def add_parts(self) -> None:
        """Start all processes."""
        api, *serving = free_ports(3)
        self.urls["api-a"] = f"http://127.0.0.1:{api}"
        self.fleet.add("api-a", "autolearn.api", "--port", str(api))
        for kind in ("decide", "dispatch", "work"):
            self.fleet.add(f"{kind}-a", "autolearn.agents", kind)
        self.serving_urls = {}
        for instance, port in zip("ab", serving, strict=True):
            self.serving_urls[f"serve-{instance}"] = f"http://127.0.0.1:{port}"
            self.fleet.add(f"serve-{instance}", "autolearn.api.serving", "--port", str(port))
            self.fleet.add(f"monitor-{instance}", "autolearn.agents", "monitor")

    def start(self) -> None:
        """Start everything, and register and promote the models; note what each version says."""
        super().start()
        with self.client() as client:
            session = client.open()
            runs = []
            for estimator in ("naive-bayes", "logistic-regression"):
                runs.append(client.train(session, {**QUICK, "estimator": estimator}))
                client.ended(session, "training", runs[-1])
            client.post("commit", session, f"/v1/sessions/{session}/commit", {})
            for model in MODELS:
                for run in runs:
                    change(client, model, "versions", {"training": run})
                change(client, model, "promote", {"version": 1})
            change(client, FAST, "recording", {"recording": "fast"})
        self.references = {version: self.said_by(version) for version in (1, 2)}
        both = zip(*(sum(known, ()) for known in self.references.values()), strict=True)
        assert all(one != other for one, other in both), "versions say the same"

    def said_by(self, version: int) -> list[tuple[Said, ...]]:
        """What a version says to each question, asked alone, before anybody is killed."""
        url = f"{self.serving_urls['serve-a']}/v1/models/{DURABLE}/versions/{version}/predict"

        def said(rows: list[dict[str, float]]) -> tuple[Said, ...]:
            answer = until(lambda: answered(url, rows), f"version {version} answers", 60, 0.2)
            return tuple(answer["predictions"])

        return [said(rows) for rows in QUESTIONS]

    def serving(self) -> list[str]:
        """The addresses of the processes that serve."""
        return list(self.serving_urls.values())

    @contextlib.contextmanager
    def asked(self, patience: float = PATIENCE) -> Iterator[Questions]:
        """Have clients ask in the block; every instance adopts a promotion within `patience`."""
        self.questions = questions = Questions(self, self.seed, patience)
        try:
            yield questions
        finally:
            questions.stopping.set()
        questions.stop()

    def records(self) -> list[Said]:
        """All records of the prediction log; those without a value only close segments."""
        topic = log_checker.read_topic(self.kafka, f"{self.prefix}.predictions")
        return [json.loads(one.value) for found in topic.values() for one in found if one.value]

    def hours(self) -> list[Said]:
        """The counts by hour of both models, as the API shows them."""
        found: list[Said] = []
        for model in MODELS:
            url = f"{self.urls['api-a']}/v1/models/{model}/hours"
            answer = httpx.get(url, timeout=30, trust_env=False)
            if answer.status_code == 503:  # it reads them
                return []
            assert answer.is_success, answer.text
            found += answer.json()["items"]
        return found

    def counted(self) -> int:
        """How many requests the hours count by now."""
        return sum(hour["requests"] for hour in self.hours())

    def acting(self) -> Part | None:
        """The process that has the partition of the hours, by the group; None while nobody has."""
        group = f"{self.prefix}.monitor"
        admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 0})
        described = admin.describe_consumer_groups([group], request_timeout=10)[group].result()
        for member in described.members:
            if member.assignment is not None and member.assignment.topic_partitions:
                name = "-".join(str(member.group_instance_id).split("-")[:2])
                return self.fleet[name]
        return None

    def same_digests(self) -> None:
        """The API shows what the log says, which is rebuilt beside it (`replay verify`)."""
        same_digests_as_log(self.urls["api-a"], self.environment)

    def verdict(self, seconds: float = 120) -> Verdict:
        """As for every system; and what was answered is right, recorded once, and counted once."""
        verdict = super().verdict(seconds)
        questions, counts, records = self.questions, self.tally.counts, self.records()
        for model in MODELS:
            answers = questions.answers(model)
            mine = [one for one in records if one["model"] == model]
            promotions = questions.promotions[model]
            found = check_answers(answers, self.references, promotions, questions.patience)
            lost = check_records(answers, mine, durable=model == DURABLE)
            counts[f"answers of {model}"] += found.answers
            counts[f"decisive answers of {model}"] += found.decisive
            counts[f"lost records of {model}"] += lost
            counts["promotions"] += len(promotions) - 1
            self.tally.recovered(
                f"a promotion of {model} is adopted, at the latest", found.adoption
            )
            refused = dict(questions.refused(model))
            print(f"  {model}: {found}, {lost} without a record, refused {refused}", flush=True)
        until(lambda: uncounted(self.hours(), records) == 0, "every request is counted", 90, 1.0)
        print(f"  {len(records)} requests are on the log once, and counted once", flush=True)
        return verdict


def same_digests_as_log(url: str, environment: dict[str, str]) -> None:
    """An API process shows what the log says, which is rebuilt beside it (`replay verify`)."""
    verified = subprocess.run(
        [Path(sys.executable).with_name("autolearn"), "replay", "verify", "--url", url],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def answered(url: str, rows: list[dict[str, float]]) -> dict[str, Any] | None:
    """The answer to rows; None if there is none yet."""
    answer = httpx.post(url, json={"records": rows}, timeout=30, trust_env=False)
    if answer.status_code == 503:
        return None
    assert answer.is_success, answer.text
    return dict(answer.json())


def change(client: Client, model: str, what: str, body: dict[str, Any]) -> None:
    """Change a model; a request that is repeated has one effect."""
    key = {"idempotency-key": str(uuid.UUID(int=client.random.getrandbits(128)))}
    done = client.ask("POST", f"/v1/models/{model}/{what}", body, key)
    assert done.is_success, done.text
    if done.json().get("state") == "pending":
        client.outcome(done.json())
