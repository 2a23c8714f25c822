"""The feed of real processes: what it gives, how it breaks off, and who is left behind."""

import itertools
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest

from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.event_feed import Entry, EventParser, ServerSentEvent
from autolearn.eventlog.embedded.probe import free_ports
from tests.api.conftest import System
from tests.support.api_assertions import position, problem
from tests.support.api_processes import Api
from tests.support.waiting import until


@contextmanager
def listening(url: str, last: str = "", **query: object) -> Iterator[Iterator[ServerSentEvent]]:
    """A client of the feed."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    params = {name: str(value) for name, value in query.items()}
    with httpx.stream("GET", f"{url}/v1/events", headers=headers, params=params) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        parser = EventParser()
        yield (event for part in answer.iter_raw() for event in parser.feed(part))


def test_the_feed_gives_what_the_pages_give(system: System):
    at = position(system.http)
    opened = [system.http.post("/v1/sessions", json={"title": f"❀{n}"}).json() for n in range(5)]
    page = system.http.get("/v1/events", params={"after": at}).json()
    with listening(system.first.url, after=at) as events:
        first = next(events)
        assert (first.id, first.data) == (at, "")
        told = list(itertools.islice((event for event in events if event.data), len(page["items"])))
    assert [httpx.Response(200, text=one.data).json() for one in told] == page["items"]
    assert [one.event for one in told] == [one["type"] for one in page["items"]]
    assert {f"session/{one['id']}" for one in opened} <= {one["subject"] for one in page["items"]}


def test_another_process_goes_on_from_an_id(system: System):
    with listening(system.first.url, after="now") as events:
        next(events)
        for _ in range(3):
            system.http.post("/v1/sessions")
        got = list(itertools.islice(events, 2))
    with listening(system.second.url, last=got[0].id, after="nonsense is not looked at") as events:
        assert next(events).id == got[0].id
        rest = list(itertools.islice((event for event in events if event.data), 2))
    assert (rest[0].id, rest[0].data) == (got[1].id, got[1].data)


def test_choices(http: httpx.Client, trained: tuple[str, str]):
    session = trained[0].rpartition("/")[2]

    def of(**query: object) -> list[str]:
        types, at, more = [], "", True
        while more:
            page = http.get("/v1/events", params={"after": at, "limit": 2, **query}).json()
            types += [one["type"].split(".")[1] for one in page["items"]]
            at, more = page["next"], page["more"]
        return types

    first = ["SessionOpened", "TrainingRequested", "RunStarted", "RunCompleted"]
    assert of(session=session)[:4] == first
    assert of(stream=f"session/{session}") == of(session=session)
    assert of(stream=f"session/{session}", session=session) == of(session=session)
    chosen = of(session=session, type=["RunStarted", "autolearn.SessionOpened.v1"])
    assert chosen == ["SessionOpened", *["RunStarted"] * (len(chosen) - 1)], "one for each run"
    assert len(chosen) > 1
    assert of(stream="dataset/iris", type="DatasetRegistered.v1") == ["DatasetRegistered"]
    assert set(of(type="autolearn.EstimatorRegistered")) == {"EstimatorRegistered"}
    assert of(session=session, after="now") == []


def test_a_choice_that_nothing_fits_moves_on_all_the_same(system: System):
    system.http.post("/v1/sessions")
    end = position(system.http)
    with listening(system.first.url, type="CommandFailed") as events:
        next(events)
        moved = next(events)
    assert (moved.data, moved.id) == ("", end)


def test_bad_choices_are_refused(http: httpx.Client):
    session = http.post("/v1/sessions").json()["id"]
    other = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"
    stream = {"Accept": "text/event-stream"}
    for headers in ({}, stream):
        asked = [
            ("stream=dataset", 422, "malformed-stream", "cannot be a dataset's id"),
            ("stream=person/me", 422, "malformed-stream", "there are estimator, metric"),
            ("stream=dataset/IRIS", 422, "malformed-stream", "lower-case"),
            ("stream=dataset/no-such", 404, "stream-unknown", "dataset/no-such"),
            (f"session={other}", 404, "stream-unknown", other),
            ("session=x", 422, "malformed-id", "or the start of one"),
            ("session=0000", 404, "session-unknown", "begins with 0000"),
            (f"session={session}&stream=dataset/iris", 422, "contradiction", "dataset/iris"),
            (f"session={session}&stream=session/{other}", 422, "contradiction", other),
            ("type=RunComplete", 422, "unknown-type", "Did you mean 'RunCompleted'?"),
            ("type=RunStarted.v9", 422, "unknown-type", "SessionOpened"),
            ("type=", 422, "unknown-type", "SessionOpened"),
            ("after=nonsense", 422, "bad-position", "is not a position"),
            ("after=WyJubyIsW1swLDk5OTk5OTksMSwxXV1d", 422, "bad-position", "another log"),
            ("after=WyIiLFtbMCw5OTk5OTk5LDEsMV1dXQ", 422, "bad-position", "future"),
        ]
        for query, status, kind, words in asked:
            problem(http.get(f"/v1/events?{query}", headers=headers), status, kind, words)
    refused = http.get("/v1/events", headers=stream | {"Last-Event-ID": "x"})
    content = problem(refused, 422, "bad-position", "'x' is not a position")
    assert content["errors"][0]["parameter"] == "Last-Event-ID"


def followers(http: httpx.Client) -> float:
    return float(http.get("/metrics").text.rpartition("\nautolearn_sse_clients ")[2].split("\n")[0])


def test_nothing_is_left_of_clients_that_go_away(system: System):
    until(lambda: followers(system.http) == 0)
    process = psutil.Process(system.first.popen.pid)
    host, _, port = system.first.url.removeprefix("http://").partition(":")
    with listening(system.first.url, after="now") as events:
        next(events)
        until(lambda: followers(system.http) == 1)
        system.http.post("/v1/sessions")
        next(events)  # so the one reader is there
        threads = process.num_threads()
        clients = [socket.create_connection((host, int(port))) for _ in range(20)]
        for client in clients:
            client.sendall(
                b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
            )
        until(lambda: followers(system.http) == 21)
        for client in clients:
            client.close()
        until(lambda: followers(system.http) == 1)
        until(lambda: process.num_threads() <= threads + 6)  # of the pool, readers have more
    until(lambda: followers(system.http) == 0)
    until(lambda: process.num_threads() < threads)  # the one reader is gone as well


def test_open_streams_end_in_good_order_when_the_process_stops(system: System):
    with (
        Api(system.folder, system.environment, instance="4") as api,
        api.client(),
        listening(api.url, after="now") as events,
    ):
        next(events)
        os.kill(api.popen.pid, signal.SIGTERM)
        # No exception: the last chunk came. A stream that the end of the grace cuts has none.
        assert list(events) == []
        assert api.popen.wait(10) == 0


class Cutting:
    """A way to an address that cuts every connection after so many bytes of answers."""

    def __init__(self, to: tuple[str, int], after: int) -> None:
        self.to, self.after, self.cuts = to, after, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self.server.accept()[0]
                with suppress(OSError):  # who is cut off may have gone by itself
                    self.carry(client)

    def carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.to) as server:
            threading.Thread(target=carry_on, args=(client, server), daemon=True).start()
            left = self.after
            while left > 0 and (part := server.recv(left)):
                client.sendall(part)
                left -= len(part)
            client.shutdown(socket.SHUT_RDWR)  # the other thread reads it: closing is not enough
        self.cuts += 1


def carry_on(client: socket.socket, server: socket.socket) -> None:
    """Pass on what a client asks."""
    with suppress(OSError):
        while part := client.recv(65536):
            server.sendall(part)


@pytest.mark.parametrize(
    ("seal", "many", "cut", "cuts"),
    [(False, 30, 2700, 5), (True, 120, 50_000, 0)],  # a sealed line counts when it came whole
    ids=["plain", "sealed"],
)
def test_a_client_that_is_cut_off_again_and_again_gets_all_once(
    system: System, seal: bool, many: int, cut: int, cuts: int
):
    at = position(system.http)
    ids = [system.http.post("/v1/sessions").json()["id"] for _ in range(many)]
    host, _, port = system.first.url.removeprefix("http://").partition(":")
    way = Cutting((host, int(port)), cut)
    with AutoLearn(way.url, seal=seal) as client:
        entries = client.follow(after=at)
        got = [next(entries).event["subject"].partition("/")[2] for _ in ids]
    way.server.close()
    assert sorted(got) == sorted(ids)
    assert way.cuts > cuts


@pytest.mark.long
def test_a_client_follows_through_the_death_of_the_process(system: System):
    (port,) = free_ports(1)
    options = ("--port", str(port))
    at = position(system.http)
    got: list[Entry] = []
    wanted = 30

    def follow() -> None:
        with AutoLearn(f"http://127.0.0.1:{port}") as client:
            for entry in client.follow(after=at, types=["SessionOpened"]):
                got.append(entry)
                if len(got) == wanted:
                    return

    thread = threading.Thread(target=follow, daemon=True)
    ids = [system.http.post("/v1/sessions").json()["id"] for _ in range(10)]
    with Api(system.folder, system.environment, *options, instance="5") as api:
        api.ready()
        thread.start()
        until(lambda: len(got) == 10)
        ids += [system.http.post("/v1/sessions").json()["id"] for _ in range(5)]
        api.popen.kill()
        api.popen.wait()
    ids += [system.http.post("/v1/sessions").json()["id"] for _ in range(5)]
    with Api(system.folder, system.environment, *options, instance="5") as api:
        api.ready()
        ids += [system.http.post("/v1/sessions").json()["id"] for _ in range(10)]
        thread.join(30)
    assert not thread.is_alive()
    subjects = [entry.event["subject"].partition("/")[2] for entry in got]
    assert sorted(subjects) == sorted(ids)
