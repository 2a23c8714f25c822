"""Tables of a retrain check."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from autolearn.client.cli.output import count, number, rows, sentence, short
from autolearn.schemas.reports.retrain import Compared, Data, Difference, RetrainCheck, Retrained

_COLOURS = {"identical-artifact": "green", "same-predictions": "green", "same-metrics": "yellow"}


def check(found: RetrainCheck) -> RenderableType:
    """Return a check in detail: a line per training, and the differences."""
    lines = [
        (
            short(one.training),
            one.estimator,
            Text(one.verdict.replace("-", " "), _COLOURS.get(one.verdict, "red")),
            short(one.recorded),
            short(one.present),
            f"{sum(e.equal for e in one.evaluations)} of {len(one.evaluations)}",
            ", ".join(one.files),
        )
        for one in found.trainings
    ]
    heads = (
        "training",
        "estimator",
        "verdict",
        "recorded",
        "now",
        "evaluations",
        "files that differ",
    )
    parts: list[RenderableType] = [rows(heads, lines, leave=("now", "recorded", "evaluations"))]
    for one in found.trainings:
        parts += [sentence(words) for words in _sentences(one)]
    parts += _environments(found.trainings)
    parts.append(Text(_verdict(found)))
    return Group(*parts)


def _verdict(found: RetrainCheck) -> str:
    """Say how many trainings were reproduced, and how many of them byte for byte."""
    total = count(len(found.trainings), "training")
    same = sum(one.same for one in found.trainings)
    equal = sum(one.verdict == "identical-artifact" for one in found.trainings if one.same)
    exact = ", byte for byte" if equal == same > 0 else f", {equal} of them byte for byte"
    said = "Reproduced" if found.same else "Not reproduced"
    took = f"{found.seconds:.0f}" if found.seconds >= 10 else f"{found.seconds:.1f}"
    untried = sum(e.untried for one in found.trainings for e in one.evaluations)
    rest = f" {count(untried, 'evaluation was', 'evaluations were')} not tried." if untried else ""
    return f"{said}: {same} of {total}{exact if same else ''} ({took} s).{rest}"


def _sentences(one: Retrained) -> list[str]:
    """Return the sentences about a training besides its line."""
    said = [one.detail] if one.detail else []
    said += [_answer(compared) for compared in one.answers if compared.different]
    for evaluation in one.evaluations:
        if evaluation.equal:
            continue
        about = f"The evaluation {short(evaluation.evaluation)} on {_rows_of(evaluation.data)}"
        if evaluation.detail:
            said.append(f"{about} could not be made again: {evaluation.detail}")
            continue
        for name, then in evaluation.recorded.items():
            now = evaluation.present.get(name)
            if now != then:
                said.append(f"{about} says {name} {now!r}; recorded is {then!r}")
    return [f"{short(one.training)}: {sentence}" for sentence in said]


def _answer(compared: Compared) -> str:
    """Describe the difference of the predictions for some rows."""
    by = "" if compared.largest is None else f", by at most {number(compared.largest)}"
    return (
        f"{compared.method} differs in {compared.different} of {count(compared.rows, 'row')}{by} "
        f"({_rows_of(compared.data)})"
    )


def _rows_of(data: Data) -> str:
    return "held-out rows" if data.held_out else data.dataset.name


def _environments(found: Iterable[Retrained]) -> list[RenderableType]:
    """Return the differences of the environment, each once, with its trainings."""
    whose: dict[Difference, list[str]] = {}
    for one in found:
        more = (d for e in one.evaluations for d in e.environment)
        for difference in dict.fromkeys((*one.environment, *more)):
            whose.setdefault(difference, []).append(short(one.training))
    if not whose:
        return [Text("The environment is the recorded one.")]
    lines = [(d.what, d.recorded, d.present, ", ".join(ids)) for d, ids in whose.items()]
    return [rows(("environment", "recorded", "present", "trainings"), lines)]
