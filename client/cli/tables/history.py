"""A table of a stream's past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType

from autolearn.client.cli.output import number, rows, short, shortened, when

Event = Mapping[str, Any]
_TOLD = (
    "title",
    "user",
    "may",
    "owner",
    "run",
    "kind",
    "training",
    "attempt",
    "estimator",
    "artifact",
    "dataset",
    "hyperparameters",
    "metrics",
    "results",
    "rows",
    "seconds",
    "trainings",
    "cancelled",
    "process",
    "reason",
    "detail",
)
"""The shown fields of an event, in this order; -o json has all."""
_LONGEST = 100
_REFUSALS = ("Refused", "CommandFailed", "CommandQuarantined")


def history(events: Iterable[Event]) -> RenderableType:
    """Return events, those of refused commands with the reason."""
    lines = [
        (
            event["sequence"],
            when(event["time"]),
            _who(event),
            _name_of(event),
            short(event.get("causationid", "")),
            _gist(event) or _answer(event),
        )
        for event in events
    ]
    heads = ("no.", "when", "who", "what", "command", "about")
    return rows(heads, lines, leave=("command", "who"))


def _who(event: Event) -> str | None:
    """Return who gave the command, and by which group's grant."""
    group = str(event.get("via", "")).partition("@")[0]
    return (event.get("actor") or None) if not group else f"{event.get('actor')} ({group})"


def _answer(event: Event) -> str:
    """Return why a command was not accepted."""
    data = event.get("data") or {}
    match _name_of(event):
        case "CommandQuarantined":
            return f"quarantined: {data.get('reason')}" if data else "quarantined"
        case "Refused" | "CommandFailed" if not data:  # they are withheld
            return "refused" if _name_of(event) == "Refused" else "failed"
        case "Refused":
            return f"refused: {data.get('reason')}: {data.get('detail')}"
        case "CommandFailed":
            return f"failed: {data.get('detail')}"
        case _:
            return ""


def _name_of(event: Event) -> str:
    return str(event["type"]).removeprefix("autolearn.").rpartition(".v")[0]


def _gist(event: Event) -> str:
    """Return the content of an event, in one line; a refusal's is in the answer."""
    data = event.get("data") or {}
    if _name_of(event) in _REFUSALS:
        return ""
    if isinstance(data.get("spec"), Mapping):
        spec = data["spec"]
        about = [spec.get("name", ""), short(str(spec.get("version", "")))]
        return " ".join(word for word in about if word)
    data = {**data, **(data.get("result") or {})}
    words = [f"{name}={_said(data[name])}" for name in _TOLD if data.get(name)]
    line = " ".join(words)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _said(value: object) -> str:
    """Shorten a value: ids and hashes to their start, things to their name."""
    if isinstance(value, str):
        return short(value) if len(value) in (36, 64) else value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ",".join(_said(one) for one in value)
    if isinstance(value, Mapping) and "digest" in value:
        return short(str(value["digest"]))
    if isinstance(value, Mapping) and "version" in value:
        return f"{value.get('name', '')}@{short(str(value['version']))}"
    return shortened(value, 40)
