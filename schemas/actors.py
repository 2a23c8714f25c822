"""Who gives a command: a user, or a part of the system.

Where an envelope says `actor`, a part of the system has two words, of which the first is WORKER or
AGENT. No user is called like that: names of users have no blanks, and a provider's token with such
a name lets nobody in (`api.identity.oidc`).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "EVERYBODY",
    "SYSADMIN",
    "FIRST_USER",
    "RESTORE",
    "SUPERVISE",
    "Actor",
    "is_reserved",
    "worker",
]

WORKER, AGENT = "worker ", "agent "

SUPERVISE, FIRST_USER = f"{AGENT}supervise", f"{AGENT}first-user"
RESTORE = f"{AGENT}restore"
"""The parts of the system that give commands and are no workers."""

SYSADMIN = "sysadmin"
"""The grant of one who administers."""
EVERYBODY = "everybody"
"""The grant of one who may do everything, as everybody may where nobody is known."""


class Actor(NamedTuple):
    """Who gives a command, "" where nobody is known, to which stream, and when (RFC 3339).

    `grant` is by which right that is more than the own name gives, as the API has found: SYSADMIN,
    EVERYBODY or "".
    """

    name: str = ""
    grant: str = ""
    stream: str = ""
    time: str = ""

    @property
    def administers(self) -> bool:
        """Whether this is a sysadmin, or everybody is."""
        return self.grant in (SYSADMIN, EVERYBODY)

    @property
    def is_self(self) -> bool:
        """Whether this is the very user whose stream it is."""
        return bool(self.name) and self.stream == f"user/{self.name}"

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker."""
        return self.name.startswith(WORKER)

    def owns(self, owner: str) -> bool:
        """Say whether what is `owner`'s is this one's; what is nobody's is every sysadmin's."""
        return self.name == owner or self.grant == EVERYBODY or (not owner and self.administers)


def worker(identifier: str) -> str:
    """Return the actor that a worker is."""
    return WORKER + identifier


def is_reserved(name: str) -> bool:
    """Say whether a name is one of a part of the system: no user may have it."""
    return name.startswith((WORKER, AGENT))
