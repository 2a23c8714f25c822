"""Names that are not known, and the known one that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from autolearn.schemas.bounds import cut, listed


def nearest(given: str, known: Iterable[str]) -> str:
    """Return the known name that is most like the given one; "" if none is."""
    names = sorted(known)
    alike = [name for name in names if name.casefold() == given.casefold()]
    return (alike or difflib.get_close_matches(given[:100], names, 1) or [""])[0]


def unknown_word(what: str, noun: str, given: str, known: Iterable[str]) -> str:
    """Return a sentence about a name that `what` does not have, with the one that was meant."""
    names = list(known)
    near = nearest(given, names)
    others = f"there {'is' if len(names) == 1 else 'are'} {listed(names) or 'none'}"
    hint = f"did you mean {near}?" if near else others
    return f"{what} has no {noun} {cut(given, 60)!r}: {hint}"
