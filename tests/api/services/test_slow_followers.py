"""A client of the feed that takes nothing is cut, is told why, and can come back."""

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from autolearn.client.sdk.client import AutoLearn
from autolearn.client.sdk.event_feed import EventParser, ServerSentEvent
from autolearn.schemas.settings import load
from tests.api.services.test_feed_http import followers
from tests.api.services.test_feed_http import listening as following
from tests.api.system.test_pressure import figure
from tests.api.system.test_process import environment
from tests.bench.served import fill
from tests.support.api_processes import Api
from tests.support.waiting import until

EVENTS = 12_000
"""More bytes than any socket on the way takes in."""
PATIENCE = 1.0


@pytest.fixture(scope="module")
def api(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("slow")
    settings = environment(folder, kafka)
    fill(load(settings), sessions=EVENTS // 20)
    patience = {"AUTOLEARN_FEED_TIMEOUT": str(PATIENCE)}
    with Api(folder, settings | patience, instance="0") as api:
        api.client().close()
        yield api


def follower(api: Api, buffer: int = 4096) -> socket.socket:
    """A client that has asked for all events, and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    host, _, port = api.url.removeprefix("http://").partition(":")
    client.connect((host, int(port)))
    client.sendall(
        b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
    )
    return client


def received(client: socket.socket) -> tuple[list[ServerSentEvent], bool]:
    """All that still comes, and whether the answer has its proper end."""
    content = b""
    with suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            content += part
    parser, events, rest = EventParser(), [], content.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        events += parser.feed(rest[: int(size, 16)])
        if size == b"0":
            return events, True
        rest = rest[int(size, 16) + 2 :]
    return events, False


def test_a_client_that_takes_nothing_is_cut_and_comes_back(api: Api):
    with httpx.Client(base_url=api.url, timeout=60) as http:
        cuts = figure(http, "autolearn_cut_followers_total")
        with follower(api) as client:
            until(lambda: followers(http) == 1)
            until(lambda: figure(http, "autolearn_cut_followers_total") == cuts + 1)
            assert followers(http) == 0
            connections = psutil.Process(api.popen.pid).net_connections
            mine = client.getsockname()
            until(lambda: mine not in {one.raddr for one in connections("tcp")}, seconds=15)
            events, proper = received(client)
        assert not proper
    got = [one for one in events if one.data and one.event != "problem"]
    assert 0 < len(got) < EVENTS
    with following(api.url, last=got[-1].id) as rest:
        assert next(rest).id == got[-1].id
        there = (one for one in rest if one.data)
        got += itertools.islice(there, EVENTS - len(got))
    assert len({one.data for one in got}) == EVENTS


def test_a_client_that_reads_again_soon_is_told_why(api: Api):
    with httpx.Client(base_url=api.url, timeout=60) as http:
        cuts = figure(http, "autolearn_cut_followers_total")
        with follower(api) as client:
            until(lambda: figure(http, "autolearn_cut_followers_total") == cuts + 1)
            events, proper = received(client)
    assert proper
    assert events[-1].event == "problem"
    assert "urn:autolearn:problem:too-slow" in events[-1].data
    assert "Last-Event-ID" in events[-1].data


def test_a_client_that_takes_little_at_a_time_is_not_cut(api: Api):
    with httpx.Client(base_url=api.url, timeout=60) as http:
        cuts = figure(http, "autolearn_cut_followers_total")
        with follower(api, buffer=128 * 1024) as client:
            until_then = time.monotonic() + 3 * PATIENCE
            while time.monotonic() < until_then:
                assert client.recv(16 * 1024)
                time.sleep(0.02)
            assert followers(http) == 1, "it is far from the end"
        until(lambda: followers(http) == 0)
        assert figure(http, "autolearn_cut_followers_total") == cuts


def test_the_python_client_misses_nothing_when_it_is_cut(api: Api):
    with httpx.Client(base_url=api.url, timeout=60) as http, AutoLearn(api.url) as client:
        cuts = figure(http, "autolearn_cut_followers_total")
        entries = client.follow()
        seen = [next(entries)]
        until(lambda: figure(http, "autolearn_cut_followers_total") == cuts + 1)
        seen += itertools.islice(entries, EVENTS - 1)
    assert len({(one.event["subject"], one.event["sequence"]) for one in seen}) == EVENTS
