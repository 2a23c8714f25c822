"""Actors: the users and the parts of the system that give commands.

An `actor` that is a part of the system has two words, the first of which is WORKER or AGENT. User
names have no blanks, and `api.identity.oidc` refuses a provider's token with such a name, or with
that of a group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autolearn.schemas.values import May

WORKER, AGENT = "worker ", "agent "

SUPERVISE, FIRST_USER = f"{AGENT}supervise", f"{AGENT}first-user"
RESTORE, SERVE = f"{AGENT}restore", f"{AGENT}serve"
"""The actors that are parts of the system and not workers."""

SYSADMIN = "sysadmin"
"""The grant of a sysadmin."""
VIEWER = "viewer"
"""The grant of a viewer, which takes rights away."""
VIEWER_REFUSED = (
    "A viewer sees what is shared, and changes nothing: a sysadmin can give another role."
)
EVERYBODY = "everybody"
"""The grant of every principal where authentication is off."""


GROUP = "group/"
"""What a group's name begins with where users are named too: no user has such a name."""


class Actor(NamedTuple):
    """The actor of a command ("" without authentication), its stream and time (RFC 3339).

    `grant` is the right that the API has found beside the actor's own name: SYSADMIN, EVERYBODY,
    VIEWER or "". `via` is the group whose grant the actor uses, as the API has found it:
    group/<name>@<number of the group's newest event then>.
    """

    name: str = ""
    grant: str = ""
    stream: str = ""
    time: str = ""
    via: str = ""

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

    def may_work(self, grants: Mapping[str, May]) -> bool:
        """Return whether one of the grants lets the actor work: the own one, or the group's."""
        return any(may != "read" for may in self.granted(grants))

    def granted(self, grants: Mapping[str, str]) -> tuple[str, ...]:
        """Return the rights that the own grant and that of the group give."""
        group = self.via.partition("@")[0]
        names = [name for name in (self.name,) if not name.startswith(GROUP)]
        names += [group] if group.startswith(GROUP) else []
        return tuple(grants[name] for name in names if name in grants)

    def owns(self, owner: str) -> bool:
        """Return whether the actor owns what `owner` owns; a sysadmin owns what has no owner."""
        return self.name == owner or self.grant == EVERYBODY or (not owner and self.administers)


def group_name(group: str) -> str:
    """Return a group as a grant names it."""
    return GROUP + group


def worker(identifier: str) -> str:
    """Return the actor of a worker."""
    return WORKER + identifier


def is_reserved(name: str) -> bool:
    """Return whether a name is reserved for a part of the system, or for groups."""
    return name.startswith((WORKER, AGENT, GROUP))
