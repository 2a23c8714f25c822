"""The tokens that authenticate users: `al_<id>_<secret>`.

The id (16 hex digits) names the token and is no secret. The secret is 32 random bytes as base64url
without padding, 43 characters (RFC 4648, section 5). The log holds only the SHA-256 of these
characters: with 256 random bits behind it, it needs no salt and no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

_ID = re.compile(r"[0-9a-f]{16}")
_WORD = re.compile(r"al_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Token(NamedTuple):
    """A token with its secret. Only `word` shows the secret, and only to its user."""

    id: str
    secret: str

    @property
    def word(self) -> str:
        """The token as the user keeps and sends it."""
        return f"al_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of the secret."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def fits(self, digest: str) -> bool:
        """Return whether this secret has the digest; the comparison takes constant time."""
        return hmac.compare_digest(self.digest, digest)

    def __repr__(self) -> str:
        return f"Token({self.id})"

    @classmethod
    def read(cls, word: str) -> Token | None:
        """Parse a token; None if the word is not one."""
        found = _WORD.fullmatch(word)
        return cls(*found.groups()) if found else None


def made_of(identifier: str, secret: str) -> Token:
    """Make a token of random characters: 16 hex digits and 43 of base64url.

    Raises:
        ValueError: the characters do not have this form.
    """
    token = Token.read(Token(identifier, secret).word)
    if token is None:
        raise ValueError("a token is made of 16 hex digits and 43 characters of base64url")
    return token
