"""How the Python client asks, repeats and gives up; the API is played by a function."""

import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.client.sdk.flows import seconds_of
from autolearn.eventlog.positions import PartitionPosition, Position
from tests.client.sdk.played_api import SESSION, TRAINING, every, session_of, training_of


def test_an_answer_has_types_and_what_is_new_is_passed_over(ask):
    opened = ask(lambda _: httpx.Response(201, json=SESSION), lambda a: a.sessions.open("x"))
    assert (opened.id, opened.data.sequence, opened.sequence) == ("s1", 1, 1)


def test_what_changes_something_has_a_key_that_repetitions_keep(ask):
    seen: list[str] = []

    def played(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["idempotency-key"])
        if len(seen) == 1:
            raise httpx.ConnectError("refused")
        if len(seen) == 2:
            return httpx.Response(503, json={"title": "busy"}, headers={"retry-after": "0"})
        return httpx.Response(201, json=SESSION)

    assert ask(played, lambda a: a.sessions.open()).id == "s1"
    assert len(seen) == 3
    assert len(set(seen)) == 1
    ask(played, lambda a: a.sessions.open())
    assert len(set(seen)) == 2
    ask(played, lambda a: a.sessions.open(key="mine"))
    assert seen[-1] == "mine"


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_told_and_then_asks_for_the_same(ask, status: int):
    asked: list[tuple[float, str]] = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append((time.monotonic(), request.headers["idempotency-key"]))
        if len(asked) == 1:
            return httpx.Response(status, json={"title": "busy"}, headers={"retry-after": "1"})
        return httpx.Response(201, json=SESSION)

    ask(played, lambda a: a.sessions.open())
    (first, key), (second, again) = asked
    assert second - first >= 1
    assert key == again


def test_it_does_not_wait_for_longer_than_it_has_patience(ask):
    asked: list[httpx.Request] = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, json={"title": "closed"}, headers={"retry-after": "31"})

    with pytest.raises(Problem) as raised:
        ask(played, lambda a: a.sessions.open())
    assert (raised.value.title, len(asked)) == ("closed", 1)


def test_retry_after_is_a_number_or_a_date():
    assert seconds_of("7") == 7
    assert 55 < seconds_of(format_datetime(datetime.now(UTC) + timedelta(minutes=1))) <= 60
    assert seconds_of("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert [seconds_of(given) for given in (None, "", "soon", "-1", "1.5")] == [0] * 5


def test_a_read_has_no_key(ask):
    def played(request: httpx.Request) -> httpx.Response:
        assert "idempotency-key" not in request.headers
        return httpx.Response(200, json={"items": [], "next": None})

    assert ask(played, lambda a: every(a, a.estimators())) == []


def test_a_problem_is_raised_as_it_came_and_not_tried_again(ask):
    tried = 0

    def played(request: httpx.Request) -> httpx.Response:
        nonlocal tried
        tried += 1
        content = {
            "type": "urn:autolearn:problem:unknown-estimator",
            "title": "There is no such estimator",
            "status": 422,
            "detail": "There is no estimator 'x'.",
            "errors": [{"pointer": "#/estimator", "detail": "…"}],
            "known": ["svm"],
        }
        return httpx.Response(422, json=content)

    with pytest.raises(Problem) as raised:
        ask(played, lambda a: session_of(a).train("x", "iris"))
    problem = raised.value
    assert tried == 1
    assert (problem.status, problem.kind) == (422, "unknown-estimator")
    assert problem.errors[0]["pointer"] == "#/estimator"
    assert problem.members == {"known": ["svm"]}
    assert problem.diagnostics() == "There is no such estimator\n  There is no estimator 'x'."


def test_an_error_of_somebody_else_is_a_problem_too(ask):
    with pytest.raises(Problem, match="proxy says no") as raised:
        ask(lambda _: httpx.Response(502, text="proxy says no"), lambda a: every(a, a.estimators()))
    assert raised.value.status == 502


def test_it_gives_up_when_nobody_answers(ask):
    def played(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(Unreachable, match="Connection refused") as raised:
        ask(played, lambda a: a.ready(patience=0.05))
    assert "autolearn up" in raised.value.advice


def test_an_answer_that_takes_too_long_is_no_api_that_cannot_be_reached(ask):
    def played(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(Unreachable, match="GET /health/ready has no answer within 30 s") as raised:
        ask(played, lambda a: a.ready(patience=0.05))
    assert raised.value.title == "AutoLearn does not answer in time"
    assert "autolearn up" not in raised.value.advice


def test_it_gives_up_when_it_stays_unavailable(ask):
    content = {"type": "urn:autolearn:problem:not-ready", "title": "no", "detail": "catching up"}
    with pytest.raises(Problem, match="catching up"):
        ask(lambda _: httpx.Response(503, json=content), lambda a: a.ready(patience=0.05))


def test_a_training_says_only_what_was_asked(ask):
    def played(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/sessions/s1/trainings"
        assert json.loads(request.content) == {"estimator": "svm", "dataset": "iris", "seed": 0}
        assert "prefer" not in request.headers
        return httpx.Response(201, json=TRAINING)

    run = ask(played, lambda a: session_of(a).train("svm", "iris", seed=0, wait=False))
    assert (run.status, run.split.test) == ("open", 0.25)


def test_a_long_wait_is_several_requests(ask):
    waits: list[tuple[str, str]] = []

    def played(request: httpx.Request) -> httpx.Response:
        waits.append((request.method, request.headers["prefer"]))
        if len(waits) < 3:
            return httpx.Response(202, json=TRAINING, headers={"location": request.url.path})
        return httpx.Response(200, json=TRAINING | {"status": "completed", "ended": "now"})

    run = ask(played, lambda a: session_of(a).train("svm", "iris"))
    assert run.status == "completed"
    assert waits == [("POST", "wait=300"), ("GET", "wait=300"), ("GET", "wait=300")]


def test_a_late_decision_is_followed(ask):
    command = "/v1/commands/c1?partition=0&offset=7"
    states = ["pending", "accepted"]

    def played(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={}, headers={"location": command})
        if request.url.path == "/v1/commands/c1":
            assert request.url.query == b"partition=0&offset=7"
            state = {"id": "c1", "state": states.pop(0), "resource": "/v1/sessions/s1"}
            return httpx.Response(200, json=state)
        assert request.url.path == "/v1/sessions/s1"
        return httpx.Response(200, json=SESSION)

    assert ask(played, lambda a: a.sessions.open()).id == "s1"


def test_a_late_refusal_is_a_problem(ask):
    def played(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json={}, headers={"location": "/v1/commands/c1"})
        problem = {"type": "urn:autolearn:problem:run-ended", "status": 409, "detail": "over"}
        return httpx.Response(200, json={"id": "c1", "state": "refused", "problem": problem})

    with pytest.raises(Problem, match="over") as raised:
        ask(played, lambda a: session_of(a).discard())
    assert (raised.value.status, raised.value.kind) == (409, "run-ended")


def test_a_file_is_sent_whole_at_every_try(ask, tmp_path: Path):
    content, seen = b"a,b\n" * 200_000, []
    (tmp_path / "Big.csv").write_bytes(content)

    def played(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/catalog/datasets/big"
        assert request.url.params["target"] == "b"
        assert request.extensions["timeout"]["read"] >= 600  # it is examined before the answer
        seen.append(request.content == content)
        if len(seen) == 1:
            return httpx.Response(503, json={})
        dataset = {
            "name": "big",
            "version": "0",
            "format": "csv",
            "bytes": 1,
            "rows": 1,
            "columns": [],
            "schema_hash": "",
            "owner": "ada",
            "everybody": False,
            "registered": "",
            "links": {},
        }
        return httpx.Response(201, json=dataset)

    assert ask(played, lambda a: a.upload_dataset(tmp_path / "Big.csv", target="b")).rows == 1
    assert seen == [True, True]


def test_names_cannot_leave_their_place_in_the_path(ask):
    def played(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path == b"/v1/catalog/datasets/..%2Fsessions"
        return httpx.Response(404, json={"detail": "no"})

    with pytest.raises(Problem):
        ask(played, lambda a: a.dataset("../sessions"))


def test_a_file_that_was_damaged_on_its_way_is_not_kept(ask, tmp_path: Path):
    def played(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/artifact"):
            file = {"name": "model.skops", "sha256": "0" * 64, "links": {}}
            return httpx.Response(200, json={"digest": "", "bytes": 1, "files": [file]})
        return httpx.Response(200, content=b"x")

    with pytest.raises(Unreachable, match=re.escape("model.skops")):
        ask(played, lambda a: training_of(a).download(tmp_path / "model"))
    assert list((tmp_path / "model").iterdir()) == []


def test_what_was_changed_is_asked_for_until_it_is_another_log(ask):
    token, asked = Position("log", (PartitionPosition(0, 7, 1, 3),)).token(), list[str | None]()
    refusals = [
        ("dataset-refused", {"detail": "no"}),
        ("bad-position", {"parameter": "after", "detail": "no"}),
        ("bad-position", {"parameter": "AutoLearn-After", "detail": "no"}),
    ]

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("AutoLearn-After"))
        if len(asked) in (1, 5):
            return httpx.Response(
                200, json={"items": [], "next": None}, headers={"AutoLearn-Reached": token}
            )
        kind, fault = refusals[len(asked) - 2]
        problem = {"type": f"urn:autolearn:problem:{kind}", "detail": "no", "errors": [fault]}
        return httpx.Response(422, json=problem)

    def question(client: Any) -> Any:
        async def awaited() -> None:
            for _ in range(5):
                with suppress(Problem):
                    await client.sessions.list()

        if isinstance(client, AsyncAutoLearn):
            return awaited()
        for _ in range(5):
            with suppress(Problem):
                len(client.sessions.list())
        return None

    ask(played, question)
    assert asked == [None, token, token, token, None]


class Parts(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer that comes in parts. Before each `look` is called."""

    def __init__(self, parts: list[bytes], look: Callable[[], object]) -> None:
        self.parts, self.look = parts, look

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.look()
            yield part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def test_a_file_comes_in_parts_and_is_there_once_it_is_whole(ask, tmp_path: Path):
    parts = [bytes([n]) * (1 << 18) for n in range(4)]
    tries, sizes = list[str](), list[list[int]]()
    version, target = hashlib.sha256(b"".join(parts)).hexdigest(), tmp_path / "iris.csv"

    def look() -> None:
        if len(tries) == 1 and len(sizes) == 2:
            raise httpx.ReadError("gone")
        assert not target.exists()
        sizes.append([path.stat().st_size for path in tmp_path.iterdir()])

    def played(request: httpx.Request) -> httpx.Response:
        tries.append(request.url.path)
        return httpx.Response(200, stream=Parts(parts, look))

    ask(played, lambda a: a.download_dataset("iris", target, version))
    assert sizes == [[n << 18] for n in (0, 1, 0, 1, 2, 3)], "a part is written before the next"
    assert target.read_bytes() == b"".join(parts)
    with pytest.raises(
        Unreachable, match="/v1/catalog/datasets/iris/content came with other bytes"
    ):
        ask(lambda _: httpx.Response(200, content=b"x"),
            lambda a: a.download_dataset("iris", target, version))  # fmt: skip
    with pytest.raises(Problem, match="deleted"):
        ask(lambda _: httpx.Response(410, json={"detail": "It was deleted."}),
            lambda a: a.download_dataset("iris", target, version))  # fmt: skip
    assert target.read_bytes() == b"".join(parts)
    assert list(tmp_path.iterdir()) == [target]
