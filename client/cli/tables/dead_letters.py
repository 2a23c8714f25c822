"""Tables of dead letters."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType

from autolearn.client.cli.output import pairs, rows, when
from autolearn.schemas.rest.dead_letters import DeadLetterDetail, DeadLetterSummary


def letters(found: Iterable[DeadLetterSummary]) -> RenderableType:
    """Return dead letters, a line each."""
    lines = [(one.id, when(one.time), place(one), one.state, one.reason) for one in found]
    return rows(("id", "when", "lay at", "state", "reason"), lines, leave=("lay at",))


def about(letter: DeadLetterDetail) -> RenderableType:
    """Return a dead letter in detail, without its value."""
    kept = ", of which the beginning was kept" if letter.cut else ""
    return pairs(
        {
            "id": letter.id,
            "when": when(letter.time),
            "lay at": place(letter),
            "state": letter.state,
            "reason": letter.reason,
            "key": letter.key,
            "command": letter.command,
            "answer": letter.answer,
            **{f"header {name}": value for name, value in letter.headers},
            "value": f"{letter.size} bytes{kept}",
        }
    )


def place(letter: DeadLetterSummary) -> str:
    """Return the place of the record."""
    return f"{letter.topic} {letter.partition}:{letter.offset}"
