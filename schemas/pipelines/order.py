"""Which steps a step takes the results of, and an order in which the steps can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from autolearn.schemas.bounds import listed
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.pipelines.steps import PORT_WORDS, Path, Port, StepSpec
from autolearn.schemas.values import JsonValue

Slots = tuple[tuple[Port, ...], ...]


class StepDraft(Struct, frozen=True):
    """A step of a file. `spec` is None if its kind is not known; `taken` are the names of `from`.

    `path` leads to it.
    """

    path: Path
    name: str
    kind: str
    spec: StepSpec | None
    parameters: dict[str, JsonValue]
    taken: tuple[str, ...] | None
    keys: dict[str, JsonValue]

    @property
    def slots(self) -> Slots:
        """Return the ports of each input."""
        if self.spec is None:
            return ()
        if self.spec.reads and self.spec.reads in self.parameters:
            return tuple(ports for ports in self.spec.takes if "table" not in ports)
        return self.spec.takes


def inputs_of(steps: Sequence[StepDraft], faults: FaultList) -> list[tuple[str, ...]]:
    """Return the inputs of each step, by name, in the order in which it takes them.

    An input that `from` does not name is the nearest earlier step that gives what is taken. What is
    missing or does not fit is recorded.
    """
    by_name = {step.name: step for step in steps}
    return [_inputs(step, steps[:index], by_name, faults) for index, step in enumerate(steps)]


def _inputs(
    step: StepDraft,
    earlier: Sequence[StepDraft],
    by_name: Mapping[str, StepDraft],
    faults: FaultList,
) -> tuple[str, ...]:
    slots = step.slots
    found: list[str | None] = [None] * len(slots)
    for name in step.taken or ():
        if name not in by_name:
            faults.add((*step.path, "from"), unknown_word("the pipeline", "step", name, by_name))
        elif step.spec is not None:
            _take(step, by_name[name], found, faults)
    if step.spec is None:
        return step.taken or ()
    surely = all(one.spec is not None for one in earlier)
    for index, ports in enumerate(slots):
        if found[index] is None:
            found[index] = _nearest(ports, earlier, found)
        if found[index] is None and surely and not (step.taken and faults):
            faults.add(step.path, _missing(step, ports, earlier))
    return tuple(name for name in found if name is not None)


def _take(step: StepDraft, giver: StepDraft, found: list[str | None], faults: FaultList) -> None:
    """Put a step that `from` names where it fits."""
    for index, ports in enumerate(step.slots):
        if found[index] is None and (giver.spec is None or giver.spec.gives in ports):
            found[index] = giver.name
            return
    gives = PORT_WORDS[giver.spec.gives] if giver.spec else "something"
    takes = ", and ".join(map(_either, step.slots)) or "nothing"
    again = " once each" if giver.name in found or len(step.taken or ()) > len(step.slots) else ""
    faults.add(
        (*step.path, "from"), f"{giver.name} gives {gives}, but {step.kind} takes {takes}{again}"
    )


def _nearest(
    ports: tuple[Port, ...], earlier: Sequence[StepDraft], used: list[str | None]
) -> str | None:
    for step in reversed(earlier):
        if step.spec is not None and step.spec.gives in ports and step.name not in used:
            return step.name
    return None


def _missing(step: StepDraft, ports: tuple[Port, ...], earlier: Sequence[StepDraft]) -> str:
    given = listed(
        [f"{one.name} gives {PORT_WORDS[one.spec.gives]}" for one in earlier if one.spec]
    )
    remedy = "put one before it that does" if earlier else "begin with a source"
    known = f" ({given})" if given else ""
    return f"{step.kind} takes {_either(ports)}, which no step before it gives{known}: {remedy}"


def _either(ports: tuple[Port, ...]) -> str:
    return " or ".join(PORT_WORDS[port] for port in ports)


def ordered(inputs: Mapping[str, tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """Return the steps in an order in which they can run, and a circle of steps that cannot.

    `inputs` are by step, in the order of the file, which is kept as far as possible (Kahn's
    algorithm, the first ready one next). The circle is [] if there is none; it ends where it began.
    """
    left = {name: set(taken) & inputs.keys() for name, taken in inputs.items()}
    done: list[str] = []
    while ready := next((name for name, waits in left.items() if not waits), None):
        done.append(ready)
        del left[ready]
        for waits in left.values():
            waits.discard(ready)
    if not left:
        return done, []
    path: list[str] = [next(iter(left))]
    while path[-1] not in path[:-1]:
        path.append(next(one for one in inputs[path[-1]] if one in left[path[-1]]))
    return done, path[path.index(path[-1]) :][::-1]
