"""A table of changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType

from autolearn.client.cli.output import rows, short, shortened
from autolearn.schemas.rest.history import Change

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def changes(found: Iterable[Change]) -> RenderableType:
    """Return the changes: a line for each field that differs."""
    lines = [line for change in found for line in _lines_of(change)]
    return rows(
        ("stream", "", "what", "field", "before", "after"), lines, wraps=("before", "after")
    )


def _lines_of(change: Change) -> Iterator[tuple[object, ...]]:
    """Yield the lines of one change."""
    kind, _, name = change.stream.partition("/")
    stream = f"{kind}/{short(name) if kind == 'session' else name}"
    what = f"{change.what} {change.id if len(change.id) < 32 else short(change.id)}"
    head: tuple[object, ...] = (stream, f"{_SIGNS[change.change]} {change.change}", what)
    if change.change != "changed":
        yield (*head, "", "", "")
        return
    before, after = change.before or {}, change.after or {}
    for field in {**before, **after}:
        yield (*head, field, shortened(before.get(field), 40), shortened(after.get(field), 40))
        head = ("", "", "")
