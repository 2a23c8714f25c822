"""Requests and records of sizes around every bound: what is too large, too deep or too many.

For every route bodies, names and headers; for every type of command records on the log itself, in
clear and encrypted. Afterwards every process must live, and the read models be those of the log.
"""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import msgspec
from msgspec import Struct, field

from autolearn.client.sdk.errors import Unreachable
from autolearn.client.sdk.sealed_transport import Sealing
from autolearn.eventlog.encryption.session_cipher import SessionCipher, open_vault
from autolearn.eventlog.memory.partitioner import partition_of
from autolearn.schemas.bounds import (
    DEEPEST_VALUE,
    LARGEST_COMMAND,
    LARGEST_EVENT,
    LARGEST_MESSAGE,
    LONGEST_NAME,
    MOST_HYPERPARAMETERS,
    MOST_VALUES,
)
from autolearn.schemas.codec import DEEPEST
from autolearn.schemas.settings import load
from autolearn.security.data_key import DataKey, about
from tests.fuzz.world import World
from tests.support import samples

BODY = 4 * 1024 * 1024
"""Bytes of a body that are taken (AUTOLEARN_MAX_BODY)."""
NEAR = 200
SIZES = (LARGEST_COMMAND, LARGEST_COMMAND * 3 // 4, LARGEST_EVENT, BODY)
COUNTS = (100, MOST_HYPERPARAMETERS, 1000, MOST_VALUES // 2, MOST_VALUES)
LENGTHS = (100, LONGEST_NAME, 1000, 8192, 32 * 1024, 64 * 1024)
DEPTHS = (DEEPEST_VALUE, DEEPEST - 2, DEEPEST, 1000, 100_000)
LARGE = 0.04
"""The share of requests that are around a size: each costs as much as a hundred others."""
AT_ONCE = 4
MENTIONED = 40


class BoundReport(Struct):
    """What came of it."""

    bound_requests: int = 0
    records: int = 0
    restarts: int = 0
    server_errors: int = 0
    unanswered: int = 0
    equal: bool = False
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.equal and not (self.restarts or self.server_errors or self.unanswered)


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    who: str
    sealed: bool


class Generator:
    """Makes requests and records; all of it follows from the seed."""

    def __init__(self, on: World, seed: int, vault: SessionCipher) -> None:
        self.random, self.on, self.vault = random.Random(seed), on, vault
        document = on.people.nobody.get("/openapi.json").json()
        self.routes = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if "/rebuild" not in path  # its own suite has it
        ]
        self.schemas = document.get("components", {}).get("schemas", {})
        self.sessions = [self.session() for _ in range(4)]

    def session(self) -> str:
        """A session of the user who asks."""
        answer = self.on.people.ask("other", "POST", "/v1/sessions", json={})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    # Values

    def near(self, bounds: tuple[int, ...]) -> int:
        """A number at most 200 from a bound, one of them as often as not."""
        return max(0, self.random.choice(bounds) + self.random.choice((0, 1, -1, self.offset())))

    def offset(self) -> int:
        return self.random.randint(-NEAR, NEAR)

    def text(self, length: int) -> str:
        """A text of so many characters."""
        return self.random.choice(("x", "x", "é", "\0", '"', "😀", "\\", " ")) * length

    def value(self) -> Any:
        """A value that is long, wide, deep or odd."""
        pick = self.random.randrange(9)
        if pick == 0:
            return self.text(self.near(LENGTHS))
        if pick == 1:
            return [0] * self.near(COUNTS)
        if pick == 2:
            return {f"k{n}": n for n in range(self.near(COUNTS))}
        if pick == 3:
            return Deep(self.near(DEPTHS))
        if pick == 4:
            return [self.text(self.near((LONGEST_NAME,)))] * self.near((100,))
        if pick == 5:
            return self.random.choice((10**400, -(10**25), 2**53, 2**63, 1e308, -1, 0, 1e-320))
        if pick == 6:
            return {self.text(self.near((LONGEST_NAME,))): None}
        if pick == 7:
            return self.random.choice((None, True, "", [], {}))
        return [[0] * 100] * self.near((100,))

    def encoded(self, value: Any) -> bytes:
        """A value as JSON, in which what is deep is as deep as it says."""
        return msgspec.json.encode(value, enc_hook=lambda deep: msgspec.Raw(deep.json()))

    # Requests

    def request(self) -> Asked:
        """One request."""
        method, path, operation = self.random.choice(self.routes)
        if self.random.random() < 0.3:
            method, path = "POST", "/v1/sessions/{session}/trainings"
            operation = next(o for m, p, o in self.routes if (m, p) == (method, path))
        who = self.random.choice(("other", "other", "other", "other", "none", "bad", "sysadmin"))
        named = path
        for part in [one[1:].partition("}")[0] for one in path.split("/") if one[:1] == "{"]:
            named = named.replace(f"{{{part}}}", self.named(part, who))
        query = self.query(operation)
        headers = self.headers()
        body = self.body(path, operation) if method in ("POST", "PUT", "PATCH") else None
        if body is not None and method == "PUT":
            headers["content-type"] = "text/csv"
        sealed = body is not None and method == "POST" and self.random.random() < 0.3
        return Asked(method, named + query, body, headers, who, sealed)

    def named(self, part: str, who: str) -> str:
        """What stands in a path for a parameter.

        Who may revoke the owner's token, by which we ask later, gets no token's id.
        """
        if (part, who) == ("token", "sysadmin"):
            return "x" * self.near((1, 100, LONGEST_NAME))
        there = self.sessions if part == "session" else self.on.ids.get(part, [])
        if there and self.random.random() < 0.8:
            return str(self.random.choice(there))
        return "x" * self.near((1, 100, LONGEST_NAME, 1000, 8000))

    def query(self, operation: dict[str, Any]) -> str:
        """A query, as often as not."""
        names = [one["name"] for one in operation.get("parameters", []) if one.get("in") == "query"]
        if not names or self.random.random() < 0.5:
            return ""
        name = self.random.choice(names)
        value = self.random.choice(("9" * self.near((1, 20, 400)), "x" * self.near(LENGTHS[:4])))
        return f"?{name}={value}"

    def headers(self) -> dict[str, str]:
        """Headers, of which some are long."""
        found = {"Prefer": "wait=0"} if self.random.random() < 0.8 else {}
        if self.random.random() < 0.1:
            name = self.random.choice(("Idempotency-Key", "traceparent", "X-Other", "Prefer"))
            found[name] = "k" * self.near(LENGTHS)
        return found

    def body(self, path: str, operation: dict[str, Any]) -> bytes:
        """A body of which one field is odd, or which is as a whole around a size."""
        if "/datasets/" in path:
            return self.file()
        if path.endswith("/trainings"):
            return self.training()
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        names = list(self.resolved(content.get("schema", {})).get("properties", {})) or ["pad"]
        given: dict[str, Any] = {}
        for name in names:
            if self.random.random() < 0.5:
                given[name] = self.value()
        if self.random.random() < LARGE:
            return self.padded(given, self.random.choice([*names, "pad"]))
        return self.encoded(given)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema, followed to where it is."""
        while "$ref" in schema:
            schema = self.schemas.get(schema["$ref"].rpartition("/")[2], {})
        return schema

    def padded(self, given: dict[str, Any], name: str) -> bytes:
        """A body of a size around a bound."""
        size = self.near(SIZES)
        given = {key: value for key, value in given.items() if key != name}
        rest = len(self.encoded(given | {name: ""}))
        return self.encoded(given | {name: "x" * max(0, size - rest)})

    def training(self) -> bytes:
        """A training, with hyperparameters around every bound."""
        given: dict[str, Any] = {"estimator": "logistic-regression", "dataset": "iris"}
        pick = self.random.random()
        if pick < LARGE * 2:  # many names of the allowed length: only together they are too much
            size = self.near(SIZES[:2]) - 400
            one = self.random.choice((60, 150, 190))
            many = min(MOST_VALUES // 2 - 1, size // (one + 12))
            names = [f"{n:04}" + "x" * one for n in range(many)]
            given["hyperparameters"] = {"class_weight": dict.fromkeys(names, 1)}
        elif pick < 0.8:
            name = self.random.choice(("class_weight", "C", "max_iter", "solver", "x" * 300))
            given["hyperparameters"] = {name: self.value()}
        elif pick < 0.85:
            many = range(self.near((MOST_HYPERPARAMETERS,)))
            given["hyperparameters"] = {f"h{n}": 1 for n in many}
        else:
            given[self.random.choice(("target", "seed", "split", "time_limit", "memory_limit"))] = (
                self.value()
            )
        return self.encoded(given)

    def file(self) -> bytes:
        """A file with long names, labels or many columns."""
        pick = self.random.randrange(4)
        if pick == 0:
            return f"{'c' * self.near((LONGEST_NAME, 1000, 131_072))},y\n1,2\n3,4\n".encode()
        if pick == 1:
            label = "l" * self.near((LONGEST_NAME, 5000))
            return ("t,y\n" + "".join(f"{label}{n % 3},{n}\n" for n in range(12))).encode()
        if pick == 2:
            many = self.near((200, 1000))
            return (",".join(f"c{n}" for n in range(many)) + "\n" + ",".join("1" * many)).encode()
        return self.text(self.near((1000,))).encode()

    # Records

    def record(self) -> tuple[bytes, bytes]:
        """A record for the commands, with its key."""
        kind = self.random.choice(sorted(samples.COMMANDS))
        command = samples.COMMANDS[kind]
        stream = f"session/{self.random.choice(self.sessions)}"
        if not self.is_of_session(kind):
            stream = self.random.choice(("user/lise", "dataset/iris", "metric/f1", "estimator/svm"))
        data = msgspec.to_builtins(command)
        for name in list(data):
            if self.random.random() < 0.4:
                data[name] = self.value()
        size = 0
        if self.random.random() < LARGE:
            size = self.near((LARGEST_COMMAND, LARGEST_EVENT, LARGEST_MESSAGE))
        content = self.encoded(data)
        envelope: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.random.choice((str(uuid.UUID(int=self.random.getrandbits(128))), stream)),
            "source": "fuzz",
            "type": kind,
            "subject": stream,
            "time": self.random.choice(("2026-01-01T00:00:00Z", "x", "9999-12-31T23:59:59Z")),
            "actor": "fuzz",
        }
        pick = self.random.randrange(4)
        if pick in (0, 3):
            envelope["data"] = msgspec.Raw(content)
        if pick:
            key = self.key(stream.partition("/")[2])
            sealed = key.seal(content, about(envelope["id"], kind, stream))
            keyid = key.id
            envelope["data_base64"] = base64.b64encode(sealed).decode()
            envelope["keyid"] = keyid if self.random.random() < 0.8 else self.value()
        value = self.encoded(envelope)
        if size > len(value):
            envelope["pad"] = "x" * (size - len(value) - 9)
            value = self.encoded(envelope)
        if self.random.random() < 0.05:
            value = value[: self.random.randrange(len(value))]
        return value, stream.encode()

    def key(self, session: str) -> DataKey:
        """The key of a session, or one that nobody has."""
        known = self.vault.of_session(session)
        if known and self.random.random() < 0.8:
            return self.vault.key(known)
        return DataKey(f"{session}.00000000", b"k" * 16)

    def is_of_session(self, kind: str) -> bool:
        """Whether a type of command is one of sessions."""
        other = ("Register", "User", "Role", "Password", "Token", "Quota")
        return not any(word in kind for word in other)


class Deep:
    """Lists in lists."""

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def json(self) -> bytes:
        return b"[" * self.levels + b"]" * self.levels


class Sender:
    """Sends requests from several threads, and notes how they were answered."""

    def __init__(self, on: World, report: BoundReport) -> None:
        self.on, self.report = on, report
        self.statuses: Counter[str] = Counter()
        apis = (on.people.first.url, on.people.second.url)
        self.clear = [httpx.Client(base_url=url, timeout=60, trust_env=False) for url in apis]
        self.sealed = [
            httpx.Client(
                base_url=url, timeout=60, trust_env=False, transport=Sealing(httpx.HTTPTransport())
            )
            for url in apis
        ]

    def send(self, asked: Asked, number: int) -> None:
        """Send one request."""
        headers = dict(asked.headers)
        if asked.who != "none":
            headers["authorization"] = f"Bearer {self.on.people.tokens[asked.who]}"
        to = (self.sealed if asked.sealed else self.clear)[number % 2]
        try:
            answer = to.request(asked.method, asked.path, content=asked.body, headers=headers)
        except (httpx.InvalidURL, httpx.LocalProtocolError):
            self.statuses["not sent"] += 1  # no client could
            return
        except (httpx.TransportError, Unreachable) as error:
            if len(asked.body or b"") > LARGEST_COMMAND or len(asked.path) > 30_000:
                self.statuses["cut off"] += 1  # the rest of what is too large is not waited for
            else:
                self.fault("unanswered", f"{told(asked)}: {error!r}")
            return
        status = answer.status_code
        self.statuses[str(status)] += 1
        if status == 413 and b"ry again" in answer.content:
            self.fault("server_errors", f"{told(asked)}: {answer.text[:300]}")
        if status >= 500 and status not in (503, 507):
            self.fault("server_errors", f"{told(asked)}: {status} {answer.text[:300]}")

    def fault(self, kind: str, words: str) -> None:
        """Note what must not be."""
        setattr(self.report, kind, getattr(self.report, kind) + 1)
        if len(self.report.faults) < MENTIONED:
            self.report.faults.append(f"{kind}: {words}")

    def close(self) -> None:
        """Let go of the connections."""
        for client in (*self.clear, *self.sealed):
            client.close()


def told(asked: Asked) -> str:
    """A request in words."""
    body = asked.body or b""
    return f"{asked.who} {asked.method} {asked.path[:100]} ({len(body)} bytes) {body[:100]!r}"


def around_bounds(
    on: World, seed: int, wanted: int, say: Callable[[str], None] = print
) -> BoundReport:
    """Send so many requests and records, and look whether all went well."""
    began, report = time.monotonic(), BoundReport()
    log, topic = on.people.log, on.people.topics.commands.name
    environment = on.people.environment
    vault = open_vault(load(environment), log)
    vault.start()
    made, sender = Generator(on, seed, vault), Sender(on, report)
    vault.catch_up()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, wanted, 200):
            some = range(start, min(wanted, start + 200))
            asked: list[tuple[int, Asked]] = []
            for number in some:
                if number % 5 == 4:
                    value, key = made.record()
                    log.append(topic, value, key=key)
                    report.records += 1
                else:
                    asked.append((number, made.request()))
            list(pool.map(lambda one: sender.send(one[1], one[0]), asked))
            report.bound_requests += len(some)
            report.restarts = len(list(ended(on)))
            if report.restarts:
                break
            if start % 2000 == 0:
                say(f"seed {seed}: {report.bound_requests} around bounds")
    log.flush(60)
    sender.close()
    vault.stop()
    report.statuses = dict(sorted(sender.statuses.items()))
    if not report.restarts:
        settle(on)
    report.restarts = len(list(ended(on)))
    report.faults += [f"ended: {name}" for name in ended(on)]
    report.equal = not report.restarts and verified(on, report)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def ended(on: World) -> Iterator[str]:
    """The processes that are not there any more, each with the end of its log."""
    people = on.people
    for process in (people.agents, people.first, people.second):
        if process.popen.poll() is not None:
            yield f"{process.log.name} ({process.popen.poll()}): {process.log.read_text()[-600:]}"


def settle(on: World) -> None:
    """Wait until a new command is answered on every partition: all before it is."""
    many = on.people.topics.commands.partitions
    left = set(range(many))
    while left:
        answer = on.people.ask("owner", "POST", "/v1/sessions", headers={"Prefer": "wait=120"})
        assert answer.status_code == 201, answer.text
        left.discard(partition_of(f"session/{answer.json()['id']}".encode(), many))


def verified(on: World, report: BoundReport) -> bool:
    """Whether both API processes serve what the log says."""
    people = on.people
    urls = [word for api in (people.first, people.second) for word in ("--url", api.url)]
    command = [sys.executable, "-m", "autolearn.client.cli.app", "replay", "verify", *urls]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AUTOLEARN_")}
    environment |= people.environment | {"AUTOLEARN_TOKEN": people.tokens["sysadmin"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode:
        report.faults.append(f"verify: {done.returncode} {done.stdout[-600:]} {done.stderr[-600:]}")
    return done.returncode == 0
