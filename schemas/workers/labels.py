"""Labels: what a worker has, and what a run asks a worker to have.

Text by name, such as gpu=1 or zone=a. `cores`, `memory` (MiB) and `gpu` are numbers: a run asks for
at least so many; of other labels it asks for the same. `package/NAME` is the version of an
installed package with plug-ins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from autolearn.schemas.bounds import cut, listed

Labels = Mapping[str, str]
_NUMBERS = ("cores", "memory", "gpu")
"""The labels of which a run asks for at least so much."""
PACKAGE = "package/"
"""The start of the name of a label that is the version of a package."""
MOST_LABELS = 16
"""Labels that one run asks for, and one setting gives."""
_NAME, _VALUE = r"[a-z0-9]([A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?", r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}"
TEXT = rf"^(|{_NAME}={_VALUE}(,{_NAME}={_VALUE}){{0,{MOST_LABELS - 1}}})\Z"
"""Labels as one text: name=value,name=value."""
_SHOWN = 5
"""Values of a label that are shown."""


def text_of(labels: Labels) -> str:
    """Return labels as one text, in the order of their names."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def labels_in(text: str) -> dict[str, str]:
    """Return the labels of a text."""
    pairs = (one.partition("=") for one in text.split(",") if one)
    return {name: value for name, _, value in pairs}


def faults_in(labels: Labels) -> list[str]:
    """Return why labels are none, a sentence each."""
    faults = []
    if len(labels) > MOST_LABELS:
        faults.append(f"there are {len(labels)} labels, and {MOST_LABELS} at most")
    for name, value in labels.items():
        if not re.fullmatch(_NAME, name):
            faults.append(
                f"{cut(name)!r} is no label: it has up to 64 letters, digits, and . _ / - within"
            )
        elif not re.fullmatch(_VALUE, value):
            faults.append(
                f"{name} is {cut(value)!r}: give it up to 32 letters, digits, and . _ + - within"
            )
        elif name in _NUMBERS and not value.isdecimal():
            faults.append(f"{name} is {value!r}, and wants a whole number")
    return faults


def fits(asked: Labels, has: Labels) -> bool:
    """Return whether a worker with the labels `has` can take a run that asks for labels."""
    return all(_has(has, name, value) for name, value in asked.items())


def lacking(asked: Labels, workers: Iterable[Labels]) -> str:
    """Return which label no worker has, and what they have; "" if one of the workers fits."""
    present = list(workers)
    if any(fits(asked, has) for has in present):
        return ""
    if not present:
        return f"{_words_of(asked)}: there is no worker"
    absent = [name for name in asked if not any(_has(has, name, asked[name]) for has in present)]
    if not absent:
        return f"{_words_of(asked)}: no worker has all of them"
    wanted = _words_of({name: asked[name] for name in sorted(absent)})
    return f"{wanted}: {', and '.join(_there(name, present) for name in sorted(absent))}"


def _words_of(labels: Labels) -> str:
    """Return labels for people."""
    return ", ".join(_word(name, value) for name, value in sorted(labels.items()))


def _word(name: str, value: str) -> str:
    if name.startswith(PACKAGE):
        return f"package {name.removeprefix(PACKAGE)} {value}"
    return f"{name}={value}"


def _there(name: str, workers: Iterable[Labels]) -> str:
    """Return the values of a label that workers have."""
    values = sorted({has[name] for has in workers if name in has})
    what = f"the package {name.removeprefix(PACKAGE)}" if name.startswith(PACKAGE) else name
    if not values:
        return f"no worker has {what}" if name.startswith(PACKAGE) else f"no worker has a {what}"
    if name in _NUMBERS:
        return f"the workers have {what} up to {max(map(_number, values))}"
    more = len(values) - _SHOWN
    shown = [*values[:_SHOWN], *([f"{more} more"] if more > 0 else [])]
    return f"the workers have {what} {listed(shown)}"


def _has(has: Labels, name: str, value: str) -> bool:
    if name in _NUMBERS:
        return _number(has.get(name, "0")) >= _number(value)
    return has.get(name) == value


def _number(value: str) -> int:
    return int(value) if value.isdecimal() else 0
