"""The middleware that opens requests and seals answers, around a small app of the test's own."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from autolearn.api.http.problems import Problem
from autolearn.api.middleware.sealed_requests import WINDOW, ReplayCache, Seal
from autolearn.client.sdk.errors import Unreachable
from autolearn.client.sdk.sealed_transport import AsyncSealing, Sealing
from autolearn.schemas.errors import SettingsError
from autolearn.security.request_jwe import (
    HEADER,
    SMALL_ORDER,
    Opening,
    Sealed,
    new_key,
    public_jwk,
    seal_request,
)
from autolearn.security.wire_keys import WireKeys, rotate
from tests.support.settings import settings_of

JOSE = {"content-type": "application/jose"}
HERE, ELSEWHERE = ("127.0.0.1", 1), ("192.0.2.1", 1)


async def echo(request: Request) -> Response:
    body = await request.body()
    head = {k: v for k, v in request.headers.items() if k not in ("user-agent", "host")}
    return JSONResponse({"head": head, "body": body.decode()}, 201, {"X-Said": "yes"})


async def stream(request: Request) -> Response:
    async def parts() -> Any:
        for number in range(5):
            yield b"%d" % number * 300_000

    return StreamingResponse(parts(), media_type="text/plain")


class World:
    """An app with its keys; `ask` asks it as the client of an address."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        async def keys(_: Request) -> Response:
            return JSONResponse({"keys": [key.jwk() for key in self.keys.present()]})

        routes = [
            Route("/v1/echo", echo, methods=["GET", "POST", "PUT"]),
            Route("/v1/stream", stream),
            Route("/.well-known/jwks.json", keys),
        ]
        self.keys = WireKeys(folder)
        self.app = Seal(Starlette(routes=routes), self.keys, settings_of(**settings), self.admit)

    async def admit(self, _: Any, authorization: str) -> None:
        """Let everybody in."""

    async def client(self, at: tuple[str, int], seal: bool, base: str) -> httpx.AsyncClient:
        inner = httpx.ASGITransport(self.app, client=at)
        self.transport = AsyncSealing(inner) if seal else inner
        return httpx.AsyncClient(transport=self.transport, base_url=base)

    def ask(
        self,
        *asked: Any,
        at: tuple[str, int] = HERE,
        seal: bool = True,
        base: str = "http://api",
        **given: Any,
    ) -> httpx.Response:
        async def story() -> httpx.Response:
            async with await self.client(at, seal, base) as http:
                return await http.request(*asked, **given)

        return asyncio.run(story())

    def raw(self, token: bytes, path: str = "/v1/echo", **given: Any) -> httpx.Response:
        headers = {"Content-Type": "application/jose"} | given.pop("headers", {})
        given = {"content": token, "headers": headers} | given
        return self.ask(given.pop("method", "POST"), path, seal=False, **given)

    def token(self, **change: Any) -> bytes:
        """A sealed request; what of it is not as it should be, is given."""
        kid, key = change.pop("kid", None), change.pop("key", None)
        first = self.keys.present()[0]
        said: dict[str, Any] = {
            "htm": "POST",
            "htu": "/v1/echo",
            "iat": int(time.time()),
            "jti": "j" * 22,
            "answer": public_jwk(MINE),
        }
        return seal_request(Sealed(**(said | change)), key or first.key, kid or first.kid)


MINE = new_key()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"urn:autolearn:problem:{kind}"
    return answer.text


@pytest.mark.parametrize("at", [HERE, ELSEWHERE])
def test_what_is_asked_comes_through(world: World, at: tuple[str, int]):
    headers = {"Authorization": "Bearer x", "Idempotency-Key": "k", "Prefer": "wait=1"}
    answer = world.ask("POST", "/v1/echo?a=%20b", json={"a": 1}, headers=headers, at=at)
    assert answer.status_code == 201
    assert answer.headers["x-said"] == "yes"
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["body"] == '{"a":1}'
    assert said["head"]["authorization"] == "Bearer x"
    assert said["head"]["idempotency-key"] == "k"
    assert said["head"]["content-type"] == "application/json"
    assert said["head"]["content-length"] == "7"
    assert said["head"]["prefer"] == "wait=1"
    got = world.ask("GET", "/v1/echo", headers=headers, at=at).json()
    assert got["body"] == ""
    assert got["head"]["authorization"] == "Bearer x"
    assert HEADER.lower() not in got["head"]


def test_nothing_of_it_can_be_read_on_the_way(world: World):
    seen = bytearray()

    class Listening(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.extend(repr(request.headers.raw).encode() + await request.aread())
            response = await super().handle_async_request(request)
            seen.extend(repr(response.headers.raw).encode() + await response.aread())
            return response

    async def story() -> str:
        transport = AsyncSealing(Listening(world.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            headers = {"Authorization": "Bearer canary-1", "Idempotency-Key": "canary-2"}
            answer = await http.post("/v1/echo", json={"a": "canary-3"}, headers=headers)
            await http.get("/v1/echo", headers=headers)
            return answer.text

    assert "canary-3" in asyncio.run(story())
    assert b"application/jose" in seen
    assert b"canary" not in seen


def test_a_stream_comes_part_by_part(world: World):
    answer = world.ask("GET", "/v1/stream")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "".join(str(number) * 300_000 for number in range(5))


def test_errors_are_sealed_as_well(world: World):
    answer = world.ask("GET", "/v1/nothing", at=ELSEWHERE)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("plain", "at", "base", "status"),
    [
        ("local", HERE, "http://api", 201),
        ("local", ("::1", 1), "http://api", 201),
        ("local", ("::ffff:127.0.0.1", 1), "http://api", 201),
        ("local", ELSEWHERE, "http://api", 403),
        ("local", ELSEWHERE, "https://api", 201),
        ("always", ELSEWHERE, "http://api", 201),
        ("never", HERE, "http://api", 403),
        ("never", HERE, "https://api", 403),
    ],
)
def test_what_is_plain(tmp_path: Path, plain: str, at: tuple[str, int], base: str, status: int):
    world = World(tmp_path, plain=plain)
    answer = world.ask("POST", "/v1/echo", json={}, at=at, base=base, seal=False)
    assert answer.status_code == status, answer.text
    if status == 403:
        problem(answer, 403, "plain-forbidden")
    assert world.ask("POST", "/v1/echo", json={}, at=at, base=base).status_code == 201
    keys = world.ask("GET", "/.well-known/jwks.json", at=at, base=base, seal=False)
    assert keys.status_code == 200


def test_a_file_is_sent_as_it_is_over_a_safe_way_only(tmp_path: Path):
    world = World(tmp_path, plain="never")
    for at, base, status in ((HERE, "http://api", 201), (ELSEWHERE, "https://api", 201)):
        headers = {"Authorization": "Bearer x", "Content-Type": "text/csv"}
        answer = world.ask("PUT", "/v1/echo", content=b"a,b", headers=headers, at=at, base=base)
        assert answer.status_code == status
        assert answer.json()["body"] == "a,b"
        assert answer.json()["head"]["authorization"] == "Bearer x"
        assert answer.json()["head"]["content-type"] == "text/csv"
    problem(world.ask("PUT", "/v1/echo", content=b"a,b", at=ELSEWHERE), 403, "plain-forbidden")


def small_points() -> list[str]:
    """Every key of X25519 to which nothing can be sealed, each with the topmost bit and without."""
    found = []
    for point in SMALL_ORDER:
        for key in (point, bytes((*point[:31], point[31] | 0x80))):
            with pytest.raises(ValueError, match="shared key"):
                X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(key))
            found.append(base64.urlsafe_b64encode(key).decode().rstrip("="))
    return found


WRONG: list[dict[str, Any]] = [
    {"htm": "GET"},
    {"htm": "PUT"},
    {"htu": "/v1/stream"},
    {"htu": "/v1/echo?a"},
    {"htu": "/v1/Echo"},
    {"iat": int(time.time()) - 3600},
    {"iat": int(time.time()) + 3600},
    {"iat": -(2**62)},
    {"jti": "short"},
    {"jti": "j" * 65},
    {"answer": {}},
    {"answer": {"kty": "OKP", "crv": "X25519", "x": "AAAA"}},
    {"answer": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}},
    *({"answer": {"kty": "OKP", "crv": "X25519", "x": x}} for x in small_points()),
    {"authorization": "Bearer x\r\nX-Evil: 1"},
    {"idempotency_key": "\x00"},
    {"kid": "other"},
    {"key": new_key()},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: next(iter(one)))
def test_what_was_not_made_for_this_request_is_refused_alike(world: World, wrong: dict[str, Any]):
    words = problem(world.raw(world.token(**wrong)), 400, "undecipherable")
    assert words == world.raw(b"x").text


def test_a_request_is_taken_once(world: World):
    token = world.token(jti="r" * 22)
    first = world.raw(token)
    assert first.status_code == 201
    opening = Opening(MINE, "r" * 22)
    assert b"".join(opening.feed(first.content)).startswith(b'{"head"')
    words = problem(world.raw(token), 400, "undecipherable")
    assert words == world.raw(b"x").text
    problem(world.raw(world.token(jti="r" * 22)), 400, "undecipherable")


def test_nobody_adds_a_token_a_key_or_a_body_of_their_own(world: World):
    headers = {"Authorization": "Bearer evil", "Idempotency-Key": "evil", "X-Other": "1"}
    answer = world.raw(world.token(), headers=headers)
    opening = Opening(MINE, "j" * 22)
    said = msgspec.json.decode(b"".join(opening.feed(answer.content)))
    assert "authorization" not in said["head"]
    assert "idempotency-key" not in said["head"]
    token = world.token(jti="b" * 22).decode()
    answer = world.ask("POST", "/v1/echo", json={"evil": 1}, headers={HEADER: token}, seal=False)
    opening = Opening(MINE, "b" * 22)
    assert msgspec.json.decode(b"".join(opening.feed(answer.content)))["body"] == ""


def test_a_body_over_the_limit_is_refused(tmp_path: Path):
    world = World(tmp_path, max_body=1000)
    answer = world.ask("POST", "/v1/echo", json={"a": "x" * 1000})
    problem(answer, 413, "body-too-large")


# Keys


def test_old_keys_open_requests_for_a_while(world: World):
    async def story() -> None:
        async with await world.client(HERE, True, "http://api") as http:
            assert (await http.get("/v1/echo")).status_code == 201
            used = world.transport.keys
            new = rotate(world.keys.folder)
            world.keys.looked = 0.0
            assert [key.kid for key in world.keys.present()] == [new.kid, used.kid]
            assert (await http.get("/v1/echo")).status_code == 201
            assert world.transport.keys == used
            world.keys.grace = world.keys.looked = 0.0
            assert [key.kid for key in world.keys.present()] == [new.kid]
            assert (await http.get("/v1/echo")).status_code == 201  # it asks for the keys again
            assert world.transport.keys.kid == new.kid
            rotate(world.keys.folder, grace=0.0)
            assert len(list(world.keys.folder.glob("*.pem"))) == 1

    asyncio.run(story())


def test_a_key_that_another_process_made_is_found_at_once(tmp_path: Path):
    one, other = WireKeys(tmp_path), WireKeys(tmp_path)
    assert [key.kid for key in one.present()] == [key.kid for key in other.present()]
    assert [file.stat().st_mode & 0o777 for file in tmp_path.glob("*")] == [0o600]
    new = rotate(tmp_path)
    other.looked = 0.0
    assert other.of(new.kid) is not None
    assert other.of("nothing") is None


def test_a_key_whose_file_is_gone_opens_nothing(tmp_path: Path):
    keys = WireKeys(tmp_path, pause=0.0)
    (first,) = keys.present()
    rotate(tmp_path)
    assert keys.of(first.kid) is not None, "requests that are on their way"
    (tmp_path / "00000000T000000.000000Z.pem").unlink()
    assert keys.of(first.kid) is None


def test_keys_that_others_may_read_are_refused(tmp_path: Path):
    WireKeys(tmp_path).present()
    (file,) = tmp_path.glob("*.pem")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="0644"):
        WireKeys(tmp_path).present()
    file.chmod(0o600)
    file.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    with pytest.raises(SettingsError, match="X25519"):
        WireKeys(tmp_path).present()


# The client


def play(change: Callable[[httpx.Request, httpx.Response], Awaitable[httpx.Response]]) -> Any:
    class Between(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await change(request, await super().handle_async_request(request))

    return Between


def swapped(part: bytes) -> bytes:
    return part.replace(part[200:201], b"A" if part[200:201] != b"A" else b"B", 1)


@pytest.mark.parametrize(
    "changed",
    [
        lambda body: httpx.Response(200, headers=JOSE, content=body),  # was 201
        lambda body: httpx.Response(201, headers=JOSE, content=body[:-1]),
        lambda body: httpx.Response(201, headers=JOSE, content=body[:0]),
        lambda body: httpx.Response(201, headers=JOSE, content=swapped(body)),
        lambda body: httpx.Response(201, content=body),
    ],
    ids=["status", "cut", "empty", "flipped", "plain"],
)
def test_an_answer_that_was_changed_on_its_way_is_not_believed(world: World, changed: Any):
    async def change(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if "well-known" in request.url.path:
            return response
        body = await response.aread()
        return changed(body)

    async def story() -> None:
        transport = AsyncSealing(play(change)(world.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get("/v1/echo")

    asyncio.run(story())


def test_only_keys_that_are_trusted_are_used(world: World):
    kid = world.keys.present()[0].kid

    async def story(trusted: str) -> int:
        transport = AsyncSealing(httpx.ASGITransport(world.app), trusted)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
            return (await http.get("/v1/echo")).status_code

    assert asyncio.run(story(f"other, {kid}")) == 201
    with pytest.raises(Unreachable, match="AUTOLEARN_SERVER_KEY"):
        asyncio.run(story("other"))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, {}, httpx.TransportError),  # it may be asked again
        (404, {}, Unreachable),
        (200, {"keys": []}, Unreachable),
        (200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}]}, Unreachable),
        (200, [], Unreachable),
    ],
)
def test_a_server_without_keys_is_asked_nothing(status: int, body: Any, error: type[Exception]):
    asked = []

    def played(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(status, json=body)

    transport = Sealing(httpx.MockTransport(played))
    with httpx.Client(transport=transport, base_url="http://api") as http, pytest.raises(error):
        http.get("/v1/echo", headers={"Authorization": "Bearer secret"})
    assert asked == ["/.well-known/jwks.json"]


def test_what_was_seen_is_forgotten_when_it_is_too_old_anyway():
    seen = ReplayCache(most=10)
    for second in range(100_000, 100_000 + 10 * WINDOW, WINDOW):
        for number in range(5):
            assert seen.take(f"{number}", second, second)
            assert not seen.take(f"{number}", second, second)
        assert seen.many <= 10
    for number in range(seen.most - seen.many):
        assert seen.take(f"more {number}", second, second)
    with pytest.raises(Problem, match="too many"):
        seen.take("one more", second, second)
