"""The rules of `expect` steps, put into the definition of a run: its result depends on them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import to_builtins
from msgspec.structs import replace

from autolearn.api.http.problems import unreadable
from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, dataset_level
from autolearn.api.shared.dataset_checks import check_dataset, wrong
from autolearn.projections.queries.queries import Snapshot
from autolearn.runtime.timestamps import now as timestamp
from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.datasets.rule_words import noted
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.values import JsonValue

_KIND = "expect"


def with_expectations(
    seen: Snapshot, definition: Definition, named: Mapping[str, str], who: Principal
) -> Definition:
    """Return a definition whose steps `expect` have rules: their own, or those of a dataset.

    That is the one that the step names, or else that of the source. `named` are the datasets that
    steps read, by step. Decrypts.

    Raises:
        Problem: there is no such dataset, nothing is expected of it, or words are no rule (422).
    """
    if all(step.kind != _KIND for step in definition.steps):
        return definition
    steps = {step.name: step for step in definition.steps}
    put_in = {
        name: replace(step, parameters=_parameters(seen, step, steps, named, who))
        for name, step in steps.items()
        if step.kind == _KIND
    }
    return replace(
        definition, steps=tuple(put_in.get(step.name, step) for step in definition.steps)
    )


def _parameters(
    seen: Snapshot, step: Step, steps: Mapping[str, Step], named: Mapping[str, str], who: Principal
) -> dict[str, JsonValue]:
    rules = step.parameters.get("rules")
    if rules is None:
        rules = _rules_of(seen, step, steps, named, who)
    lists = [rules.get(name) or [] for name in ("hard", "soft")] if isinstance(rules, dict) else []
    if isinstance(rules, dict) and all(_is_texts(one) for one in lists):
        found, faults = rules_in(*lists)  # type: ignore[arg-type]
        if faults:
            at = {f"#/steps/{step.name}{path[1:]}": why for path, why in faults.items()}
            raise wrong("rules-unfit", "A rule does not fit", at)
        if any(one.kind == "fresh" for one in found.rules) and not rules.get("at"):
            rules = {**rules, "at": timestamp()}
    return {**step.parameters, "rules": rules}


def _is_texts(given: JsonValue) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _rules_of(
    seen: Snapshot, step: Step, steps: Mapping[str, Step], named: Mapping[str, str], who: Principal
) -> dict[str, JsonValue]:
    given = step.parameters.get("dataset") or _source_of(step, steps, named)
    if not given:
        why = f"no dataset is at the source of the step {step.name}: give its rules, or a dataset"
        raise wrong("nothing-expected", "Nothing is expected of the data", {"#/steps": why})
    spec = check_dataset(seen, str(given), lambda name: dataset_level(who, seen, name) > 0)
    row = seen.catalog.expectations(spec.name)
    if row is None:
        raise unreadable()
    rules = row.expectations
    if dataset_level(who, seen, spec.name) < Level.WORK:
        rules = rules.masked(spec.sensitive)
    if not rules.rules:
        why = (
            f"nothing is expected of {spec.name}, whose rules the step {step.name} checks: say "
            f"what is (dataset expect {spec.name}), or give the step rules"
        )
        raise wrong("nothing-expected", "Nothing is expected of the data", {"#/steps": why})
    words: dict[str, JsonValue] = to_builtins(noted(rules.rules))
    return words


def _source_of(step: Step, steps: Mapping[str, Step], named: Mapping[str, str]) -> str:
    """Return the dataset of the first source of a step, "" if it has none."""
    for name in step.inputs:
        found = named.get(name) or _source_of(steps[name], steps, named)
        if found:
            return found
    return ""
