"""Passwords: their verifiers are argon2id with the parameters of RFC 9106 for 64 MiB.

One check takes about 50 ms of two cores and 64 MiB, so only a few run at a time, and few wait:
anybody may cause one, and waiting logins take the place of requests that change something.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from autolearn.api.limits.executors import ThreadLane

SHORTEST, LONGEST = 8, 1000
"""Characters of a password (NIST SP 800-63B wants at least 8, and no rules of composition)."""


class Passwords:
    """Makes and checks verifiers, in the threads of an executor."""

    def __init__(self, executor: ThreadLane) -> None:
        self.executor = executor
        self.hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self.nobodys: str | None = None

    async def verifier(self, password: str) -> str:
        """Return a verifier of a password, in PHC string format with a salt of its own.

        Raises:
            Problem: too many wait for one already (429).
        """
        return await self.executor.run(lambda: self.hasher.hash(password))

    async def fits(self, verifier: str, password: str) -> bool:
        """Return whether a password is the one of a verifier; "" has none.

        It takes as long without a verifier as with one, so that names cannot be found out.

        Raises:
            Problem: too many wait already (429).
        """
        if self.nobodys is None:
            self.nobodys = await self.verifier("nobody has this password")
        known = verifier or self.nobodys
        fits = await self.executor.run(lambda: self.check(known, password))
        return fits and verifier != ""

    def check(self, verifier: str, password: str) -> bool:
        """Check a password (blocks)."""
        try:
            return self.hasher.verify(verifier, password)
        except (VerificationError, InvalidHashError):
            return False
