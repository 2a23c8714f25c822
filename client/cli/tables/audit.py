"""Tables of the behaviour log: a list of hops, and the way of one request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import RenderableType

from autolearn.client.cli.output import rows, short, when
from autolearn.schemas.records.audit_hop import Hop

_ORDER = ("request", "command", "decision", "ignored", "task")


def hops(found: Iterable[Hop]) -> RenderableType:
    """Return hops, a line each."""
    heads = ("when", "service", "who", "what", "outcome", "ms", "trace")
    leave = ("ms", "service", "trace")
    return rows(heads, [_cells(hop) for hop in found], leave=leave, wraps=("what",))


def _cells(hop: Hop) -> tuple[object, ...]:
    took = round(hop.duration, 1) if hop.kind == "request" and hop.status else ""
    return when(hop.time), hop.service, hop.actor, _what(hop), hop.outcome, took, hop.trace


def line(hop: Hop) -> str:
    """Return a hop as one line."""
    words = [str(cell) for cell in _cells(hop) if cell not in (None, "")]
    return "  ".join("".join(c if c.isprintable() else "\ufffd" for c in one) for one in words)


def way(found: Sequence[Hop]) -> RenderableType:
    """Return the hops of one trace in order; `after` is in milliseconds from the first."""
    placed = sorted(found, key=lambda hop: (hop.time, _ORDER.index(hop.kind), hop.id))
    first = datetime.fromisoformat(placed[0].time) if placed else None
    lines = [
        (
            when(hop.time),
            round((datetime.fromisoformat(hop.time) - first).total_seconds() * 1000)
            if first
            else 0,
            hop.kind,
            _what(hop),
            hop.outcome,
            f"{hop.service} {hop.instance}".strip(),
        )
        for hop in placed
    ]
    return rows(
        ("when", "after", "hop", "what", "outcome", "by"), lines, leave=("by",), wraps=("what",)
    )


def _what(hop: Hop) -> str:
    """Describe a hop."""
    if hop.kind == "request":
        route = hop.route or "(no such route)"
        for name, value in hop.ids.items():
            route = route.replace(f"{{{name}}}", value)
        why = f" {hop.problem}" if hop.problem else ""
        why += f" ({hop.repeats:,} more from {hop.client or 'elsewhere'})" if hop.repeats else ""
        return f"{hop.method} {route} {hop.status or '-'}{why}"
    if hop.kind == "task":
        return f"attempt {hop.attempt} of {short(hop.run)} offered to {hop.worker}"
    kind = hop.type.removeprefix("autolearn.").rpartition(".v")[0] or "?"
    run = f" {short(hop.run)}" if hop.run else ""
    attempt = f" attempt {hop.attempt}" if hop.attempt else ""
    return f"{kind}{run}{attempt}"
