"""Clients that work all the time, through any API process that answers, and keep the receipts.

A request is repeated with its Idempotency-Key until somebody answers it: 2xx and 4xx are answers,
429, 5xx and lost connections are not, nor is that a session or a run is unknown: clients ask for
those only that there are.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx

from tests.faults.verdict import Receipt

PATIENCE = 90.0
"""Seconds after which a request that nobody answers is a failure of the system."""
EXPECTED = (404, 409, 410)
"""Refusals that this load asks for now and then."""
NOT_SEEN = ("problem:session-unknown", "problem:run-unknown")
"""What a process says that is cut off from the broker, of what others know."""
QUICK = {"estimator": "naive-bayes", "dataset": "iris"}
LONGER = {"estimator": "random-forest", "dataset": "iris", "hyperparameters": {"n_estimators": 300}}


class Client:
    """One client: asks, repeats, and keeps the receipts."""

    def __init__(self, seed: int, urls: Callable[[], list[str]]) -> None:
        self.random, self.urls = Random(seed), urls
        self.http = httpx.Client(timeout=15, trust_env=False)
        self.receipts: list[Receipt] = []
        self.sent: Counter[tuple[str, str]] = Counter()
        self.commands = self.repeats = 0

    def post(
        self, what: str, session: str, path: str, body: Any = None, prefer: str = "", key: str = ""
    ) -> httpx.Response:
        """Send one command until it is answered; without a `key` it has a random one."""
        key = key or self.new_key()
        headers = {"idempotency-key": key, **({"prefer": prefer} if prefer else {})}
        self.commands += 1
        if session:
            self.sent[what, session] += 1
        answer = self.ask("POST", path, body, headers)
        if answer.is_success:
            self.receipts.append(Receipt(what, session, key, answer.status_code, answer.json()))
        return answer

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request until somebody answers it."""
        deadline = time.monotonic() + PATIENCE
        seen = "nothing"
        while time.monotonic() < deadline:
            try:
                url = self.random.choice(self.urls())
                answer = self.http.request(method, url + path, json=body, headers=headers)
            except httpx.TransportError as error:
                seen = repr(error)
            else:
                seen = f"{answer.status_code} {answer.text}"
                if answer.is_success:
                    return answer
                unseen = any(words in answer.text for words in NOT_SEEN)
                if answer.status_code in EXPECTED and not unseen:
                    return answer
                assert answer.status_code in (404, 429, 502, 503, 504), seen
            self.repeats += 1
            time.sleep(0.1 + 0.2 * self.random.random())
        raise AssertionError(f"{method} {path} was not answered in {PATIENCE:g} s: {seen}")

    def new_key(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def open(self) -> str:
        """Open a session and return its id; a repeated request must open no other."""
        key = self.new_key()
        opened = self.post("open", "", "/v1/sessions", {"title": key}, key=key).json()
        if "state" not in opened:
            return str(opened["id"])
        return self.outcome(opened)["resource"].rpartition("/")[2]

    def outcome(self, pending: dict[str, Any]) -> dict[str, Any]:
        """Wait for the answer of a command that was only acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while pending["state"] == "pending":
            assert time.monotonic() < deadline, pending
            time.sleep(0.05)
            # 404: this process has not seen the command's partition so far.
            answer = self.ask("GET", pending["links"]["self"])
            pending = answer.json() if answer.is_success else pending
        return pending

    def train(self, session: str, body: dict[str, Any], prefer: str = "") -> str:
        """Ask for a training; return its id."""
        at = f"/v1/sessions/{session}/trainings"
        body = {**body, "seed": self.random.getrandbits(30)}
        run = self.post("train", session, at, body, prefer).json()
        if "state" in run:
            run = {"id": self.outcome(run)["resource"].rpartition("/")[2]}
        return str(run["id"])

    def run(self, session: str, kind: str, run: str) -> dict[str, Any]:
        """What is known of a run."""
        found = self.ask("GET", f"/v1/sessions/{session}/{kind}s/{run}")
        assert found.is_success, found.text
        return dict(found.json())

    def ended(self, session: str, kind: str, run: str) -> dict[str, Any]:
        """Wait until a run has ended."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.run(session, kind, run))["status"] in ("open", "started"):
            assert time.monotonic() < deadline, f"a run does not end: {found}"
            time.sleep(0.1)
        return found

    def story(self) -> None:
        """A session from its opening to its end, one of many kinds."""
        random, session = self.random, self.open()
        prefer = random.choice(("", "", "respond-async"))
        at = f"/v1/sessions/{session}"
        bodies = random.choices((QUICK, LONGER), (4, 1), k=random.choice((0, 1, 1, 2)))
        runs = [self.train(session, body, prefer) for body in bodies]
        if runs and random.random() < 0.2:
            self.post("cancel", session, f"{at}/trainings/{runs[-1]}/cancel")
        if random.random() < 0.3:  # what is going is cancelled; without runs: nothing to commit
            how = random.choice(("commit", "discard"))
            self.post(how, session, f"{at}/{how}", {} if how == "commit" else None)
            if how == "commit":
                self.post("discard", session, f"{at}/discard")
            return
        found = [self.ended(session, "training", run) for run in runs]
        assert all(run["status"] in ("completed", "cancelled") for run in found), found
        done = [run["id"] for run in found if run["status"] == "completed"]
        if done:
            body = {"training": done[0], "metrics": ["accuracy"]}
            made = self.post("evaluate", session, f"{at}/evaluations", body).json()
            if "state" not in made and random.random() < 0.7:
                self.ended(session, "evaluation", made["id"])
        self.post("commit", session, f"{at}/commit", {}, prefer)

    def close(self) -> None:
        self.http.close()


class Load:
    """Some clients in threads; `stop` lets each finish its story."""

    def __init__(
        self,
        seed: int,
        urls: Callable[[], list[str]],
        clients: int = 3,
        pause: float = 0.1,
        kind: type[Client] = Client,
    ) -> None:
        self.clients = [kind(seed * 1000 + number, urls) for number in range(clients)]
        self.pause = pause
        self.stopping = threading.Event()
        self.failures: list[BaseException] = []
        self.threads = [
            threading.Thread(target=self.work, args=(client,), daemon=True)
            for client in self.clients
        ]
        for thread in self.threads:
            thread.start()

    def work(self, client: Client) -> None:
        """One story after the other (in a thread)."""
        try:
            while not self.stopping.wait(self.pause * client.random.random()):
                client.story()
        except BaseException as error:  # noqa: BLE001 - handed on by stop()
            self.failures.append(error)
        finally:
            client.close()

    def stop(self) -> None:
        """Let every client finish what it has begun; raise what went wrong."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive(), "a client does not come to an end"
        for failure in self.failures:
            raise failure
