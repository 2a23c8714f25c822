"""Requests made of the OpenAPI document, sent as several people, and what is checked of answers.

Of every answer: its status, media type, headers and body are in the document; it is no 5xx but the
503 that the document names; and what is somebody else's is in none.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from msgspec import Struct, field
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autolearn.eventlog.positions import AFTER
from tests.fuzz.bounds import BoundReport
from tests.fuzz.world import Target, World

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WHO = {"other": 10, "sysadmin": 4, "reader": 4, "none": 1, "bad": 1}
"""Who asks, and how often. All but the reader are strangers to the owner's work."""
DEAR = {
    "PUT /v1/catalog/datasets/{name}": 8,
    "PUT /v1/models/{model}/versions": 4,
    "POST /v1/login": 8,
    "POST /v1/users": 8,
    "POST /v1/me/password": 8,
    "POST /v1/users/{user}/password": 8,
    "POST /v1/rebuild": 2,
    "GET /v1/status": 10,
    "GET /v1/digests": 10,
}
"""What takes a process, a lot of memory or long: how often it is asked in a round, twice."""
KNOWN = {"estimator": "decision-tree", "dataset": "iris", "user": "lise"}
"""What a body names, as often as not."""
LAST = ("/commit", "/discard", "/delete")
WAIT = re.compile(r"wait\s*=", re.IGNORECASE)
MENTIONED = 40
"""Faults of which the report says more than their number."""


class Report(Struct):
    """What came of it; written to build/fuzz.json."""

    seed: int
    requests: int = 0
    server_errors: int = 0
    schema_violations: int = 0
    crossings: int = 0
    backpressure: int = 0
    bound_requests: int = 0
    restarts: int = 0
    bounds: BoundReport | None = None
    seconds: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    routes: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        found = self.server_errors or self.schema_violations or self.crossings
        return not found and (self.bounds is None or self.bounds.clean)

    def take(self, bounds: BoundReport) -> None:
        """Add what came of requests around bounds."""
        self.bounds = bounds
        self.bound_requests, self.restarts = bounds.bound_requests, bounds.restarts
        self.faults += bounds.faults


class Bearer(requests.auth.AuthBase):
    """Sends a token, whatever the case says of it; "" sends what it says."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Fuzz:
    """One run against one system; everything that is random follows from the seed."""

    def __init__(self, on: Target, seed: int) -> None:
        self.on, self.report = on, Report(seed)
        self.random = random.Random(seed)
        self.http = requests.Session()
        self.http.trust_env = False
        self.schema = schemathesis.openapi.from_dict(on.document)
        self.schema.config.update(base_url=on.url)
        self.statuses: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()

    def operations(self) -> Iterator[Any]:
        """All operations of the document."""
        for found in self.schema.get_all_operations():
            yield found.ok()

    def run(self, wanted: int) -> Report:
        """Send so many requests, in rounds over all operations and people."""
        operations = list(self.operations())
        each = max(1, min(100, wanted // (2 * len(operations))))
        for operation in cycle(operations):
            if self.report.requests >= wanted and operation is operations[0]:
                break
            left = max(5, wanted - self.report.requests)  # what is over is but a look at the rest
            self.some(operation, min(each, left, DEAR.get(operation.label, each)))
            if operation is operations[-1]:
                print(f"seed {self.report.seed}: {self.report.requests} requests", flush=True)
        self.report.statuses = dict(sorted(self.statuses.items()))
        self.report.routes = dict(sorted(self.routes.items()))
        return self.report

    def some(self, operation: Any, many: int) -> None:
        """Send some requests of one operation that are as described, and as many that are not."""
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)

            @hypothesis.seed(self.random.getrandbits(64))
            @hypothesis.settings(
                max_examples=many,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @hypothesis.given(strategy)
            def send(case: Any) -> None:
                self.one(case, self.somebody())

            try:
                send()
            except hypothesis.errors.Unsatisfiable:  # there is no wrong way to ask this
                continue

    def somebody(self) -> str:
        """Who asks next."""
        (who,) = self.random.choices(list(WHO), list(WHO.values()))
        return who

    def one(self, case: Any, who: str) -> None:
        """Send one request, and check the answer."""
        self.improve(case, who)
        self.http.auth = Bearer("" if who == "none" else self.on.tokens[who])
        try:
            answer = case.call(session=self.http, timeout=30)
        except (requests.exceptions.InvalidHeader, UnicodeError):  # no client could send that
            return
        label = case.operation.label
        self.report.requests += 1
        self.routes[label] += 1
        status = str(answer.status_code)
        self.statuses[status] += 1
        if status not in self.report.examples:
            self.report.examples[status] = self.about(case, who, answer, "such as")
        if answer.status_code in (429, 503):
            self.report.backpressure += 1
        elif answer.status_code >= 500:
            self.fault("server_errors", self.about(case, who, answer, ""))
        self.check(case, who, answer)
        if who != "reader" and any(one.encode() in answer.content for one in self.on.canaries):
            self.fault("crossings", self.about(case, who, answer, "a canary"))

    def improve(self, case: Any, who: str) -> None:
        """Name what there is, as often as not; and never wait."""
        for name in list(case.path_parameters or {}):
            if name == "token" and who == "sysadmin":  # who may revoke the owner's, by which we ask
                continue
            there = self.on.ids.get(name, [])
            if case.path.endswith(LAST):  # nothing more can be asked of a session that has ended
                there = [one for one in there if one not in self.on.mine]
            if there and self.random.random() < 0.6:
                case.path_parameters[name] = self.random.choice(there)
        if isinstance(case.body, dict):
            for name, known in KNOWN.items():
                if name in case.body and self.random.random() < 0.4:
                    case.body[name] = known
            if case.path.endswith(("/infer", "/predict")) and self.random.random() < 0.6:
                self.ask_row(case)
        for name, value in list((case.headers or {}).items()):
            if name.lower() == "prefer" and WAIT.search(str(value)):
                case.headers[name] = "wait=0"
            if name == AFTER and self.random.random() < 0.8:  # without one, more is asked than that
                del case.headers[name]

    def ask_row(self, case: Any) -> None:
        """Ask for a row that fits, or as often for one of which one tensor is as it was made up."""
        if case.path.endswith("/predict"):
            case.body = {**case.body, **self.on.row}
            return
        tensors = tensors_of(self.on.row)
        made = case.body.get("inputs")
        if isinstance(made, list) and made and isinstance(made[0], dict) and len(made) % 2:
            odd = self.random.choice(tensors)
            odd.update({name: made[0][name] for name in [*made[0]][:1]})
        case.body["inputs"] = tensors
        if self.random.random() < 0.6:
            case.body.pop("outputs", None)

    def check(self, case: Any, who: str, answer: Any) -> None:
        """Check an answer against the document."""
        described = case.operation.definition.raw["responses"]
        if answer.status_code < 400 and str(answer.status_code) not in described:
            self.fault("schema_violations", self.about(case, who, answer, "undescribed status"))
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.fault("schema_violations", self.about(case, who, answer, told(failure)))
        except Failure as failure:
            self.fault("schema_violations", self.about(case, who, answer, told(failure)))

    def about(self, case: Any, who: str, answer: Any, what: str) -> str:
        """One request in words."""
        curl = case.as_curl_command()[:1000].replace(self.on.url, "")
        return f"{what} | {who}: {answer.status_code} {answer.content[:300]!r} | {curl}"

    def fault(self, kind: str, words: str) -> None:
        """Note something that must not be."""
        setattr(self.report, kind, getattr(self.report, kind) + 1)
        if len(self.report.faults) < MENTIONED:
            self.report.faults.append(f"{kind}: {words}")


def tensors_of(row: Mapping[str, str | float]) -> list[dict[str, Any]]:
    """A row as tensors of the Open Inference Protocol."""
    kinds = {str: "BYTES", float: "FP64"}
    return [
        {"name": name, "shape": [1], "datatype": kinds[type(value)], "data": [value]}
        for name, value in row.items()
    ]


def told(failure: Any) -> str:
    """What a check has to say."""
    return f"{failure.title}: {failure.message[:500]}"


def fuzz(on: World, seed: int, wanted: int) -> Report:
    """Send at least so many requests, one process to each API process; return what came of it."""
    began, before = time.monotonic(), on.events()
    targets = on.targets()
    share = -(-wanted // len(targets))
    with ProcessPoolExecutor(len(targets), get_context("spawn")) as pool:
        running = [pool.submit(alone, one, seed + at, share) for at, one in enumerate(targets)]
        report = summed(seed, [one.result() for one in running])
    after = on.events()
    if after != before:
        report.crossings += 1
        new = [on.newest(one) for one, many in after.items() if many != before[one]]
        report.faults.append(
            f"crossings: the owner's streams had {before}, and have {after}; the newest are {new}"
        )
    report.seconds = round(time.monotonic() - began, 1)
    return report


def alone(on: Target, seed: int, wanted: int) -> Report:
    """Send so many requests to one API process."""
    return Fuzz(on, seed).run(wanted)


def summed(seed: int, reports: Sequence[Report]) -> Report:
    """Return one report of several."""
    whole = Report(seed)
    for report in reports:
        for name in ("requests", "server_errors", "schema_violations", "crossings", "backpressure"):
            setattr(whole, name, getattr(whole, name) + getattr(report, name))
        for status, many in report.statuses.items():
            whole.statuses[status] = whole.statuses.get(status, 0) + many
        for route, many in report.routes.items():
            whole.routes[route] = whole.routes.get(route, 0) + many
        whole.examples = report.examples | whole.examples
        whole.faults += report.faults
    return whole
