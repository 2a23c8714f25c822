"""Seals requests and decrypts answers, below everything else of a client.

An httpx transport around another one (docs/wire.md): requests under /v1 and for /metrics go out as
JWE, sealed to the first key of the server; the answers are decrypted. A plain answer is accepted
only if it is an error.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
import msgspec
from joserfc.jwk import OKPKey
from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.client.sdk.errors import Unreachable
from autolearn.security.request_jwe import (
    HEADER,
    MEDIA_TYPE,
    Opening,
    Sealed,
    Undecipherable,
    new_key,
    public_jwk,
    public_key,
    seal_request,
)

_WELL_KNOWN = "/.well-known/jwks.json"
_SEALED = (b"authorization", b"idempotency-key", b"content-type", b"content-length")
_JOSE = MEDIA_TYPE.encode()


_LARGEST = 40 * 1024
"""Bytes of a body up to which a server reads it sealed before authentication."""
_WINDOW = 120
"""Seconds by which the clocks of client and server may differ."""


class _Keys(NamedTuple):
    """The server's key in use, and its name."""

    key: OKPKey
    kid: str


class _Question(NamedTuple):
    """A sent request, and the key of its answer."""

    request: httpx.Request
    opening: Opening


def _keys_of(response: httpx.Response, trusted: str) -> _Keys:
    """Return the server's key to use. `trusted` names the only acceptable ones, if any.

    Raises:
        Unreachable: it has none, or none of those.
        httpx.RemoteProtocolError: it cannot answer now; a retry may help.
    """
    if response.status_code in (429, 500, 502, 503, 504):
        raise httpx.RemoteProtocolError(f"{response.request.url}: status {response.status_code}.")
    try:
        there = msgspec.json.decode(response.content, type=dict[str, Any])["keys"]
        found = [public_key(jwk) for jwk in there if jwk.get("use", "enc") == "enc"]
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError, Undecipherable):
        found = []
    wanted = trusted.replace(",", " ").split()
    named = [(key, key.thumbprint()) for key in found]
    usable = [one for one in named if not wanted or one[1] in wanted]
    if response.status_code != 200 or not usable:
        why = "has none of AUTOLEARN_SERVER_KEY" if named else "has no keys to which to seal"
        raise Unreachable(
            f"{response.request.url} {why} (status {response.status_code}).",
            title="The API cannot be asked confidentially",
            advice="Is it the right server? `autolearn admin wire-keys` there names its keys. "
            "AUTOLEARN_SEAL=off sends everything as it is.",
        )
    _check_clock(response)
    return _Keys(*usable[0])


def _check_clock(response: httpx.Response) -> None:
    """Check that the server would accept a request that is made now.

    A Date is not signed: it must not shift the time of a request, which an attacker could keep and
    deliver then.

    Raises:
        Unreachable: the clocks are too far apart.
    """
    try:
        at = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return
    apart = time.time() - at
    if abs(apart) > _WINDOW:
        how = "ahead of" if apart > 0 else "behind"
        raise Unreachable(
            f"The clock here is {abs(apart):,.0f} s {how} that of {response.request.url.host}; a "
            f"sealed request is good for {_WINDOW} s.",
            title="A clock is wrong",
            advice="Set the clock, here or there.",
        )


def _question(
    request: httpx.Request, content: bytes | None, keys: _Keys, *, announced: bool = False
) -> _Question:
    """Seal a request; without `content` its body is a file, and stays in clear.

    A large body, or an `announced` one, has its sealed authentication in the head.
    """
    mine, jti = new_key(), secrets.token_urlsafe(18)
    given = {name.lower(): value for name, value in request.headers.raw}  # cheaper than `headers`
    sealed = Sealed(
        htm=request.method,
        htu=request.url.raw_path.decode(),
        iat=int(time.time()),
        jti=jti,
        answer=public_jwk(mine),
        authorization=given.get(b"authorization", b"").decode("latin-1"),
        idempotency_key=given.get(b"idempotency-key", b"").decode("latin-1"),
        body=Raw(content) if content else UNSET,
    )
    token = seal_request(sealed, keys.key, keys.kid)
    in_body = content is not None and request.method != "GET"
    headers = _without(request.headers, _SEALED if in_body else _SEALED[:2])
    headers.append((b"content-type", _JOSE) if in_body else (HEADER.encode(), token))
    if in_body and (announced or len(content or b"") > _LARGEST):
        head = replace(sealed, jti=secrets.token_urlsafe(18), idempotency_key="", body=UNSET)
        headers.append((HEADER.encode(), seal_request(head, keys.key, keys.kid)))
    out = httpx.Request(
        request.method,
        request.url,
        headers=headers,
        content=token if in_body else None,
        stream=None if in_body else request.stream,
        extensions=request.extensions,
    )
    return _Question(out, Opening(mine, jti))


def _without(headers: httpx.Headers, names: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers.raw if name.lower() not in names]


def _is_open(request: httpx.Request) -> bool:
    return not (request.url.path.startswith("/v1/") or request.url.path == "/metrics")


def _well_known(request: httpx.Request) -> httpx.Request:
    at = request.url.copy_with(raw_path=_WELL_KNOWN.encode())
    return httpx.Request("GET", at, extensions=request.extensions)


def _is_sealed(response: httpx.Response) -> bool:
    """Return whether an answer is sealed.

    Raises:
        httpx.RemoteProtocolError: it is plain, and must not be.
    """
    if response.headers.get("content-type", "") == MEDIA_TYPE:
        return True
    if response.status_code < 400:
        raise httpx.RemoteProtocolError("The answer is not sealed: somebody else has made it.")
    return False


def _refused(response: httpx.Response) -> bool:
    """Return whether the server could not open a request; its body was read."""
    return response.status_code == 400 and b"problem:undecipherable" in response.content


def _is_crowded(response: httpx.Response) -> bool:
    """Return whether a request was refused for lack of an announced authentication."""
    return response.status_code == 429 and b"problem:too-many-strangers" in response.content


def _opened(response: httpx.Response, opening: Opening, stream: Any) -> httpx.Response:
    if response.status_code != opening.status:
        raise httpx.RemoteProtocolError("The status of the answer was changed on its way.")
    headers = _without(response.headers, _SEALED[2:])
    if opening.media:
        headers.append((b"content-type", opening.media.encode("latin-1")))
    return httpx.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )


def _damaged(error: Undecipherable) -> httpx.RemoteProtocolError:
    """Return the error of an answer that cannot be decrypted: the request may be tried again."""
    return httpx.RemoteProtocolError(f"The answer cannot be deciphered: {error.detail}")


class _Opened(httpx.SyncByteStream):
    """The plain parts of an answer. The first ones were read already."""

    def __init__(
        self, response: httpx.Response, first: list[bytes], rest: Iterator[bytes], opening: Opening
    ) -> None:
        self.response, self.first, self.rest, self.opening = response, first, rest, opening

    def __iter__(self) -> Iterator[bytes]:
        yield from self.first
        try:
            for part in self.rest:
                yield from self.opening.feed(part)
            self.opening.end()
        except Undecipherable as error:
            raise _damaged(error) from None

    def close(self) -> None:
        self.response.close()


class _AsyncOpened(httpx.AsyncByteStream):
    """The same to await."""

    def __init__(
        self,
        response: httpx.Response,
        first: list[bytes],
        rest: AsyncIterator[bytes],
        opening: Opening,
    ) -> None:
        self.response, self.first, self.rest, self.opening = response, first, rest, opening

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.first:
            yield part
        try:
            async for part in self.rest:
                for one in self.opening.feed(part):
                    yield one
            self.opening.end()
        except Undecipherable as error:
            raise _damaged(error) from None

    async def aclose(self) -> None:
        await self.response.aclose()


class Sealing(httpx.BaseTransport):
    """A transport that seals. `trusted` names the acceptable keys of the server; "": any."""

    def __init__(self, inner: httpx.BaseTransport, trusted: str = "") -> None:
        self.inner, self.trusted = inner, trusted
        self.keys: _Keys | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; once more with new keys when the server does not know the old ones."""
        if _is_open(request):
            return self.inner.handle_request(request)
        known = self.keys
        response, asked = self.ask(request, known or self.get(request))
        if not _is_sealed(response):
            response.read()
            if known is None or not _refused(response):
                return response
            self.keys = None
            if request.method == "PUT":  # its file has been read: the caller sends it again
                raise httpx.RemoteProtocolError("The keys of the server are others by now.")
            response, asked = self.ask(request, self.get(request))
            if not _is_sealed(response):
                return response
        assert isinstance(response.stream, httpx.SyncByteStream)
        parts, first = iter(response.stream), list[bytes]()
        try:
            while not asked.opening.status and (part := next(parts, None)) is not None:
                first += asked.opening.feed(part)
            return _opened(response, asked.opening, _Opened(response, first, parts, asked.opening))
        except Undecipherable as error:
            response.close()
            raise _damaged(error) from None

    def ask(
        self, request: httpx.Request, keys: _Keys, *, announced: bool = False
    ) -> tuple[httpx.Response, _Question]:
        """Send a request sealed to a key; once more announced if there are too many strangers."""
        content = None if request.method == "PUT" else request.read()
        asked = _question(request, content, keys, announced=announced)
        response = self.inner.handle_request(asked.request)
        response.request = request
        if response.status_code == 429 and not announced and "authorization" in request.headers:
            response.read()
            if _is_crowded(response):
                return self.ask(request, keys, announced=True)
        return response, asked

    def get(self, request: httpx.Request) -> _Keys:
        """Fetch the keys of the server."""
        response = self.inner.handle_request(_well_known(request))
        response.request = request
        response.read()
        self.keys = _keys_of(response, self.trusted)
        return self.keys

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


class AsyncSealing(httpx.AsyncBaseTransport):
    """The same to await."""

    def __init__(self, inner: httpx.AsyncBaseTransport, trusted: str = "") -> None:
        self.inner, self.trusted = inner, trusted
        self.keys: _Keys | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; once more with new keys when the server does not know the old ones."""
        if _is_open(request):
            return await self.inner.handle_async_request(request)
        known = self.keys
        response, asked = await self.ask(request, known or await self.get(request))
        if not _is_sealed(response):
            await response.aread()
            if known is None or not _refused(response):
                return response
            self.keys = None
            if request.method == "PUT":  # its file has been read: the caller sends it again
                raise httpx.RemoteProtocolError("The keys of the server are others by now.")
            response, asked = await self.ask(request, await self.get(request))
            if not _is_sealed(response):
                return response
        assert isinstance(response.stream, httpx.AsyncByteStream)
        parts, first = aiter(response.stream), list[bytes]()
        try:
            while not asked.opening.status and (part := await anext(parts, None)) is not None:
                first += asked.opening.feed(part)
            stream = _AsyncOpened(response, first, parts, asked.opening)
            return _opened(response, asked.opening, stream)
        except Undecipherable as error:
            await response.aclose()
            raise _damaged(error) from None

    async def ask(
        self, request: httpx.Request, keys: _Keys, *, announced: bool = False
    ) -> tuple[httpx.Response, _Question]:
        """Send a request sealed to a key; once more announced if there are too many strangers."""
        content = None if request.method == "PUT" else await request.aread()
        asked = _question(request, content, keys, announced=announced)
        response = await self.inner.handle_async_request(asked.request)
        response.request = request
        if response.status_code == 429 and not announced and "authorization" in request.headers:
            await response.aread()
            if _is_crowded(response):
                return await self.ask(request, keys, announced=True)
        return response, asked

    async def get(self, request: httpx.Request) -> _Keys:
        """Fetch the keys of the server."""
        response = await self.inner.handle_async_request(_well_known(request))
        response.request = request
        await response.aread()
        self.keys = _keys_of(response, self.trusted)
        return self.keys

    async def aclose(self) -> None:
        """Close the connections."""
        await self.inner.aclose()
