"""The exit codes of `autolearn`, and the form of its errors."""

from __future__ import annotations

from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.errors import AutoLearnError

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (a run failed, a replay differs); 2 bad arguments or "
    "settings; 3 AutoLearn cannot be reached; 4 refused (the message says why); 5 AutoLearn "
    "failed; 130 interrupted."
)


def words_of(error: AutoLearnError) -> str:
    """Describe what happened, why, every fault that is not in the detail, and the remedy."""
    lines = [error.title, f"  {error.detail}"]
    for fault in getattr(error, "errors", ()):
        words, at = str(fault.get("detail", "")), fault.get("pointer") or fault.get("parameter")
        if words and words not in error.detail:
            lines.append(f"  - {at}: {words}" if at else f"  - {words}")
    if error.advice:
        lines.append(f"  {error.advice}")
    return printable("\n".join(lines))
