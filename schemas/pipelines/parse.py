"""From the text of a pipeline's file to its definition: all faults at once, or none.

The file is YAML or JSON, as docs/pipelines.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UNSET, convert
from msgspec.structs import replace

from autolearn.schemas.bounds import cut, listed
from autolearn.schemas.pipelines.definition import (
    KEEP_WORDS,
    Definition,
    Step,
    kept_days,
    kept_runs,
)
from autolearn.schemas.pipelines.document import read_document
from autolearn.schemas.pipelines.faults import FaultList
from autolearn.schemas.pipelines.file_keys import FILE, KEEP_TABLE, MOST_STEPS, STEP
from autolearn.schemas.pipelines.nearest import unknown_word
from autolearn.schemas.pipelines.order import StepDraft, inputs_of, ordered
from autolearn.schemas.pipelines.references import References, declared_parameters
from autolearn.schemas.pipelines.step_checks import (
    NOT_CHECKED,
    CatalogNames,
    check_catalog_names,
    check_forecasts,
    check_name,
    check_step,
    record,
    unknown_kind,
)
from autolearn.schemas.pipelines.steps import Path, StepSpec, object_faults
from autolearn.schemas.values import JsonValue
from autolearn.schemas.workers.labels import MOST_LABELS, faults_in

_STEP_KEYS = {key.name: key for key in STEP}


def parse(
    text: str, steps: Mapping[str, StepSpec], offered: CatalogNames = NOT_CHECKED
) -> Definition:
    """Return the definition that a YAML or JSON text declares.

    `steps` are the kinds of steps, by name, and `offered` the names of estimators and metrics. The
    steps of the definition have their inputs, and
    follow these; the parameters `${NAME}` are not put in yet, but checked with their defaults.

    Raises:
        PipelineInvalid: the text is wrong; the error has every fault with its line and column.
    """
    document = read_document(text)
    faults = document.faults
    if not isinstance(document.value, dict):
        faults.add((), "a pipeline is an object with the keys pipeline and steps")
        faults.check()
    file: dict[str, JsonValue] = document.value
    record(object_faults(FILE, file, "the file"), (), faults)
    check_name("pipeline", file.get("pipeline"), ("pipeline",), faults)
    keep = file.get("keep")
    if isinstance(keep, str) and kept_runs(keep) is None and kept_days(keep) is None:
        faults.add(("keep",), f"keep is {KEEP_WORDS}; got {cut(keep, 40)!r}")
    declared = declared_parameters(file.get("parameters"), faults)
    drafts = _drafts(file.get("steps"), steps, faults)
    inputs = dict(zip((one.name for one in drafts), inputs_of(drafts, faults), strict=False))
    names, circle = ordered(inputs)
    by_name = {one.name: one for one in drafts}
    if circle:
        way = " → ".join(cut(name, 40) for name in circle)
        faults.add((*by_name[circle[0]].path, "from"), f"the steps wait for each other: {way}")
    defaults = {name: one.default for name, one in declared.items() if one.default is not UNSET}
    references = References(declared, defaults, faults)
    values = {draft.name: check_step(draft, references, faults) for draft in drafts}
    check_forecasts(drafts, values, inputs, faults)
    check_catalog_names(drafts, values, offered, faults)
    faults.check()
    return Definition(
        name=file["pipeline"],
        summary=file.get("summary", ""),
        parameters=declared,
        seed=file.get("seed", 0),
        commit=file.get("commit", "auto"),
        keep=file.get("keep", "last 30"),
        steps=tuple(_step(by_name[name], inputs[name]) for name in names),
    )


def _drafts(given: JsonValue, kinds: Mapping[str, StepSpec], faults: FaultList) -> list[StepDraft]:
    """Return the steps of a file as far as they can be read."""
    if not isinstance(given, list):
        return []
    if not given:
        faults.add(("steps",), "there are no steps: begin with a source")
    if len(given) > MOST_STEPS:
        faults.add(("steps",), f"there are {len(given):,} steps; at most {MOST_STEPS} may be")
        given = given[:MOST_STEPS]
    found = [_draft(entry, ("steps", index), kinds, faults) for index, entry in enumerate(given)]
    return _named([one for one in found if one is not None], faults)


def _draft(
    entry: JsonValue, path: Path, kinds: Mapping[str, StepSpec], faults: FaultList
) -> StepDraft | None:
    if not isinstance(entry, dict):
        advice = (
            f"write `- {cut(entry, 60)}:`" if isinstance(entry, str) else "see docs/pipelines.md"
        )
        faults.add(path, f"a step is an object with its kind as a key: {advice}")
        return None
    keys = {name: value for name, value in entry.items() if name in _STEP_KEYS}
    record(object_faults(STEP, keys, "a step"), path, faults)
    _check_labels(keys.get("labels"), (*path, "labels"), faults)
    kind = _kind(entry, path, kinds, faults)
    if kind is None:
        return None
    parameters = entry[kind] if entry[kind] is not None else {}
    spec = kinds.get(kind)
    if not isinstance(parameters, dict):
        faults.add((*path, kind), f"the parameters of {kind} are an object, `name: value` each")
        parameters, spec = {}, None
    taken = entry.get("from")
    taken = [taken] if isinstance(taken, str) else taken
    named = entry.get("name")
    check_name("step", named, (*path, "name"), faults)
    return StepDraft(
        path,
        named if isinstance(named, str) else "",
        kind,
        spec,
        parameters,
        tuple(filter(_is_text, taken)) if isinstance(taken, list) else None,
        keys,
    )


def _check_labels(labels: JsonValue, path: Path, faults: FaultList) -> None:
    """Record labels that no worker can have."""
    if not isinstance(labels, dict):
        return
    if len(labels) > MOST_LABELS:
        faults.add(path, f"there are {len(labels):,} labels; at most {MOST_LABELS} may be")
        return
    for name, value in labels.items():
        if isinstance(value, str | int):  # else it is refused already
            for fault in faults_in({name: str(value)}):
                faults.add((*path, name), fault)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _kind(
    entry: dict[str, JsonValue], path: Path, kinds: Mapping[str, StepSpec], faults: FaultList
) -> str | None:
    """Return the key of an entry that is its kind, perhaps an unknown one; None without any."""
    others = [name for name in entry if name not in _STEP_KEYS]
    known = [name for name in others if name in kinds]
    if not others:
        faults.add(path, f"the step has no kind: it is one of {listed(sorted(kinds))}")
        return None
    if len(known) > 1:
        names = " and ".join(known)
        faults.add((*path, known[1]), f"a step is of one kind, not {names}: begin each with a dash")
    if not known:
        faults.add((*path, others[0]), unknown_kind(others[0], kinds))
        return others[0]
    for name in others:
        if name in known:
            continue
        inside = name in {one.name for one in kinds[known[0]].parameters}
        hint = f"{name} is a parameter of {known[0]}: indent it below that"
        words = hint if inside else unknown_word("a step", "key", name, _STEP_KEYS)
        faults.add((*path, name), words)
    return known[0]


def _named(drafts: Sequence[StepDraft], faults: FaultList) -> list[StepDraft]:
    """Name the steps without a name, and record names that two have."""
    taken: set[str] = set()
    for one in drafts:
        if one.name and one.name in taken:
            faults.add((*one.path, "name"), f"two steps have the name {cut(one.name, 60)!r}")
        taken.add(one.name)
    found = []
    for one in drafts:
        name, number = one.name or one.kind, 2
        while not one.name and name in taken:
            name, number = f"{one.kind}-{number}", number + 1
        taken.add(name)
        if not one.name and one.spec is not None:
            check_name("step", name, one.path, faults)
        found.append(replace(one, name=name))
    return found


def _step(draft: StepDraft, inputs: tuple[str, ...]) -> Step:
    keys = {name: one for name, one in draft.keys.items() if name not in ("name", "from", "keep")}
    about = {"name": draft.name, "kind": draft.kind, "parameters": draft.parameters}
    about["labels"] = {name: str(one) for name, one in keys.pop("labels", {}).items()}
    keep_as = draft.keys.get("keep", "").removeprefix(KEEP_TABLE)
    return convert({**about, "inputs": inputs, "keep_as": keep_as, **keys}, Step)
