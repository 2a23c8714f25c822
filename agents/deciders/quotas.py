"""The own limits of a user or a pipeline: set, and set back to the defaults."""

from __future__ import annotations

from collections.abc import Mapping

from autolearn.schemas import commands, events
from autolearn.schemas.messages import Event
from autolearn.schemas.quotas import HIGHEST, QUOTAS


def set_quota(quotas: Mapping[str, int], command: commands.SetQuota, kind: str) -> Event:
    """Set a limit of a holder of this kind of stream, or the default again."""
    names = [name for name, quota in QUOTAS.items() if kind in quota.kinds]
    if command.name not in names:
        why = f"A {kind} has no quota {command.name[:100]!r}; there are {', '.join(names)}."
        return events.Refused("quota-unknown", why)
    if command.limit is not None and not 0 <= command.limit <= HIGHEST:
        return events.Refused("quota-unknown", f"A limit is 0 to {HIGHEST}.")
    if quotas.get(command.name) == command.limit:
        has = "the default" if command.limit is None else f"{command.limit:,}"
        return events.Refused("quota-unchanged", f"The {kind}'s quota {command.name} is {has}.")
    return events.QuotaSet(command.name, command.limit)


def with_quota(quotas: Mapping[str, int], event: events.QuotaSet) -> dict[str, int]:
    """Return the own limits after one was set."""
    left = {name: limit for name, limit in quotas.items() if name != event.name}
    return left if event.limit is None else {**left, event.name: event.limit}
