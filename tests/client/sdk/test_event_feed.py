"""How the Python client follows the events; the API is played by a function."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice, pairwise
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autolearn.client.sdk import event_feed
from autolearn.client.sdk.client import AsyncAutoLearn, AutoLearn
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.client.sdk.event_feed import Entry, EventParser, ServerSentEvent

STREAM = (
    ": hello\n\nretry: 10\nid: a\n\n"
    "event: one\ndata: first\ndata:  second\nid:b\n\n"
    "data\n\n"
    "id: not\0taken\ndata: ❀\nunknown: field\n\n"
    "id\ndata: no id any more\n\n"
    "id: z\ndata: cut off\n"
)
EVENTS = [
    ServerSentEvent("a", "message", ""),
    ServerSentEvent("b", "one", "first\n second"),
    ServerSentEvent("b", "message", "❀"),
    ServerSentEvent("", "message", "no id any more"),
]


@example(cuts=[180, 180], end="\r\n", mark=False)  # an empty part between the two characters
@given(
    cuts=st.lists(st.integers(0, 200)),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    mark=st.booleans(),
)
def test_a_stream_means_the_same_however_it_is_cut(cuts: list[int], end: str, mark: bool):
    content = ("\ufeff" * mark + STREAM.replace("\n", end)).encode()
    at = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    parser = EventParser()
    parts = [content[a:b] for a, b in pairwise(at)]
    assert [event for part in parts for event in parser.feed(part)] == EVENTS


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in parts, and breaks off if so wanted."""

    def __init__(self, *parts: str, breaks: bool = False) -> None:
        self.parts, self.breaks = parts, breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from (part.encode() for part in self.parts)
        if self.breaks:
            raise httpx.ReadError("connection reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def event(number: int) -> str:
    return f'id: p{number}\nevent: x\ndata: {{"id":"{number}"}}\n\n'


def entry(number: int) -> Entry:
    return Entry(f"p{number}", {"id": str(number)})


Played = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "FIRST_PAUSE", 0.001)


@pytest.fixture(params=["sync", "async"])
def follow(request: pytest.FixtureRequest) -> Callable[..., list[Entry]]:
    """Take the first `count` entries, once with each client: both must act alike."""

    def follow(played: Played, count: int, **asked: Any) -> list[Entry]:
        transport = httpx.MockTransport(played)
        if request.param == "sync":
            with AutoLearn("http://api", transport=transport, seal=False) as autolearn:
                return list(islice(autolearn.follow(**asked), count))

        async def taken() -> list[Entry]:
            found: list[Entry] = []
            async with AsyncAutoLearn("http://api", transport=transport, seal=False) as autolearn:
                async for one in autolearn.follow(**asked):
                    found.append(one)
                    if len(found) == count:
                        break
            return found

        return asyncio.run(taken())

    return follow


def test_every_event_comes_once_although_connections_break_off(follow):
    seen: list[str] = []
    answers = [
        lambda: httpx.Response(200, stream=Stream("retry: 1\nid: p0\n\n", breaks=True)),
        lambda: httpx.Response(
            200, stream=Stream(event(1), event(2)[:9], event(2)[9:-1], breaks=True)
        ),
        lambda: httpx.Response(503, json={"title": "starting"}, headers={"retry-after": "0"}),
        lambda: httpx.Response(200, stream=Stream(event(2), "id: p7\n\n")),
        lambda: httpx.Response(200, stream=Stream(event(8) + event(9))),
    ]

    def played(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("last-event-id", "-"))
        assert "text/event-stream" in request.headers["accept"]
        assert request.url.query == b"after=now&stream=dataset%2Firis&type=A&type=B"
        if len(seen) == 2:
            raise httpx.ConnectError("refused")
        return answers.pop(0)()

    found = follow(played, 4, after="now", stream="dataset/iris", types=["A", "B"])
    assert found == [entry(1), entry(2), entry(8), entry(9)]
    assert seen == ["-", "p0", "p0", "p1", "p1", "p7"]


def test_a_refusal_is_raised_and_not_tried_again(follow):
    tried: list[int] = []

    def played(_: httpx.Request) -> httpx.Response:
        tried.append(1)
        content = {"type": "urn:autolearn:problem:stream-unknown", "detail": "no events"}
        return httpx.Response(404, json=content)

    with pytest.raises(Problem, match="no events") as raised:
        follow(played, 1, stream="dataset/nope")
    assert (raised.value.kind, len(tried)) == ("stream-unknown", 1)


def test_it_gives_up_when_nobody_answers(follow):
    def played(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with pytest.raises(Unreachable, match="Connection refused"):
        follow(played, 1, patience=0.05)


def test_it_gives_up_with_the_reason_that_the_stream_said(follow):
    problem = {"type": "urn:autolearn:problem:log-unavailable", "status": 503, "detail": "no log"}

    def played(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, stream=Stream(f"event: problem\ndata: {json.dumps(problem)}\n\n")
        )

    with pytest.raises(Problem, match="no log") as raised:
        follow(played, 1, patience=0.05)
    assert raised.value.status == 503


def test_events_keep_it_patient(follow):
    numbers = iter(range(1, 1000))

    def played(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stream(event(next(numbers)), breaks=True))

    assert len(follow(played, 100, patience=0.01)) == 100
