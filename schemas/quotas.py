"""The quotas of a user, in one table.

A quota's default is a setting, `AUTOLEARN_QUOTA_<NAME>`. A user's own limit, which sysadmins set
(`commands.SetQuota`), takes precedence.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from autolearn.schemas.settings import PREFIX, QuotaSettings

HIGHEST = 2**53
"""The highest limit: JSON has integers up to here everywhere."""


class Quota(Struct, frozen=True):
    """One quota; `words` name the counted things."""

    unit: str
    words: str


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "runs-queued": Quota("runs", "runs that wait for a worker"),
        "runs-running": Quota("runs", "runs that workers work on"),
        "sessions": Quota("sessions", "open sessions"),
        "session-runs": Quota("runs", "runs in one session, ended ones too"),
        "dataset-bytes": Quota("bytes", "bytes of all datasets together"),
        "tokens": Quota("tokens", "valid tokens"),
        "requests": Quota("requests/s", "requests a second, by each API process"),
        "predictions": Quota(
            "requests/s", "requests a second to models, by each process that serves them"
        ),
    }
)
"""Every quota, by its name. Its default is the field of that name in the settings `quotas`."""


def limit_of(quota: str, own: int | None, quotas: QuotaSettings) -> int:
    """Return the limit that holds: the user's own, else the default."""
    default: int = getattr(quotas, quota.replace("-", "_"))
    return default if own is None else own


def source_of(quota: str, own: int | None) -> str:
    """Return the source of the limit that holds: the variable of the default, or the user."""
    default = f"{PREFIX}QUOTA_{quota.upper().replace('-', '_')}"
    return default if own is None else "the user's own"


def exceeded(quota: str, user: str, used: int, limit: int) -> str:
    """Return the words of a refusal: the bound, its value, and who can raise it."""
    about = QUOTAS[quota]
    who = f"User {user} has" if user else "Everybody together has"
    raise_it = f"A sysadmin can raise it with {source_of(quota, None)}"
    if user:
        raise_it += f", or for this user: `autolearn admin quota {user} --set {quota}=N`"
    return (
        f"{who} {used:,} {about.words}, and the quota `{quota}` is {limit:,}. {raise_it}. "
        "`autolearn quota` shows all quotas."
    )
