"""Passwords: their verifiers are argon2id with the parameters of RFC 9106 for 64 MiB.

One check takes about 50 ms of two cores and 64 MiB, so only a few run at a time, and not many wait:
anybody may ask for one, and those who wait take the place of requests that change something.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from autolearn.api.problems import too_many

__all__ = ["LONGEST", "SHORTEST", "Passwords"]

SHORTEST, LONGEST = 8, 1000
"""Characters of a password (NIST SP 800-63B wants at least 8, and no rules of composition)."""
AT_A_TIME = 2
MOST = 50
"""Checks that run or wait: the last of them waits for about two seconds."""


class Passwords:
    """Makes and checks verifiers, in threads."""

    def __init__(self) -> None:
        self.hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self.turns, self.many = asyncio.Semaphore(AT_A_TIME), 0
        self.nobodys: str | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn.

        Raises:
            Problem: too many wait already (429).
        """
        if self.many >= MOST:
            raise too_many("This process is asked to check too many passwords. Try again.")
        self.many += 1
        try:
            async with self.turns:
                yield
        finally:
            self.many -= 1

    async def verifier(self, password: str) -> str:
        """Return a verifier of a password, in PHC string format with a salt of its own.

        Raises:
            Problem: too many wait for one already (429).
        """
        async with self.turn():
            return await asyncio.to_thread(self.hasher.hash, password)

    async def fits(self, verifier: str, password: str) -> bool:
        """Say whether a password is the one of a verifier; "" has none.

        It takes as long without a verifier as with one, so that names cannot be found out.

        Raises:
            Problem: too many wait already (429).
        """
        if self.nobodys is None:
            self.nobodys = await self.verifier("nobody has this password")
        async with self.turn():
            fits = await asyncio.to_thread(self.check, verifier or self.nobodys, password)
        return fits and verifier != ""

    def check(self, verifier: str, password: str) -> bool:
        """Check a password (blocks)."""
        try:
            return self.hasher.verify(verifier, password)
        except (VerificationError, InvalidHashError):
            return False
