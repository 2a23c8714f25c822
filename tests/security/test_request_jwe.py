"""JWE as we use it: known answers of the RFCs, and what is refused."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDH
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe
from joserfc._rfc7518.derive_key import derive_key_for_concat_kdf
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.util import json_b64encode
from msgspec import UNSET, Raw

from autolearn.security import request_jwe
from autolearn.security.request_jwe import (
    LINE,
    Answering,
    Opening,
    Sealed,
    Undecipherable,
    new_key,
    open_request,
    public_jwk,
    seal_request,
)

KEY = new_key()
OTHER = new_key()


def request(**more: Any) -> Sealed:
    jwk = public_jwk(OTHER)
    return Sealed("POST", "/v1/sessions", 1_800_000_000, "x" * 22, jwk, **more)


def opened(token: bytes) -> Sealed:
    return open_request(token, {"k": KEY}.get)


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def unb64(data: str) -> bytes:
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


# Known answers

ALICE = {
    "kty": "EC",
    "crv": "P-256",
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "d": "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
}
BOB = {
    "kty": "EC",
    "crv": "P-256",
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}


def test_the_key_agreement_of_rfc_7518_appendix_c():
    alice, bob = ECKey.import_key(ALICE), ECKey.import_key(BOB)
    shared = alice.exchange_derive_key(bob)
    assert list(shared[:4]) == [158, 86, 217, 29]
    assert shared == bob.private_key.exchange(ECDH(), alice.public_key)
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i"}
    derived = derive_key_for_concat_kdf(shared, header, 128, None)
    assert b64(derived) == b"VqqN6vgjbSBcIijNcacQGg"


def test_the_key_agreement_of_rfc_8037_appendix_a_6():
    # Bob's key is that of RFC 7748, 6.1, which has his private half as well.
    bob = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "X25519",
            "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "d": b64(
                bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
            ).decode(),
        }
    )
    alice = OKPKey.import_key(
        {"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}
    )
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert bob.exchange_derive_key(alice).hex() == shared


def test_the_content_encryption_of_rfc_7520_5_6():
    token = (
        "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MT"
        "diNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NNIn0..refa467QzzKx6QAB."
        "JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7Y"
        "hLpT1bjFuvZPjQS-m0IFtVcXkZXdH_lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zM"
        "DB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtBP-c_"
        "BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5"
        "g-NJsUPbjk29-s7LJAGb15wEBtXphVCgyy53CoIKLHHeJHXex45Uz9aKZSRSIn"
        "ZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp"
        ".vbb32Xvllea2OtmHAdccRQ"
    )
    key = OctKey.import_key({"kty": "oct", "k": "XctOhJAkA-pD9Lh7ZgW_2A"})
    found = jwe.decrypt_compact(token, key, algorithms=["dir", "A128GCM"])
    assert found.plaintext is not None
    words = found.plaintext.decode()
    assert words.startswith("You can trust us to stick with you through thick and thin\u2013to")
    assert words.endswith("We are your friends, Frodo.")


# What is refused


def test_a_request_comes_back_as_it_was():
    said = request(authorization="Bearer x", idempotency_key="k", body=Raw(b'{"a":[1,"\xc3\xa9"]}'))
    assert opened(seal_request(said, KEY, "k")) == said
    assert opened(seal_request(request(), KEY, "k")).body is UNSET


def test_no_two_are_sealed_alike():
    tokens = [seal_request(request(), KEY, "k") for _ in range(2000)]
    headers, _, nonces, texts, _ = zip(*(token.split(b".") for token in tokens), strict=True)
    for parts in (headers, nonces, texts):  # the ephemeral key is in the header
        assert len(set(parts)) == 2000


def test_whatever_is_changed_is_refused():
    token = seal_request(request(body=Raw(b"{}")), KEY, "k")
    for at in range(len(token)):
        for wrong in (b"A", b"B", b".", b"=", b"\xff", b""):
            changed = token[:at] + wrong + token[at + 1 :]
            if changed == token:
                continue
            with pytest.raises(Undecipherable):
                opened(changed)
        with pytest.raises(Undecipherable):
            opened(token[:at])


def test_another_key_and_an_unknown_one_are_refused():
    for token in (seal_request(request(), OTHER, "k"), seal_request(request(), KEY, "other")):
        with pytest.raises(Undecipherable):
            opened(token)


def forged(header: dict[str, Any], content: bytes = b"{}") -> bytes:
    """A JWE by joserfc itself, with whatever it can do."""
    known = ["ECDH-ES", "ECDH-ES+A128KW", "A128GCM", "A256GCM", "A128CBC-HS256", "DEF"]
    registry = jwe.JWERegistry(algorithms=known, strict_check_header=False)
    return jwe.encrypt_compact(header, content, KEY, registry=registry).encode()


FINE = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": "k"}


@pytest.mark.parametrize(
    "header",
    [
        FINE | {"zip": "DEF"},
        FINE | {"enc": "A256GCM"},
        FINE | {"enc": "A128CBC-HS256"},
        FINE | {"alg": "ECDH-ES+A128KW"},
        FINE | {"typ": "JWT"},
        FINE | {"jku": "https://example.org/keys"},
        {"alg": "ECDH-ES", "enc": "A128GCM"},
    ],
)
def test_what_is_not_used_here_is_not_understood(header: dict[str, Any]):
    content = msgspec.json.encode(request())
    with pytest.raises(Undecipherable):
        opened(forged(header, content))
    assert opened(forged(dict(FINE), content)) == request()


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch):
    def unpacked(*_: object) -> bytes:
        raise AssertionError("it was unpacked")

    bomb = forged(FINE | {"zip": "DEF"}, b" " * 10_000_000)
    assert len(bomb) < 20_000
    monkeypatch.setattr(zlib, "decompress", unpacked)
    monkeypatch.setattr(zlib, "decompressobj", unpacked)
    with pytest.raises(Undecipherable):
        opened(bomb)


def with_epk(epk: object) -> bytes:
    parts = seal_request(request(), KEY, "k").split(b".")
    return b".".join([json_b64encode({**FINE, "epk": epk}), *parts[1:]])


@pytest.mark.parametrize(
    "epk",
    [
        {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32)).decode()},  # a point of low order
        {"kty": "OKP", "crv": "X25519", "x": 1},
        {"kty": "OKP", "crv": "X25519", "x": ""},
        {"kty": "OKP", "crv": "X25519"},
        {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\x09" * 32).decode()},
        {"kty": "oct", "k": "AAAA"},
        {key: value for key, value in BOB.items() if key != "d"},
        {},
        [],
        None,
        "x",
        1,
    ],
)
def test_an_ephemeral_key_that_is_none(epk: object):
    with pytest.raises(Undecipherable):
        opened(with_epk(epk))


@settings(max_examples=5 * settings.default.max_examples, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["alg", "enc", "kid", "epk", "kty", "crv", "x", "zip", "crit"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=9,
    )
)
def test_any_header_is_refused_alike(header: object):
    parts = seal_request(request(), KEY, "k").split(b".")
    token = b".".join([b64(json.dumps(header).encode()), *parts[1:]])
    with pytest.raises(Undecipherable):
        opened(token)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_alike(token: bytes):
    with pytest.raises(Undecipherable):
        opened(token)


# Answers


def answer(*parts: bytes) -> bytes:
    answering = Answering(KEY, "j" * 22, 200, "application/json")
    said = [answering.lines(part, last=False) for part in parts[:-1]]
    return b"".join([*said, answering.lines(parts[-1], last=True)])


def read(said: bytes, cut: int = 1000, jti: str = "j" * 22) -> bytes:
    opening = Opening(KEY, jti)
    pieces = [said[at : at + cut] for at in range(0, len(said), cut)]
    found = b"".join(part for piece in pieces for part in opening.feed(piece))
    opening.end()
    assert (opening.status, opening.media) == (200, "application/json")
    return found


@pytest.mark.parametrize("cut", [1, 7, 1000, 10_000_000])
def test_an_answer_comes_back_however_it_was_cut(cut: int):
    assert read(answer(b"{}"), cut) == b"{}"
    assert read(answer(b""), cut) == b""
    assert read(answer(b"a", b"", b"bc", b""), cut) == b"abc"


def test_a_long_answer_has_several_lines():
    content = bytes(range(256)) * (LINE // 100)
    said = answer(content)
    assert said.count(b"\n") == 3
    assert read(said, 65536) == content


def test_an_answer_that_was_changed_is_refused():
    lines = answer(b"a", b"b", b"c").splitlines(keepends=True)
    for wrong in (
        lines[:2],  # cut off
        lines[1:],
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
        [*lines, lines[2]],
        [*lines, b"x"],
        [lines[0], lines[0], *lines[1:]],
        [],
        [*answer(b"x", b"b", b"c").splitlines(keepends=True)[:1], *lines[1:], b"\n"],
    ):
        with pytest.raises(Undecipherable):
            read(b"".join(wrong))
    with pytest.raises(Undecipherable):
        read(b"".join(lines), jti="i" * 22)
    with pytest.raises(Undecipherable):
        read(b"x" * (2 * LINE + 1))


def test_the_header_has_nothing_of_the_request():
    token = seal_request(request(authorization="Bearer secret"), KEY, "k")
    header = json.loads(unb64(token.split(b".")[0].decode()))
    assert set(header) == {"alg", "enc", "kid", "epk"}
    assert set(header["epk"]) <= {"kty", "crv", "x", "kid"}
    assert 3 * len(token.split(b".")[0]) < request_jwe.LONGEST_HEADER
