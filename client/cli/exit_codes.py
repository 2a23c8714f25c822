"""The exit codes of `autolearn`, and the form of its errors."""

from __future__ import annotations

import re
from collections.abc import Collection

from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.errors import AutoLearnError

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (a run failed, a replay differs); 2 bad arguments or "
    "settings; 3 AutoLearn cannot be reached; 4 refused (the message says why); 5 AutoLearn "
    "failed; 130 interrupted."
)


_POINTER = re.compile(r"#((?:/[\w-]+)+)")
"""A JSON pointer to a member of a request's body (RFC 6901, as a fragment)."""


def words_of(error: AutoLearnError, options: Collection[str] = ()) -> str:
    """Describe what happened, why, every fault that is not in the detail, and the remedy.

    Members of a request's body are called by the `options` of the command that fill them.
    """
    lines = [error.title, f"  {error.detail}"]
    for fault in getattr(error, "errors", ()):
        words, at = str(fault.get("detail", "")), fault.get("pointer") or fault.get("parameter")
        if words and words not in error.detail:
            lines.append(f"  - {at}: {words}" if at else f"  - {words}")
    if error.advice:
        lines.append(f"  {error.advice}")
    said = "\n".join(lines)
    named = _POINTER.sub(lambda found: _option(found, options), said)
    if named != said:
        named = named.replace("The body does not fit", "An option does not fit", 1)
    return printable(named)


def _option(found: re.Match[str], options: Collection[str]) -> str:
    """Return the option that fills a member, or the names on the way to it."""
    for name in reversed(found[1].split("/")):
        if (option := f"--{name.replace('_', '-')}") in options:
            return option
    return found[1].strip("/").replace("/", " ")
