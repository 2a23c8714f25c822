"""The key that signs checkpoints, and the public keys that check them.

Signatures are JWS in compact form (RFC 7515) with Ed25519 (RFC 8037; `alg` is "Ed25519" as in RFC
9864, which withdraws the older name "EdDSA"). `kid` is the key's thumbprint (RFC 7638).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from autolearn.runtime.private_files import create_once, read_checked
from autolearn.schemas.errors import AutoLearnError, ExitCode, SettingsError
from autolearn.schemas.settings import ChainSettings

_ALGORITHM = "Ed25519"
_LONGEST_KEY = 64 * 1024


class SignatureRefused(AutoLearnError):
    """The signature is missing, or not by a trusted key."""

    title = "The signature does not hold"
    exit_code = ExitCode.NO


def key_path(chain: ChainSettings, home: Path) -> Path:
    """Return the file of this home's signing key."""
    given = chain.signing_key
    return Path(given).expanduser() if given else home / "keys" / "signing.pem"


class SigningKey:
    """A private key. `kid` names it."""

    def __init__(self, key: OKPKey) -> None:
        self.key, self.kid = key, key.thumbprint()

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Load the key in a PEM file (PKCS#8).

        Raises:
            SettingsError: there is none, it is another kind of key, or others may read it.
        """
        key = _read_key(path, _private_content)
        if not key.is_private:
            raise SettingsError(f"{path} is a public key: nothing can be signed with it.")
        return cls(key)

    @classmethod
    def load_or_make(cls, path: Path) -> SigningKey:
        """Load the key in a file; make one (mode 0600) if there is no file.

        Two processes that do so at the same time get the same key.
        """
        if not path.exists():
            create_once(path, OKPKey.generate_key("Ed25519").as_pem(private=True))
        return cls.load(path)

    def sign(self, payload: bytes, kind: str) -> bytes:
        """Return a payload with its signature, in compact form; `kind` is its `typ`."""
        header = {"alg": _ALGORITHM, "kid": self.kid, "typ": kind}
        return jws.serialize_compact(header, payload, self.key, algorithms=[_ALGORITHM]).encode()

    def public_pem(self) -> str:
        """Return the public half as PEM."""
        return self.key.as_pem(private=False).decode()

    def public_jwk(self) -> dict[str, object]:
        """Return the public half as a JSON Web Key."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": _ALGORITHM, "use": "sig"}

    def public(self) -> PublicKeys:
        """Return the public half, for checking."""
        return PublicKeys([OKPKey.import_key(self.public_pem())])


class PublicKeys:
    """The trusted public keys, by their `kid`."""

    def __init__(self, keys: Iterable[OKPKey]) -> None:
        self.keys: Mapping[str, OKPKey] = {key.thumbprint(): key for key in keys}

    @classmethod
    def read(cls, paths: Iterable[Path]) -> PublicKeys:
        """Return the keys in files: PEM, or JSON Web Keys.

        Raises:
            SettingsError: a file holds no Ed25519 key.
        """
        return cls([_read_key(path) for path in paths])

    def open(self, token: bytes, kind: str) -> bytes:
        """Verify a signature, and return its payload.

        Raises:
            SignatureRefused: it is not by one of these keys, or of another type.
        """
        try:
            signed = jws.extract_compact(token)
        except (JoseError, ValueError) as error:
            raise SignatureRefused(f"It is no JWS: {error}.") from None
        kid = str(signed.headers().get("kid", ""))
        key = self.keys.get(kid)
        if key is None:
            raise SignatureRefused(
                f"It names the key {kid[:80]!r}, which is not among those given.",
                advice="If that key was in use here once, give its public half as well.",
            )
        try:
            if not jws.validate_compact(signed, key, algorithms=[_ALGORITHM]):
                raise SignatureRefused(f"It was not signed with the key {kid}.")
        except (JoseError, ValueError) as error:
            raise SignatureRefused(f"It was not signed with the key {kid}: {error}.") from None
        if signed.headers().get("typ") != kind:
            raise SignatureRefused(f"It was signed as {signed.headers().get('typ')!r}.")
        return signed.payload


def _private_content(path: Path) -> bytes:
    then = "whoever has read it can sign: think of a new key."
    return read_checked(path, then, title="The signing key is not safe")


def _public_content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST_KEY)


def _read_key(path: Path, read: Callable[[Path], bytes] = _public_content) -> OKPKey:
    """Return the key in a file.

    Raises:
        SettingsError: it cannot be read, or is no Ed25519 key.
    """
    try:
        content = read(path)
        key = OKPKey.import_key(json.loads(content) if content.lstrip()[:1] == b"{" else content)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path} holds no key: {error}.") from None
    if key.curve_name != "Ed25519":
        raise SettingsError(f"{path} holds a key of {key.curve_name}, not of Ed25519.")
    return key
