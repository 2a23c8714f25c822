"""Bearer tokens of an OpenID provider: JWTs, checked by RFC 7519 and 8725.

Their `typ` is ignored: few providers say `at+jwt` (RFC 9068) yet, so the audience distinguishes a
token for this API from others. The provider's public keys (JWKS, RFC 7517) are fetched on first
use, again after `KEPT` seconds, and when a token names an unknown key. The provider never learns
the principal of a request.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from autolearn.api.http.problems import unavailable
from autolearn.api.identity.principal import Principal, bad_token, expired_token
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.actors import is_reserved
from autolearn.schemas.settings import IdentitySettings

log = structlog.stdlib.get_logger("autolearn.api")

_ALGORITHMS = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""Signatures only, with a private key that is the provider's: no "none", no shared secrets."""
KEPT = 600.0
"""Seconds after which keys are fetched again, so that withdrawn keys are refused."""
_PAUSE = 10.0
"""Seconds between two fetches, so that made-up key ids do not load the provider."""
_PATIENCE = 5.0
"""Seconds until a fetch is given up."""
LEEWAY = 30
"""Seconds by which clocks may differ."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class Provider:
    """Authenticates users by the tokens of one provider."""

    def __init__(self, identity: IdentitySettings, pause: float = _PAUSE) -> None:
        self.identity, self.pause = identity, pause
        self.keys: KeySet | None = None
        self.fetched = self.tried = -KEPT
        self.fetching = asyncio.Lock()
        self.claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": identity.oidc_issuer},
            aud={"essential": True, "value": identity.oidc_audience},
            exp={"essential": True},
        )

    async def authenticate(self, _: Snapshot, given: str) -> Principal:
        """Return the principal of a token of the provider.

        Raises:
            Problem: the token is not valid (401), or the provider's keys are unavailable (503).
        """
        try:
            key = extract_compact(given.encode()).headers().get("kid")
            token = jwt.decode(given, await self._keys_with(key), algorithms=_ALGORITHMS)
            self.claims.validate(token.claims)
        except ExpiredTokenError:
            raise expired_token("a time that is over") from None
        except (JoseError, ValueError, TypeError):
            raise bad_token() from None
        return self.principal(token.claims)

    def principal(self, claims: dict[str, Any]) -> Principal:
        """Return the principal of a valid token's claims."""
        identity = self.identity
        name = _claim(claims, identity.oidc_name_claim)
        if not isinstance(name, str) or not _NAME.fullmatch(name) or is_reserved(name):
            log.warning("token-without-name", claim=identity.oidc_name_claim)
            raise bad_token()
        roles = _claim(claims, identity.oidc_role_claim)
        has = roles.split() if isinstance(roles, str) else roles if isinstance(roles, list) else []
        sysadmin = identity.oidc_sysadmin_role in has
        viewer = not sysadmin and identity.oidc_viewer_role in has
        return Principal(name, sysadmin, viewer=viewer, expires=float(claims["exp"]) + LEEWAY)

    async def _keys_with(self, key: object) -> KeySet:
        """Return the provider's keys, fetched now if they are old or lack the named key.

        A known key waits for no fetch: made-up ids delay nobody.

        Raises:
            Problem: there are none (503).
        """
        if not self.has(key):
            async with self.fetching:
                pause = self.pause if self.keys is not None else 1.0
                if not self.has(key) and time.monotonic() - self.tried >= pause:
                    self.tried = time.monotonic()
                    await self.fetch()
        if self.keys is None:
            raise unavailable("The OpenID provider does not give its keys. Try again.")
        return self.keys

    def has(self, key: object) -> bool:
        """Return whether a key is known (None: any), and not for too long."""
        known = self.keys is not None and (
            key is None or any(one.kid == key for one in self.keys.keys)
        )
        return known and time.monotonic() - self.fetched < KEPT

    async def fetch(self) -> None:
        """Fetch the keys; after a failure the former ones remain valid for a while."""
        url = self.identity.oidc_jwks_url
        try:
            async with (
                asyncio.timeout(_PATIENCE),  # httpx applies it to each part of an answer
                httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as http,
            ):
                answer = await http.get(url)
            answer.raise_for_status()
            self.keys = KeySet.import_key_set(answer.json())
            self.fetched = time.monotonic()
        except (
            *(httpx.HTTPError, TimeoutError),
            *(JoseError, ValueError, TypeError, KeyError),
        ) as error:
            log.warning("no-keys", url=url, why=f"{type(error).__name__}: {error}")
            if time.monotonic() - self.fetched > 2 * KEPT:
                self.keys = None


def _claim(claims: dict[str, Any], name: str) -> Any:
    """Return a claim; dots in its name lead into objects, unless a claim has the whole name."""
    if name in claims:
        return claims[name]
    at: Any = claims
    for part in name.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at
