"""Keys and signatures: known answers, who may read a key, and what is refused."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey, RSAKey

from autolearn.eventlog.integrity.hash_chain import header_of, headers_of, link
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings
from autolearn.security.signing_keys import PublicKeys, SignatureRefused, SigningKey, key_path
from tests.support.settings import settings_of

# RFC 8037, appendix A: the key, its thumbprint (A.3), and the JWS (A.4, whose alg is EdDSA).
RFC = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def test_the_key_of_the_rfc():
    key = SigningKey(OKPKey.import_key(RFC))
    assert key.kid == THUMBPRINT
    header, payload, signature = key.sign(b"Example", "x").split(b".")
    assert json.loads(decoded(header)) == {"alg": "Ed25519", "kid": THUMBPRINT, "typ": "x"}
    private = Ed25519PrivateKey.from_private_bytes(decoded(RFC["d"].encode()))
    assert decoded(signature) == private.sign(header + b"." + payload), "RFC 8032 is deterministic"
    public = {name: RFC[name] for name in ("kty", "crv", "x")}
    assert key.public_jwk() == {**public, "kid": THUMBPRINT, "alg": "Ed25519", "use": "sig"}


def test_the_hash_of_a_chain():
    """By (head -c 32 /dev/zero; printf abc | sha256sum | xxd -r -p) | sha256sum."""
    one = link(bytes(32), b"abc")
    assert one.hex() == "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d"
    assert header_of(headers_of(one)) == one


@pytest.mark.parametrize("value", [b"", b"zz", b"00", b"\xff" * 32, b"0" * 66, None])
def test_a_header_that_is_no_hash_is_no_hash(value):
    assert header_of([("content-type", b"x"), ("chain", value)]) == b""
    assert header_of([("content-type", b"x")]) is header_of(None) is None


def test_a_key_is_made_once_and_for_its_owner(tmp_path: Path):
    path = key_path(Settings().chain, tmp_path)
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(SigningKey.load_or_make(path).kid))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["signing.pem"]
    assert key_path(settings_of(signing_key="/k.pem").chain, tmp_path) == Path("/k.pem")


def test_a_key_that_cannot_be_used_is_refused_in_words(tmp_path: Path):
    def refused(content: bytes, words: str, mode: int = 0o600) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        path.chmod(mode)
        with pytest.raises(SettingsError, match=words) as failure:
            SigningKey.load(path)
        assert b"PRIVATE" not in failure.value.diagnostics().encode()

    good = OKPKey.generate_key("Ed25519")
    refused(good.as_pem(private=True), "read by others", mode=0o644)
    refused(good.as_pem(private=True), "read by others", mode=0o620)
    refused(good.as_pem(private=False), "public key")
    refused(b"", "no key")
    refused(b"{}", "no key")
    refused(b"{nonsense", "no key")
    refused(RSAKey.generate_key(2048).as_pem(private=True), "no key")
    refused(OKPKey.generate_key("Ed448").as_pem(private=True), "Ed448")
    with pytest.raises(SettingsError, match="cannot be read"):
        SigningKey.load(tmp_path / "none.pem")


def test_public_keys_are_read_as_pem_and_as_jwk(tmp_path: Path):
    key = SigningKey(OKPKey.generate_key("Ed25519"))
    (tmp_path / "a.pem").write_text(key.public_pem())
    (tmp_path / "a.json").write_text(json.dumps(key.public_jwk()))
    for name in ("a.pem", "a.json"):
        keys = PublicKeys.read([tmp_path / name])
        assert keys.open(key.sign(b"x", "kind"), "kind") == b"x"


def unsigned(header: dict[str, object], payload: bytes, signature: bytes = b"") -> bytes:
    def encode(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    return b".".join(map(encode, (json.dumps(header).encode(), payload, signature)))


def test_what_is_not_signed_as_it_should_be_is_refused():
    key, other = (SigningKey(OKPKey.generate_key("Ed25519")) for _ in range(2))
    keys, good = key.public(), key.sign(b"payload", "kind")
    assert keys.open(good, "kind") == b"payload"
    ours = {"kid": key.kid, "typ": "kind"}
    bad = [
        b"", b".", b"..", b"a.b.c", good[:-1], good + b"A", good[:30] + b"A" + good[31:],
        good.replace(b".", b"..", 1), other.sign(b"payload", "kind"), key.sign(b"payload", "other"),
        unsigned({"alg": "none", **ours}, b"payload"),
        unsigned({"alg": "HS256", **ours}, b"payload", b"x" * 32),
        unsigned({"alg": "Ed25519", "kid": [1], "typ": "kind"}, b"payload", b"x" * 64),
        unsigned({"alg": "Ed25519", **ours}, b"payload", b"\x00" * 64),
        b"\xff\xfe.\xff.\xff", unsigned({**ours}, b"payload"),
    ]  # fmt: skip
    for token in bad:
        with pytest.raises(SignatureRefused):
            raise AssertionError((token, keys.open(token, "kind")))
