"""Tables of models, their versions, and who answered when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType

from autolearn.client.cli.output import count, number, pairs, rows, sentence, short, when
from autolearn.schemas.models.backtests import Backtest, BacktestComparison
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.traffic import ALL, guard_in, traffic_words, version_in
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.records.prediction import PRODUCTION
from autolearn.schemas.rest.models import (
    Inference,
    ModelChange,
    ModelGrant,
    ModelVersion,
    RegisteredModel,
)
from autolearn.schemas.rest.predictions import ModelHour, RecordedPrediction
from autolearn.schemas.rest.runs import Prediction

_FEW = 3
"""Rows that stand side by side, with a line for each column."""
_ROWS = 20
"""Rows of a request that a table shows."""
_LABELS = 4
"""Labels of an hour that a table shows."""
_MOST_DIFFERENT = 10
"""Different rows of a backtest that a table shows."""
_KINDS = {
    "promoted": "promoted",
    "rolled-back": "rolled back",
    "alias-set": "alias",
    "traffic-set": "set",
    "traffic-rolled-back": "rolled back",
    "shadow-set": "set",
}
_FIRST = ("roc-auc", "f1", "accuracy", "r2", "rmse", "silhouette")
"""The metrics of which a list shows the first one that a version has."""


def models(found: Iterable[RegisteredModel]) -> RenderableType:
    """Return models."""
    lines = [
        (
            one.name,
            one.champion,
            one.versions,
            _aliases(one.aliases),
            one.owner,
            one.may,
            when(one.updated),
        )
        for one in found
    ]
    heads = ("model", "champion", "versions", "aliases", "owner", "you may", "changed")
    return rows(heads, lines, leave=("changed", "you may", "owner"), wraps=("aliases",))


def model(one: RegisteredModel, versions: Iterable[ModelVersion]) -> RenderableType:
    """Return a model with its versions."""
    about = pairs(
        {
            "model": one.name,
            "owner": one.owner,
            "champion": one.champion or "none: `model promote` makes one",
            "aliases": _aliases(one.aliases),
            "traffic": one.traffic and traffic_words(one.traffic.routes),
            "shadow": one.shadow,
            "recording": one.recording
            + (f", kept for {one.prediction_days} days" if one.prediction_days else ""),
            "created": when(one.created),
            "you may": one.may,
        }
    )
    return Group(about, "", version_list(versions))


def predictions(found: Iterable[RecordedPrediction]) -> RenderableType:
    """Return answered requests."""
    lines = [
        (
            when(one.time),
            f"{one.model}@{one.version}",
            one.rows,
            _first_answer(one),
            " ".join(f"{kind} {many}" for kind, many in one.warned.items()),
            "" if one.purpose == PRODUCTION else one.purpose,
            one.actor,
            f"{one.duration:.1f} ms",
            one.request,
        )
        for one in found
    ]
    heads = ("time", "version", "rows", "answer", "warned", "purpose", "user", "took", "request")
    return rows(heads, lines, leave=("warned", "purpose", "took", "user"))


def prediction(one: RecordedPrediction) -> RenderableType:
    """Return one answered request, with its rows."""
    about: RenderableType = pairs(
        {
            "request": one.request,
            "time": when(one.time),
            "version": f"{one.model}@{one.version}",
            "purpose": one.purpose,
            "user": one.actor or "-",
            "by": f"{one.route} from {one.client}",
            "took": f"{one.duration:.1f} ms",
        }
    )
    if one.inputs is None or one.outputs is None:
        return Group(about, "", "The rows cannot be read any more: their key was shredded.")
    said = one.outputs
    if one.erased is not None:
        gone = ", ".join(map(str, one.erased.rows[:_ROWS]))
        by = f" by {one.erased.actor}" if one.erased.actor else ""
        about = Group(about, f"erased: row {gone}, {when(one.erased.time)}{by}")
    more = f"{one.rows - _ROWS} more rows: -o json has them." if one.rows > _ROWS else ""
    parts = [about, "", answered_rows(one.inputs, said, min(one.rows, _ROWS)), more]
    if one.truths is None:
        parts += ["", "Its truths are too far back: more came since then than is looked at."]
    elif one.truths:
        first = next(iter(said.values()))
        known = [(t.row, first[t.row], t.value, t.actor, when(t.time)) for t in one.truths]
        parts += ["", rows(("row", "predicted", "truth", "said by", "when"), known[:_ROWS])]
    return Group(*parts)


def answered_rows(
    given: Mapping[str, Sequence[object]], said: Mapping[str, Sequence[object]], many: int
) -> RenderableType:
    """Return the first rows that were asked, with their answers; a few have a line per column."""
    columns = [
        (name, ["" if one is None else one for one in values[:many]])
        for name, values in (*given.items(), *said.items())
    ]
    if many <= _FEW:
        lines = [(name, *values) for name, values in columns if len(values) == many]
        return rows(("column", *(f"row {at}" for at in range(many))), lines)
    return rows([name for name, _ in columns], zip(*(of for _, of in columns), strict=False))


def hours(found: Iterable[ModelHour]) -> RenderableType:
    """Return hours in which a model was asked."""
    lines = [
        (
            f"{one.hour[:10]} {one.hour[11:16]}{'' if one.closed else ' …'}",
            f"{one.model}@{one.version}{' (shadow)' * one.shadow}{' (batch)' * one.batch}",
            one.requests,
            one.rows,
            _shares(one.labels),
            _quality(one),
            " ".join(f"{kind} {many}" for kind, many in one.warned.items()),
            _milliseconds(one.p50),
            _milliseconds(one.p99),
        )
        for one in found
    ]
    heads = ("hour (UTC)", "version", "requests", "rows", "labels", "right", "warned", "p50", "p99")
    return rows(heads, lines, wraps=("labels", "right"), leave=("p50", "warned"))


def _quality(one: ModelHour) -> str:
    """Return how right the answers were, and of how many that is known."""
    said = " ".join(f"{name} {number(value)}" for name, value in one.metrics.items())
    return f"{said} of {one.truths}" if said else ""


def _shares(labels: Mapping[str, int] | None) -> str:
    """Return the shares of the most frequent labels."""
    if not labels:
        return "?" if labels is None else "-"
    total = sum(labels.values())
    most = sorted(labels.items(), key=lambda one: -one[1])
    words = [f"{label} {many / total:.0%}" for label, many in most[:_LABELS]]
    return " ".join([*words, *(["…"] if len(most) > _LABELS else [])])


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _first_answer(one: RecordedPrediction) -> str:
    """Return the answer to the first row."""
    if not one.outputs:
        return "?"
    name, values = next(iter(one.outputs.items()))
    if one.erased is not None and 0 in one.erased.rows:
        return "erased"
    return f"{name} {number(values[0]) if isinstance(values[0], float) else values[0]}"


def version_list(found: Iterable[ModelVersion]) -> RenderableType:
    """Return versions, with where they come from."""
    lines = []
    for one in found:
        source = one.source
        lines.append(
            (
                one.version,
                "retired" if one.retired else " ".join(one.aliases),
                source and source.estimator,
                "imported"
                if one.imported
                else source and f"{source.dataset.name}@{short(source.dataset.version)}",
                _score(one),
                short(one.training),
                short(one.experiment),
                one.actor,
                when(one.registered),
            )
        )
    heads = (
        *("version", "is", "estimator", "dataset", "score", "training", "experiment"),
        *("by", "registered"),
    )
    return rows(heads, lines, leave=("registered", "by", "experiment"), wraps=("is",))


def version(one: ModelVersion) -> RenderableType:
    """Return a version, and what it comes from."""
    source = one.source
    told: dict[str, object] = {
        "model": f"{one.model}@{one.version}",
        "is": ", ".join(one.aliases),
        "registered": f"{when(one.registered)} by {one.actor}"
        if one.actor
        else when(one.registered),
        "retired": when(one.retired),
        "reason": one.reason,
        "note": one.note,
        "imported": "yes: it was made elsewhere, and cannot be trained again"
        if one.imported
        else "",
        "experiment": one.experiment,
        "training": one.training,
    }
    if source is not None:
        told |= {
            "estimator": f"{source.estimator} ({source.library_version})",
            "task": source.task,
            "target": source.target,
            "dataset": ""
            if one.imported
            else f"{source.dataset.name}@{short(source.dataset.version)}",
            "artifact": short(source.artifact.digest),
            "evaluation": short(source.evaluation),
        }
    about = pairs(told)
    if source is None or not source.metrics:
        return about
    return Group(about, "", rows(("metric", "held-out rows"), [*source.metrics.items()]))


def timeline(found: Iterable[ModelChange]) -> RenderableType:
    """Return who had an alias from when to when, by whose decision, and why."""
    lines = [
        (
            one.alias,
            _answering(one),
            when(one.since),
            when(one.until) or "now",
            _how(one),
            one.actor,
            "; ".join(filter(None, (*map(_measured, one.evidence), *_why(one), one.reason))),
        )
        for one in found
    ]
    heads = ("alias", "version", "from", "until", "how", "by", "why")
    return rows(heads, lines, leave=("how", "alias"), wraps=("why",))


def _how(one: ModelChange) -> str:
    ended = (one.kind == "traffic-set" and not one.routes) or (
        one.kind == "shadow-set" and not one.shadow
    )
    return "ended" if ended else _KINDS.get(one.kind, one.kind)


def _answering(one: ModelChange) -> object:
    """Return the version that had an alias or was the shadow, or the shares of traffic."""
    if one.kind.startswith("traffic"):
        return traffic_words(one.routes or {CHAMPION: ALL})
    if one.kind.startswith("shadow"):
        return f"shadow {one.shadow or 'none'}"
    return one.version or "none"


def _why(one: ModelChange) -> Iterable[str]:
    """Return the guards of traffic, how a version has passed one, or how cases are answered."""
    if one.cases is not None:
        return (str(one.cases),)
    if one.breach is None:
        return one.guards
    breach = one.breach
    return (
        f"version {breach.version}, {guard_in(breach.guard).words(breach.bad, breach.requests)}",
    )


def traffic(one: RegisteredModel) -> RenderableType:
    """Return how the requests of a model are shared, and which version sees them as a shadow."""
    now, shadow = one.traffic, one.shadow
    shares = now.routes if now else {CHAMPION: ALL} if one.champion else {}
    lines = [
        (name, version_in(one.aliases, name), f"{percent}%")
        for name, percent in sorted(shares.items(), key=lambda share: -share[1])
    ]
    if shadow:
        lines.append((shadow, version_in(one.aliases, shadow), "shadow"))
    told: dict[str, object] = {}
    if now is not None:
        sticky = f"column {now.sticky}" if now.sticky else ""
        told = {
            "sticky": sticky or (f"header {now.sticky_header}" if now.sticky_header else ""),
            "salt": now.salt,
            "guards": "\n".join(now.guards),
            "since": f"{when(now.since)} by {now.actor}" if now.actor else when(now.since),
            "reason": now.reason,
        }
    table = rows(("to", "version", "requests"), lines)
    return Group(table, "", pairs(told)) if told else table


def answers(said: Inference) -> RenderableType:
    """Return a model's answers, with the most probable classes."""
    lines = []
    for row, one in enumerate(said.predictions):
        shares = sorted(one.get("probabilities", {}).items(), key=lambda of: -of[1])
        words = ", ".join(f"{label} {number(share)}" for label, share in shares)
        told = [str(value) for name, value in one.items() if name != "probabilities"]
        lines.append((row, " ".join(told), words))
    return rows(("row", f"{said.model}@{said.version} says", "probabilities"), lines)


def grants(found: Iterable[ModelGrant]) -> RenderableType:
    """Return the grants of a model."""
    rows_of = [*found]
    heads: tuple[str, ...] = ("user", "may", "since")
    lines: list[tuple[object, ...]] = [(one.user, one.may, when(one.since)) for one in rows_of]
    if any(one.requests_per_second or one.rows_per_second for one in rows_of):
        heads += ("requests/s", "rows/s")
        lines = [
            (*line, one.requests_per_second, one.rows_per_second)
            for line, one in zip(lines, rows_of, strict=True)
        ]
    return rows(heads, lines)


def gate(evidence: Iterable[GateEvidence]) -> RenderableType:
    """Return requirements, with the values that meet them."""
    return Group(*(sentence(f"  {_measured(one)}") for one in evidence))


def _measured(one: GateEvidence) -> str:
    """Return a requirement with the values that meet it, such as `f1 >= 0.8: 0.91`."""
    beside = f" against {number(one.other.value)}" if one.other else ""
    return f"{one.requirement}: {number(one.candidate.value)}{beside}"


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} {of}" for alias, of in sorted(aliases.items()))


def _score(one: ModelVersion) -> str:
    metrics = one.source.metrics if one.source else {}
    name = next((name for name in (*_FIRST, *metrics) if name in metrics), "")
    return f"{name} {number(metrics[name])}" if name else ""


def backtests(found: Iterable[Prediction]) -> RenderableType:
    """Return backtests."""
    lines = [
        (
            short(one.id),
            f"{one.model}@{one.model_version}",
            _answered_by(one.backtest),
            when(one.backtest.since),
            when(one.backtest.until),
            sum(one.backtest.rows.values()),
            "" if one.comparison is None else _share(one.comparison),
            one.status,
        )
        for one in found
        if one.backtest is not None
    ]
    heads = ("backtest", "version", "against", "since", "until", "rows", "agreement", "status")
    return rows(heads, lines, leave=("until", "since"))


def backtest(one: Prediction) -> RenderableType:
    """Return a completed backtest."""
    asked, found = one.backtest, one.comparison
    assert asked is not None, "it is one"
    assert found is not None, "it is completed"
    differences = {}
    if found.largest_difference is not None and found.mean_difference is not None:
        differences = {
            "largest difference": f"{found.largest_difference:.4g}",
            "mean difference": f"{found.mean_difference:.4g}",
        }
    about = pairs(
        {
            "backtest": one.id,
            "version": f"{one.model}@{one.model_version}",
            "against": ", ".join(
                f"{one.model}@{version}: {found.equal_by_version.get(version, 0):,} of "
                f"{count(many, 'row')} equal"
                for version, many in asked.rows.items()
            ),
            "asked": f"{when(asked.since)} to {when(asked.until)}",
            "requests": f"{asked.requests:,}",
            "rows": f"{found.rows:,}",
            "agreement": _share(found),
            **differences,
            **_by_truth(found),
        }
    )
    left_out = [
        sentence(f"Left out: {count(many, 'request')}: {why}")
        for why, many in asked.left_out.items()
    ]
    notes = [sentence(note) for note in one.notes]
    return Group(about, *left_out, *notes, *_changes(found), *_different(found))


def _by_truth(found: BacktestComparison) -> dict[str, str]:
    """Return the metrics of both, where truths are known."""
    if not found.truths:
        return {"truths": "none known"}
    compared = (
        f"{name} {number(found.recorded_metrics[name])} recorded, {number(value)} now"
        for name, value in found.metrics.items()
    )
    return {"truths": f"{found.truths:,}: {'; '.join(compared)}"}


def _changes(found: BacktestComparison) -> list[RenderableType]:
    if not found.changes:
        return []
    lines = [(one.recorded, one.answer, one.rows) for one in found.changes]
    return ["", rows(("recorded", "now", "rows"), lines)]


def _different(found: BacktestComparison) -> list[RenderableType]:
    """Return the rows that differ most."""
    if not found.different:
        return []
    lines = [
        (
            one.request,
            one.row,
            one.version,
            _cell(one.recorded),
            _cell(one.answer),
            "" if one.difference is None else number(one.difference),
        )
        for one in found.different[:_MOST_DIFFERENT]
    ]
    heads = ("request", "row", "version", "recorded", "now", "difference")
    more = found.rows - found.equal - len(lines)
    hint = f"{count(more, 'more row')} differ: --out FILE has all rows." if more > 0 else ""
    return ["", rows(heads, lines), hint]


def _cell(value: object) -> object:
    return number(value) if isinstance(value, float) else "" if value is None else value


def _share(found: BacktestComparison) -> str:
    """Return the share of equal answers; only all of them are 100 %."""
    share = f"{found.agreement:.2%}"
    return f"> 99.99% ({found.equal:,})" if share == "100.00%" and found.agreement < 1 else share


def _answered_by(asked: Backtest) -> str:
    versions = [*asked.rows]
    return ", ".join(versions[:5]) + (" …" if len(versions) > 5 else "")
