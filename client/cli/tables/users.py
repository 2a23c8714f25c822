"""Tables of users and tokens."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType

from autolearn.client.cli.output import rows, when
from autolearn.schemas.rest.users import AccessToken, QuotaState, User


def users(found: Iterable[User]) -> RenderableType:
    """Return users."""
    lines = [
        (
            one.name,
            one.role,
            "no" if one.disabled else "yes",
            "yes" if one.has_password else "no",
            when(one.created),
        )
        for one in found
    ]
    return rows(("user", "role", "enabled", "password", "added"), lines)


def tokens(found: Iterable[AccessToken]) -> RenderableType:
    """Return tokens, without their secrets, which nobody knows any more."""
    lines = [
        (
            one.id,
            one.name,
            when(one.created),
            when(one.expires) if one.expires else "never",
            when(one.revoked) if one.revoked else "",
        )
        for one in found
    ]
    return rows(("token", "name", "made", "expires", "revoked"), lines)


def quotas(found: Iterable[QuotaState]) -> RenderableType:
    """Return the quotas of a user."""
    lines = [
        (
            one.name,
            "" if one.used is None else f"{one.used:,}",
            f"{one.limit:,}",
            one.unit,
            one.source,
            one.words,
        )
        for one in found
    ]
    return rows(("quota", "used", "limit", "unit", "from", "what counts"), lines)
