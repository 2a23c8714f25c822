"""How many arguments each function of expressions takes; ml/expressions has what it does."""

from __future__ import annotations

ARGUMENTS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("abs", "floor", "ceil", "sqrt", "exp", "log", "log1p", "log2"), (1, 1)),
    **dict.fromkeys(("log10", "sin", "cos", "sign", "is_null", "lower", "upper", "trim"), (1, 1)),
    **dict.fromkeys(("length", "year", "month", "day", "hour", "minute", "weekday"), (1, 1)),
    **dict.fromkeys(("day_of_year", "quarter", "seconds", "number", "integer", "text"), (1, 1)),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), (2, 2)),
    **dict.fromkeys(("replace", "substring"), (3, 3)),
    **dict.fromkeys(("min", "max", "coalesce"), (2, None)),
    "round": (1, 2),
}
"""The least and the greatest number, None for any."""


def arguments_fault(name: str, given: int) -> str:
    """Return why a function of the language cannot have so many arguments, "" if it can."""
    least, most = ARGUMENTS[name]
    if given >= least and (most is None or given <= most):
        return ""
    wanted = f"{least}" if most == least else f"{least} or more"
    if most is not None and most > least:
        wanted = f"{least} to {most}"
    many = "argument" if wanted == "1" else "arguments"
    return f"{name} takes {wanted} {many}, and has {given}"
