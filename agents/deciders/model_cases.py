"""The rules of the named cases of a model."""

from __future__ import annotations

from msgspec.structs import asdict

from autolearn.schemas import commands, events
from autolearn.schemas.bounds import MODEL_CASES
from autolearn.schemas.messages import Event
from autolearn.schemas.models.cases import CaseComparison


def decide_case(
    cases: tuple[int, ...], last: int, command: commands.AddCase | commands.RemoveCase
) -> Event:
    """Answer a command to the `cases` that there are, of which the `last` was added last."""
    if isinstance(command, commands.RemoveCase):
        if command.number not in cases:
            return events.Refused("case-unknown", f"There is no case {command.number}.")
        return events.CaseRemoved(command.number)
    if len(cases) >= MODEL_CASES:
        why = f"It has {len(cases)} cases, and more are not possible: remove one first."
        return events.Refused("too-many-cases", why)
    return events.CaseAdded(last + 1, **asdict(command))


def answers_of(given: CaseComparison | None, before: int, version: int) -> CaseComparison | None:
    """Return the answers to the cases, if they are those of the versions that an alias changes."""
    if given is None or (given.before, given.version) == (before, version):
        return given
    why = "another version had the alias when they were asked"
    return CaseComparison(version=version, before=before, not_run=why)
