"""Requests and answers as JWE between client and server (docs/wire.md).

JSON Web Encryption (RFC 7516) in compact form, `ECDH-ES` with `A128GCM` (RFC 7518, 4.6 and 5.3)
over X25519 (RFC 8037); a fresh ephemeral key in every one. Nothing else is accepted: no other
algorithm, no `zip`, no `crit`, no header parameter that is not named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.registry import HeaderParameter
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from autolearn.schemas.errors import AutoLearnError

MEDIA_TYPE = "application/jose"
HEADER = "AutoLearn-Sealed"
"""The header with the JWE of a request that has no body, or a file for a body."""
CURVE: Literal["X25519"] = "X25519"
LINE = 32 * 1024
"""The most bytes of one line of an answer, which is lost if the connection breaks in it. Each costs
0.2 ms of both sides together."""
LONGEST_HEADER = 1024
"""The most characters of a protected header."""

P = 2**255 - 19
SMALL_ORDER = frozenset(
    u.to_bytes(32, "little")
    for u in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        P - 1,
        P,
        P + 1,
    )
)
"""Keys whose shared secret is always zero, so that nothing can be sealed to them (RFC 7748, 6.1;
https://cr.yp.to/ecdh.html#validate)."""

_ALGORITHMS = {"alg": "ECDH-ES", "enc": "A128GCM"}
_BROKEN = (JoseError, InvalidTag, ValueError, TypeError, KeyError, AttributeError, AssertionError)
"""The errors of the libraries for a malformed JWE, or one for another key."""


class Undecipherable(AutoLearnError):
    """A JWE is not for this key, or was changed."""

    title = "That cannot be deciphered"


class _Registry(jwe.JWERegistry):
    """The only accepted algorithms. The recipient checks sizes."""

    max_protected_header_length = LONGEST_HEADER
    max_ciphertext_length = 1 << 40

    def __init__(self, **own: str) -> None:
        more = {name: HeaderParameter(name, kind, required=True) for name, kind in own.items()}
        super().__init__(header_registry=more, algorithms=list(_ALGORITHMS.values()))
        self.understood = frozenset({*_ALGORITHMS, "epk", *own})


_REQUEST = _Registry(kid="str")
_ANSWER = _Registry(re="str", seq="int", last="bool", status="int", cty="str")

Visible = Annotated[str, Meta(max_length=8192, pattern=r"^[\x20-\x7e]*\Z")]


class Sealed(Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """The plaintext of a request. `htm`, `htu`, `iat` and `jti` are as in DPoP (RFC 9449, 4.2).

    `htu` is the path and query as they are sent, `iat` is in seconds since 1970, `jti` is used
    once. `answer` is the public key (JWK) to which the answer is sealed.
    """

    htm: str
    htu: str
    iat: int
    jti: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}\Z")]
    answer: dict[str, str]
    authorization: Visible = ""
    idempotency_key: Visible = ""
    body: Raw | UnsetType = UNSET


def new_key() -> OKPKey:
    """Return a new private key."""
    return OKPKey.generate_key(CURVE)


def public_key(given: object) -> OKPKey:
    """Return the public key of a JWK.

    Raises:
        Undecipherable: it is not of this curve, or of small order.
    """
    try:
        jwk = msgspec.convert(given, dict[str, Any])
        key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
        point = key.raw_value
        if isinstance(point, X25519PublicKey) and not _is_small(point.public_bytes_raw()):
            return key
    except _BROKEN:
        pass
    raise Undecipherable(f"The key is none of {CURVE}.")


def _is_small(point: bytes) -> bool:
    """Return whether a point is of small order; its topmost bit does not count (RFC 7748, 5)."""
    return bytes((*point[:31], point[31] & 0x7F)) in SMALL_ORDER


def public_jwk(key: OKPKey) -> dict[str, str]:
    """Return the public half of a key as a JWK, without anything optional."""
    whole = key.as_dict(private=False)
    return {name: str(whole[name]) for name in ("kty", "crv", "x")}


def _seal(header: Mapping[str, object], content: bytes, to: OKPKey, registry: _Registry) -> bytes:
    """Seal content to a public key."""
    return jwe.encrypt_compact({**_ALGORITHMS, **header}, content, to, registry=registry).encode()


def _unseal(
    token: bytes, key: Callable[[dict[str, Any]], OKPKey], registry: _Registry
) -> tuple[dict[str, Any], bytes]:
    """Return the protected header and the content; `key` chooses the private key by the header.

    Raises:
        Undecipherable: it is malformed, or not for this key.
    """

    def chosen(recipient: Any) -> OKPKey:
        header = recipient.headers()
        if not registry.understood.issuperset(header):
            raise Undecipherable("Its header has something that is not understood.")
        return key(header)

    try:
        found = jwe.decrypt_compact(token, chosen, registry=registry)
    except _BROKEN:
        raise Undecipherable("It is not for this key, or was changed.") from None
    return found.protected, found.plaintext or b""


def seal_request(request: Sealed, to: OKPKey, kid: str) -> bytes:
    """Seal a request to a key of the server."""
    return _seal({"kid": kid}, msgspec.json.encode(request), to, _REQUEST)


def open_request(token: bytes, keys: Callable[[str], OKPKey | None]) -> Sealed:
    """Open a request; `keys` returns the server's private key of a `kid`.

    Raises:
        Undecipherable: it cannot be decrypted, or its fields are not those of a request.
    """

    def key(header: dict[str, Any]) -> OKPKey:
        found = keys(str(header["kid"]))
        if found is None:
            raise Undecipherable("There is no such key.")
        return found

    _, content = _unseal(token, key, _REQUEST)
    try:
        return msgspec.json.decode(content, type=Sealed)
    except (msgspec.DecodeError, RecursionError):
        raise Undecipherable("It is no request.") from None


class Answering:
    """Seals an answer, line by line: each is a JWE that names its request and its place.

    `jti` is the request's, `status` and `media` are those of the answer.
    """

    def __init__(self, to: OKPKey, jti: str, status: int, media: str) -> None:
        self.to, self.said = to, {"re": jti, "status": status, "cty": media}
        self.next = 0

    def lines(self, content: bytes, *, last: bool) -> bytes:
        """Return the next part of the answer, as one line or several."""
        parts = [content[at : at + LINE] for at in range(0, len(content), LINE)]
        parts = parts or ([b""] if last else [])
        ends = [last and number == len(parts) - 1 for number in range(len(parts))]
        return b"".join(self.line(*one) for one in zip(parts, ends, strict=True))

    def line(self, content: bytes, last: bool) -> bytes:
        """Return one line."""
        header = {**self.said, "seq": self.next, "last": last}
        self.next += 1
        return _seal(header, content, self.to, _ANSWER) + b"\n"


class Opening:
    """Opens an answer, however it was cut on its way. `status` and `media` are known after a part.

    It detects lines that are missing, repeated, reordered or cut off at the end.
    """

    def __init__(self, key: OKPKey, jti: str) -> None:
        self.key, self.jti = key, jti
        self.status, self.media = 0, ""
        self.rest, self.next, self.ended = b"", 0, False

    def feed(self, part: bytes) -> Iterator[bytes]:
        """Yield the contents of the lines that end in this part.

        Raises:
            Undecipherable: it is not the answer to this request.
        """
        *whole, self.rest = (self.rest + part).split(b"\n")
        if len(self.rest) > 2 * LINE:
            raise Undecipherable("A line is longer than lines are.")
        for line in whole:
            yield self.opened(line)

    def opened(self, line: bytes) -> bytes:
        """Return the content of the next line."""
        header, content = _unseal(line, lambda _: self.key, _ANSWER)
        if self.ended or header["re"] != self.jti or header["seq"] != self.next:
            raise Undecipherable("It is not the next line of the answer to this request.")
        if self.next and (header["status"], header["cty"]) != (self.status, self.media):
            raise Undecipherable("It is not of one piece.")
        self.status, self.media = header["status"], header["cty"]
        self.next, self.ended = self.next + 1, header["last"]
        return content

    def end(self) -> None:
        """Check, at the end, that the answer is complete.

        Raises:
            Undecipherable: something is missing.
        """
        if not self.ended or self.rest:
            raise Undecipherable("The end of the answer is missing.")
