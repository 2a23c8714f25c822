"""Before anybody is known: small pools, short times, shares by address; users are not held up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from autolearn.api.http.problems import Problem
from autolearn.api.limits.client_address import network_of
from autolearn.api.limits.login_attempts import Logins
from autolearn.api.limits.quotas import Taken
from autolearn.api.limits.request_rate import Paces
from autolearn.api.middleware.concurrency_limit import RequestSlot
from autolearn.api.server.app import make_app
from autolearn.api.state.context import make_context
from autolearn.api.state.request_counts import Waiting
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.client.sdk.errors import Unreachable
from autolearn.client.sdk.sealed_transport import AsyncSealing, Sealing
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.rows.users import QuotaRow, StoredToken, StoredUser
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import key
from autolearn.schemas import bounds
from autolearn.schemas.access_tokens import made_of
from autolearn.schemas.codec import from_json, to_json
from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.settings import Settings
from tests.support.settings import settings_of

TOKEN = made_of("0" * 16, "A" * 43)
BEARER = {"Authorization": f"Bearer {TOKEN.word}"}
ACCEPT = (b"accept", b"text/event-stream")
LARGE = 4 * 1024 * 1024 - 1


class World:
    """An app on which ada has a token; nothing is decided, for there are no deciders."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        to = ArtifactStore((folder / "artifacts").as_uri())
        self.log = MemoryLog()
        given = (settings_of(**settings), self.log, MemoryStore(), to, folder, lambda: None)
        self.context = make_context(*given)
        self.context.reader.caught_up = True
        self.context.queries.store.write(
            {
                key("user", "ada"): to_json(StoredUser("user", "", False, "", "")),
                key("token", TOKEN.id): to_json(StoredToken("ada", "", TOKEN.digest, "", None)),
            }
        )
        self.app = make_app(self.context)

    @asynccontextmanager
    async def client(self, host: str = "127.0.0.1", *, seal: bool = False) -> Any:
        self.context.log.create(self.context.topics.all())
        self.context.audit.open()
        transport: Any = httpx.ASGITransport(self.app, client=(host, 1))
        if seal:
            transport = AsyncSealing(transport)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield http

    def recorded(self) -> list[Hop]:
        """The records of the behaviour log."""
        topic = self.context.topics.audit
        partitions = (self.log.topics[topic.name][number] for number in range(topic.partitions))
        return [from_json(record.value, Hop) for one in partitions for record in one]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def story(tell: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(tell())


async def slow(world: World, path: str, media: str, size: int, host: str = "127.0.0.1") -> None:
    """A client that sends so much of a body, and then nothing."""
    parts = [b"x" * 65536] * (size // 65536) + [b"x" * (size % 65536)]

    async def receive() -> dict[str, Any]:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(_: Any) -> None:
        """Take no notice."""

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "client": (host, 1),
        "headers": [(b"content-type", media.encode()), (b"host", b"localhost"), ACCEPT],
        "app": world.app,
    }
    await world.app(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/v1/login", "application/json"),
        ("/v1/sessions", "application/jose"),
        ("/v1/events", "application/jose"),
        ("/metrics", "application/jose"),
    ],
)
def test_slow_clients_without_a_token_hold_up_nobody_who_has_one(
    world: World, path: str, media: str
):
    async def tell(size: int, *, seal: bool) -> None:
        async with world.client(seal=seal) as http:
            crowd = [asyncio.create_task(slow(world, path, media, size)) for _ in range(100)]
            for _ in range(50):
                await asyncio.sleep(0)
            body = {"title": 5, "x": "y" * 1_000_000}
            answer = await http.post("/v1/sessions", json=body, headers=BEARER)
            assert answer.status_code == 422, answer.text
            small = await http.post("/v1/sessions", json={"title": 5}, headers=BEARER)
            assert small.status_code == 422, small.text
            if size < bounds.STRANGER_BODY:
                assert world.context.waiting.strangers == bounds.ADDRESS_REQUESTS
            assert world.context.waiting.strangers_bytes <= bounds.ADDRESS_BYTES
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
        waiting = world.context.waiting
        assert (waiting.strangers, waiting.strangers_bytes, waiting.bytes) == (0, 0, 0)
        assert not any((waiting.by_address, waiting.bytes_by_address, waiting.by_user))

    async def all_told() -> None:
        for seal in (False, True):
            await tell(LARGE * 4 // 3, seal=seal)
            await tell(bounds.STRANGER_BODY - 1, seal=seal)

    story(all_told)


def test_a_body_of_a_stranger_must_come_in_time(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "STRANGER_SECONDS", 0.05)

    async def tell() -> None:
        async with world.client():
            async with asyncio.timeout(10):
                await slow(world, "/v1/login", "application/json", 100)
                await slow(world, "/v1/sessions", "application/jose", 100)
        assert world.context.waiting.strangers == 0

    story(tell)


def test_a_large_sealed_body_says_in_its_head_who_asks(world: World):
    async def tell() -> None:
        async with world.client(seal=True) as http:
            body = {"title": 5, "x": "y" * 1_000_000}
            for headers, status in ((BEARER, 422), ({}, 401), ({"Authorization": "Bearer x"}, 401)):
                answer = await http.post("/v1/sessions", json=body, headers=headers)
                assert answer.status_code == status, answer.text

    story(tell)


def test_the_addresses_share_what_strangers_have():
    waiting = Waiting(10, 1000)
    scope = {"client": ("10.0.0.1", 1)}
    mine = [RequestSlot(waiting, scope, "change") for _ in range(bounds.ADDRESS_REQUESTS + 1)]
    for place in mine[:-1]:
        place.read()
    with pytest.raises(Problem, match=r"From 10\.0\.0\.1 come 20"):
        mine[-1].read()
    other = RequestSlot(waiting, {"client": ("10.0.0.2", 1)}, "change")
    other.read()
    with pytest.raises(Problem, match="1,048,576 bytes"):
        mine[0].take(bounds.ADDRESS_BYTES + 1)
    mine[0].take(bounds.ADDRESS_BYTES)
    other.take(1)
    for place in (*mine, other):
        place.leave()
    assert (waiting.strangers, waiting.strangers_bytes) == (0, 0)


def test_a_user_has_a_quarter_and_everybody_has_all():
    waiting = Waiting(8, 1000)
    ada = [RequestSlot(waiting, {}, "change") for _ in range(3)]
    ada[0].admit("ada")
    ada[1].admit("ada")
    with pytest.raises(Problem, match="a quarter of AUTOLEARN_MAX_WAITING"):
        ada[2].admit("ada")
    with pytest.raises(Problem, match="a quarter of AUTOLEARN_MAX_PENDING: 250"):
        ada[0].take(251)
    grace = RequestSlot(waiting, {}, "change")
    grace.admit("grace")
    grace.take(250)
    nobody = [RequestSlot(waiting, {}, "read") for _ in range(8)]
    for place in nobody:
        place.admit("")
    nobody[0].take(700)
    for place in (*ada, grace, *nobody):
        place.leave()
    assert waiting.requests == {"read": 0, "change": 0}
    assert waiting.bytes == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("no address", "no address"),
    ],
)
def test_the_addresses_that_share(address: str, network: str):
    assert network_of(address) == network


# Logging in


def test_a_lockout_is_of_one_user_at_one_address_and_ends():
    now = [0.0]
    logins = Logins(lambda: now[0])
    for _ in range(bounds.LOGIN_FAILURES):
        logins.check("ada", "10.0.0.1")
        logins.failed("ada", "10.0.0.1")
    with pytest.raises(Problem, match="5 from your address") as locked:
        logins.check("ada", "10.0.0.1")
    assert (locked.value.status_code, locked.value.headers) == (429, {"Retry-After": "30"})
    logins.check("ada", "10.0.0.2")
    logins.check("grace", "10.0.0.1")
    now[0] += 30
    logins.check("ada", "10.0.0.1")
    logins.failed("ada", "10.0.0.1")
    with pytest.raises(Problem, match="another 60 seconds"):
        logins.check("ada", "10.0.0.1")
    now[0] += 60
    logins.fitted("ada", "10.0.0.1")
    logins.failed("ada", "10.0.0.1")
    logins.check("ada", "10.0.0.1")


def test_one_address_cannot_try_all_users_and_what_is_remembered_is_bounded():
    logins = Logins(lambda: 0.0)
    for number in range(10 * bounds.LOGIN_FAILURES):
        logins.check(f"u{number}", "10.0.0.1")
        logins.failed(f"u{number}", "10.0.0.1")
    with pytest.raises(Problem):
        logins.check("new", "10.0.0.1")
    for number in range(2 * bounds.LOGINS_REMEMBERED):
        logins.failed("ada", f"address {number}")
    assert len(logins.failures) <= bounds.LOGINS_REMEMBERED
    for _ in range(10_000):
        logins.failed("ada", "10.0.0.3")
    with pytest.raises(Problem, match="another 900 seconds"):
        logins.check("ada", "10.0.0.3")


def test_a_lockout_is_said_and_recorded_and_others_log_in(world: World):
    async def tell() -> None:
        said = {"user": "ada", "password": "a wrong one"}
        async with world.client() as http:
            for _ in range(bounds.LOGIN_FAILURES):
                assert (await http.post("/v1/login", json=said)).status_code == 401
            for _ in range(20):
                answer = await http.post("/v1/login", json=said)
                assert answer.status_code == 429
                assert answer.json()["type"].endswith(":login-locked")
                assert int(answer.headers["retry-after"]) > 0
        world.context.audit.close()
        locked = [hop for hop in world.recorded() if hop.problem == "login-locked"]
        assert [(hop.stream, hop.repeats) for hop in locked] == [("user/ada", 0), ("user/ada", 19)]

    story(tell)


def test_what_is_refused_alike_is_one_record_by_address_and_window(world: World):
    async def tell() -> None:
        for host in ("127.0.0.1", "127.0.0.2"):
            async with world.client(host) as http:
                for path in ("/v1/sessions", "/v1/me"):
                    for _ in range(10):
                        assert (await http.get(path)).status_code == 401
                        assert (await http.post(path)).status_code in (401, 405)
        world.context.audit.close()
        denied = [hop for hop in world.recorded() if hop.problem == "no-token"]
        assert [(hop.client, hop.repeats) for hop in denied] == [
            ("127.0.0.1", 0),
            ("127.0.0.2", 0),
            ("127.0.0.1", 29),
            ("127.0.0.2", 29),
        ]
        assert not world.context.audit.repeats

    story(tell)


def test_refusals_from_very_many_addresses_are_few_records(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "REPEATS_REMEMBERED", 10)

    async def tell() -> None:
        for number in range(30):
            async with world.client(f"127.1.0.{number}") as http:
                await http.get("/v1/me")
        world.context.audit.close()
        denied = [hop for hop in world.recorded() if hop.problem == "no-token"]
        assert len(denied) == 10 + 2
        assert (denied[-1].client, denied[-1].repeats) == ("", 19)

    story(tell)


# Where nobody is known


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:8321"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "[::1]:8321"}, 200),
        ({"Host": "lab.example:8321"}, 200),
        ({"Host": "lab.example", "Origin": "http://lab.example"}, 200),
        ({"Host": "localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost@evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "http://[x"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_foreign_page_does_nothing_where_nobody_is_known(
    tmp_path: Path, headers: dict[str, str], status: int
):
    async def tell(auth: str, status: int) -> None:
        world = World(tmp_path, auth=auth, hosts="lab.example")
        async with world.client() as http:
            answer = await http.get("/v1/me", headers=headers)
            assert answer.status_code == status, answer.text

    asyncio.run(tell("none", status))
    asyncio.run(tell("tokens", 401))


# How fast a user asks


def test_a_user_asks_so_many_times_a_second_and_others_as_before():
    now, store = [0.0], MemoryStore()
    quotas, paces = settings_of(quota_requests=10).quotas, Paces(lambda: now[0])
    queries = ReadModelQueries(store)
    for _ in range(20):
        paces.take("ada", quotas, queries)
    with pytest.raises(Problem, match="10 requests a second") as told:
        paces.take("ada", quotas, queries)
    assert "autolearn admin quota ada --set requests=N" in told.value.detail
    assert told.value.headers == {"Retry-After": "1"}
    paces.take("grace", quotas, queries)
    now[0] += 0.1
    paces.take("ada", quotas, queries)
    store.write({key("quota", "ada", "requests"): to_json(QuotaRow("ada", "requests", 1000))})
    now[0] += 1.5
    for _ in range(1000):
        paces.take("ada", quotas, queries)
    for number in range(20_000):
        paces.take(f"u{number}", quotas, queries)
    assert len(paces.buckets) <= 10_000


def test_a_quota_of_no_requests_lets_none_in():
    store, paces = MemoryStore(), Paces(lambda: 0.0)
    store.write({key("quota", "ada", "requests"): to_json(QuotaRow("ada", "requests", 0))})
    with pytest.raises(Problem):
        paces.take("ada", Settings().quotas, ReadModelQueries(store))


def test_requests_a_second_are_counted_for_a_token(tmp_path: Path):
    world = World(tmp_path, quota_requests=1)

    async def tell() -> None:
        async with world.client() as http:
            found = [(await http.get("/v1/me", headers=BEARER)).status_code for _ in range(4)]
            assert found == [200, 200, 429, 429]
            assert (await http.get("/v1/me")).status_code == 401

    story(tell)


# The clock of a client


@pytest.mark.parametrize("apart", [86_400, -86_400, 500])
def test_a_date_moves_no_request_to_another_time(world: World, apart: int):
    asked: list[httpx.Request] = []
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + apart))

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        keys = {"keys": [one.jwk() for one in world.context.wire_keys.present()]}
        return httpx.Response(200, json=keys, headers={"Date": date})

    transport = Sealing(httpx.MockTransport(played))
    with (
        httpx.Client(transport=transport, base_url="http://api") as http,
        pytest.raises(Unreachable, match=r"The clock here is .* s (ahead|behind)"),
    ):
        http.get("/v1/me", headers=BEARER)
    assert [request.url.path for request in asked] == ["/.well-known/jwks.json"]


# What a user has taken


def test_sessions_are_counted_each_second_and_before_a_refusal():
    now, store = [0.0], MemoryStore()
    quotas, taken, queries = (
        settings_of(quota_sessions=5).quotas,
        Taken(lambda: now[0]),
        ReadModelQueries(store),
    )

    def put(count: int) -> None:
        store.clear()
        store.write({key("session-held", "ada", str(n)): b"{}" for n in range(count)})

    put(3)
    for _ in range(2):
        taken.take(quotas, queries, "ada", "sessions")
    put(5)
    with pytest.raises(Problem, match="has 5 open sessions, and the quota `sessions` is 5") as told:
        taken.take(quotas, queries, "ada", "sessions")
    assert told.value.status_code == 409
    taken.take(quotas, queries, "grace", "sessions")
    put(4)
    taken.take(quotas, queries, "ada", "sessions")
    for number in range(20_000):
        taken.take(quotas, queries, f"u{number}", "sessions")
    assert len(taken.counts) <= 10_000
