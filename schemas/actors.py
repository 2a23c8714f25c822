"""Actors: the users and the parts of the system that give commands.

An `actor` that is a part of the system has two words, the first of which is WORKER or AGENT. User
names have no blanks, and `api.identity.oidc` refuses a provider's token with such a name.
"""

from __future__ import annotations

from typing import NamedTuple

WORKER, AGENT = "worker ", "agent "

SUPERVISE, FIRST_USER = f"{AGENT}supervise", f"{AGENT}first-user"
RESTORE = f"{AGENT}restore"
"""The actors that are parts of the system and not workers."""

SYSADMIN = "sysadmin"
"""The grant of a sysadmin."""
EVERYBODY = "everybody"
"""The grant of every principal where authentication is off."""


class Actor(NamedTuple):
    """The actor of a command ("" without authentication), its stream and time (RFC 3339).

    `grant` is the right that the API has found beside the actor's own name: SYSADMIN, EVERYBODY or
    "".
    """

    name: str = ""
    grant: str = ""
    stream: str = ""
    time: str = ""

    @property
    def administers(self) -> bool:
        """Whether the actor may administer."""
        return self.grant in (SYSADMIN, EVERYBODY)

    @property
    def is_self(self) -> bool:
        """Whether the actor is the user of the stream."""
        return bool(self.name) and self.stream == f"user/{self.name}"

    @property
    def is_worker(self) -> bool:
        """Whether the actor is a worker."""
        return self.name.startswith(WORKER)

    def owns(self, owner: str) -> bool:
        """Return whether the actor owns what `owner` owns; a sysadmin owns what has no owner."""
        return self.name == owner or self.grant == EVERYBODY or (not owner and self.administers)


def worker(identifier: str) -> str:
    """Return the actor of a worker."""
    return WORKER + identifier


def is_reserved(name: str) -> bool:
    """Return whether a name is reserved for a part of the system."""
    return name.startswith((WORKER, AGENT))
