"""The quotas of users and of pipelines, in one table.

A quota's default is a setting, `AUTOLEARN_QUOTA_<NAME>`. The own limit of a user, which sysadmins
set (`commands.SetQuota`), takes precedence; so does that of a pipeline, which its owner sets up to
the default, and sysadmins beyond. What a pipeline's runs ask for counts for the pipeline alone.

A holder of quotas is a user, by the name, or `pipeline/<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from autolearn.schemas.settings import PREFIX, QuotaSettings
from autolearn.schemas.values import StreamId

HIGHEST = 2**53
"""The highest limit: JSON has integers up to here everywhere."""


class Quota(Struct, frozen=True):
    """One quota; `words` name the counted things. `kinds` are those of streams that have it."""

    unit: str
    words: str
    kinds: tuple[str, ...] = ("user",)


_BOTH = ("user", "pipeline")


QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "runs-queued": Quota("runs", "runs that wait for a worker", _BOTH),
        "runs-running": Quota("runs", "runs that workers work on"),
        "sessions": Quota("sessions", "open sessions", _BOTH),
        "session-runs": Quota("runs", "runs in one session, ended ones too", _BOTH),
        "runs-open": Quota("runs", "runs that have not ended", ("pipeline",)),
        "result-bytes": Quota("bytes", "bytes of what its steps have left", ("pipeline",)),
        "pipelines": Quota("pipelines", "pipelines"),
        "dataset-bytes": Quota("bytes", "bytes of all datasets together"),
        "tokens": Quota("tokens", "valid tokens"),
        "requests": Quota("requests/s", "requests a second, by each API process"),
        "predictions": Quota(
            "requests/s", "requests a second to models, by each process that serves them"
        ),
    }
)
"""Every quota, by its name. Its default is the field of that name in the settings `quotas`."""


def holder_of(stream: StreamId) -> str:
    """Return the holder of quotas that a stream is of: a user's name, or pipeline/<name>."""
    return stream.removeprefix("user/")


def kind_of_holder(holder: str) -> str:
    """Return the kind of stream that a holder of quotas is of: pipeline or user."""
    return "pipeline" if "/" in holder else "user"


def limit_of(quota: str, own: int | None, quotas: QuotaSettings) -> int:
    """Return the limit that holds: the holder's own, else the default."""
    default: int = getattr(quotas, quota.replace("-", "_"))
    return default if own is None else own


def source_of(quota: str, own: int | None, kind: str = "user") -> str:
    """Return the source of the limit that holds: the variable of the default, or the holder."""
    default = f"{PREFIX}QUOTA_{quota.upper().replace('-', '_')}"
    return default if own is None else f"the {kind}'s own"


def exceeded(quota: str, holder: str, used: int, limit: int) -> str:
    """Return the words of a refusal: the bound, its value, and who can raise it."""
    about, raises = QUOTAS[quota], f"A sysadmin can raise it with {source_of(quota, None)}"
    if kind_of_holder(holder) == "pipeline":
        name = holder.partition("/")[2]
        command = f"autolearn pipeline quota {name}"
        return (
            f"The pipeline {name} has {used:,} {about.words}, and its quota `{quota}` is "
            f"{limit:,}. {_FEWER[quota]}. {raises}, or for this pipeline: `{command} --set "
            f"{quota}=N`; its owner can set it up to the default. `{command}` shows all its quotas."
        )
    who = f"User {holder} has" if holder else "Everybody together has"
    if holder:
        raises += f", or for this user: `autolearn admin quota {holder} --set {quota}=N`"
    return (
        f"{who} {used:,} {about.words}, and the quota `{quota}` is {limit:,}. {raises}. "
        "`autolearn quota` shows all quotas."
    )


_FEWER: Mapping[str, str] = MappingProxyType(
    {
        "runs-open": "Wait until some have ended, or cancel them: `autolearn pipeline runs` lists "
        "them",
        "runs-queued": "Wait until some have ended",
        "sessions": "Commit or discard those of its earlier runs: `autolearn session list`",
        "session-runs": "Give its training steps fewer candidates or trials",
        "result-bytes": "Keep fewer of its runs: say `keep: last 5` in its file, and apply that",
    }
)
"""What helps besides a higher limit, by the quota of a pipeline."""
