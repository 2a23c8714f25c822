"""Whether the code can read every record that was written by what was shipped."""

from collections.abc import Iterator, Mapping

from tests.evolution.shapes import Shapes
from tests.evolution.type_comparison import narrowing

Lifts = Mapping[str, tuple[str, object]]
"""As `schemas.upcasters.UPCASTERS`."""

NOTE = "Run `python -m tests.golden` and commit the files that it writes."
WHAT_TO_DO = {
    "events": "Leave this version as it was shipped: raise `version` of the class, add an upcaster "
    "from the old version (schemas/upcasters.py) and a golden file. docs/evolution.md shows how.",
    "commands": "Commands are read for 90 days and are not lifted: add a new command beside this "
    "one, and keep this one until then. docs/evolution.md shows how.",
    "records": "This record has no version of its own: add a field with a default beside what "
    "there is. docs/evolution.md shows how.",
}


def faults(shipped: Shapes, present: Shapes, lifts: Lifts) -> list[str]:
    """Return what records already written could not survive, and what to do; [] when nothing."""
    found = [*of_lifts(shipped["events"].keys(), present["events"].keys(), lifts)]
    for group, kinds in shipped.items():
        for name, old in kinds.items():
            new = present[group].get(name)
            if new is not None:
                whys = narrowing(old, new)
            elif group == "events" and name in lifts:
                continue
            else:
                whys = ["it is gone, and nothing reads the records that there are"]
            if whys:
                lines = "".join(f"\n  - {why}" for why in whys)
                found.append(f"{name} was changed:{lines}\n  {WHAT_TO_DO[group]}")
    return found


def of_lifts(
    shipped: Mapping | set[str], present: Mapping | set[str], lifts: Lifts
) -> Iterator[str]:
    """Yield what is wrong with the upcasters themselves."""
    for name in lifts:
        if name in present:
            yield f"The upcaster of {name} is never used: that is the present version."
        elif name not in shipped:
            yield f"The upcaster of {name} lifts an event that was never shipped."
        way = [name]
        while way[-1] in lifts and way[-1] not in way[:-1]:
            way.append(lifts[way[-1]][0])
        if way[-1] in way[:-1]:
            yield f"The upcaster of {name} goes in a circle: {' -> '.join(way)}."
        elif way[-1] not in present:
            yield f"The upcaster of {name} leads to {way[-1]}, which is no event: add that event."


def unnoted(shipped: Shapes, present: Shapes) -> list[str]:
    """Return the types that are not in the file as they are now."""
    return [
        f"{name} is new or has grown, and shapes.json does not say so yet.\n  {NOTE}"
        for group, kinds in present.items()
        for name, shape in kinds.items()
        if shipped[group].get(name) != shape
    ]


def grown(shipped: Shapes, present: Shapes) -> Shapes:
    """What was shipped, with what is new. (Ask `faults` first.)"""
    return {group: shipped[group] | kinds for group, kinds in present.items()}
