"""The cache of steps: what a result depends on, its key, and why a step has to run."""

from __future__ import annotations

import hashlib
import hmac
import platform
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import structlog

from autolearn.api.identity.principal import Principal
from autolearn.api.identity.visibility import Level, level_of
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.store.errors import ArtifactError
from autolearn.projections.queries.pipelines import runs_of
from autolearn.projections.queries.queries import Snapshot
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.codec import to_json
from autolearn.schemas.pipelines.definition import Definition, Step
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.pipelines.row_wise import row_wise_before
from autolearn.schemas.pipelines.steps import StepSpec
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import RunId
from autolearn.security.data_key import DataKey

_LIBRARIES = ("autolearn", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
"""The distributions whose versions results depend on, besides those of a step's own package."""


@cache
def environment() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        found[name] = metadata.version(name)
    return found


def _digest_of(value: object) -> str:
    """Return the SHA-256 (hex) of a value as JSON: equal values give equal digests."""
    return hashlib.sha256(to_json(value)).hexdigest()


def _identity_of(gave: StepGave) -> str:
    """Return the digest of what a step gave, as far as later steps depend on it.

    Two results with equal digests are the same: of a table and of an artifact its bytes count.
    """
    table = gave.table.version if gave.table else ""
    digests = [gave.artifacts[run].digest for run in gave.trainings]
    scores = [gave.scores.get(run) for run in gave.trainings]
    best = gave.artifacts[gave.best].digest if gave.best else ""
    parts = [table, gave.split, digests, scores, best, gave.model, gave.version]
    if gave.horizons:
        horizons = [gave.horizons.get(run) for run in gave.trainings]
        bests = {horizon: gave.artifacts[run].digest for horizon, run in gave.bests.items()}
        parts += [horizons, bests, gave.versions, gave.naive]
    return _digest_of(parts)


def inputs_of(
    step: Step, spec: StepSpec, seed: int, given: Mapping[str, StepGave], more: Mapping[str, str]
) -> dict[str, str]:
    """Return the digests of all that a result depends on, by what it is.

    `given` are the results of the steps that it takes; `more` are the datasets that it reads.
    """
    return {
        "code": _digest_of([spec.name, spec.package, spec.package_version, spec.digest]),
        "parameters": _digest_of(step.parameters),
        "environment": _digest_of(environment()),
        "seed": _digest_of(seed),
        **{f"input:{name}": _identity_of(gave) for name, gave in given.items()},
        **{f"data:{name}": version for name, version in more.items()},
    }


def data_of(
    definition: Definition,
    kinds: Mapping[str, StepSpec],
    step: Step,
    source: DatasetSpec | None,
    gave: Mapping[str, StepGave],
) -> dict[str, str]:
    """Return the versions of the data that a step reads besides the results that it takes.

    They are that of its dataset; or that of the raw rows, of which a predict step may show columns
    that the table lacks which it takes.
    """
    if source is not None:
        return {source.name: source.version}
    table = next((name for name in step.inputs if gave[name].table is not None), "")
    if step.kind != "predict" or not table:
        return {}
    base = row_wise_before(definition, kinds, table).base
    raw = gave[base].table if base in gave else None
    return {} if raw is None else {"raw rows": raw.version}


def key_of(inputs: Mapping[str, str], names: tuple[str, ...], secret: DataKey | None) -> str:
    """Return the key of a result in the cache, an HMAC if the pipeline is encrypted.

    Steps of other names that give the same are the same input: their names do not count, their
    order does (`names`).
    """
    ordered = [inputs[f"input:{name}"] for name in names]
    rest = {what: value for what, value in inputs.items() if not what.startswith("input:")}
    content = to_json([ordered, sorted(rest.items())])
    if secret is None:
        return hashlib.sha256(content).hexdigest()
    return hmac.new(secret.derived("step-cache"), content, hashlib.sha256).hexdigest()


def secret_of(context: ApiContext, pipeline: str) -> DataKey | None:
    """Return the key of a pipeline, None if it is in clear. Raises Unreadable."""
    keyid = context.vault.of_session(stream("pipeline", pipeline))
    return context.vault.key(keyid) if keyid else None


def why_run(inputs: Mapping[str, str], before: StepOutcome | None) -> str:
    """Return which inputs differ from those of the step's outcome before, for people."""
    if before is None or not before.inputs:
        return "first run"
    changed = [
        _WORDS.get(what, what.replace(":", " "))
        for what in {**before.inputs, **inputs}
        if before.inputs.get(what) != inputs.get(what)
    ]
    if not changed:
        return "its result before was not kept"
    return f"changed: {', '.join(changed)}"


def why_forced(definition: Definition, step: Step, start_at: str, *, no_cache: bool) -> str:
    """Return why a step runs whatever the cache has, "" if it need not."""
    if step.cache == "never":
        return "cache: never"
    if step.kind == "source" and "url" in step.parameters:
        return "what a URL answers may have changed"
    if no_cache:
        return "no cache"
    if start_at and (step.name == start_at or _follows(definition, step, start_at)):
        return f"the run starts at {start_at}"
    return ""


def _follows(definition: Definition, step: Step, start: str) -> bool:
    """Return whether a step depends on another one."""
    steps = {one.name: one for one in definition.steps}
    seen, left = set[str](), [*step.inputs]
    while left:
        name = left.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            left += steps[name].inputs
    return False


log = structlog.stdlib.get_logger("autolearn.pipelines")
_WORDS = {"code": "the code of the step", "environment": "the installed libraries"}


def unusable(
    context: ApiContext,
    who: Principal,
    pipeline: str,
    run: RunId,
    hit: tuple[RunId, StepOutcome],
    whole: set[str],
) -> str:
    """Return why a `run` cannot use a cached result, "" if it is whole (blocks).

    Each file of its artifacts is read, and checked by its hash, but of the folders that were found
    `whole`, to which this adds. What is in the open session of
    another run can be used by those who may commit it, and once that run has ended: until then it
    commits the session itself.
    """
    if hit[1].kind == "promote":
        return "another version may answer by now"
    now = context.queries.now()
    maker, gave = made_by(*hit), hit[1].gave
    if gave.session and now.sessions.is_open(gave.session):
        row = now.runs.stored(runs_of(pipeline), "pipeline", maker)
        if row is not None and row.ended is None and maker != run:
            return f"the run {maker[:8]}, which has made it, goes on"
        if level_of(who, now, gave.session) < Level.OWN:
            return "the session of its result is open, and not yours"
    if gave.session and not _is_there(now, gave, level_of(who, now, gave.session)):
        return "the session or experiment of its result is gone, or not yours"
    if gave.dataset is not None and not now.catalog.has_version(
        gave.dataset.name, gave.dataset.version
    ):
        return f"the version of {gave.dataset.name} is gone"
    folders = [one.folder for one in (gave.artifact, *gave.artifacts.values()) if one is not None]
    return _damage(context, [one for one in dict.fromkeys(folders) if one not in whole], whole)


def _is_there(now: Snapshot, gave: StepGave, level: Level) -> bool:
    """Return whether the trainings of a result are there, for somebody of this level."""
    rows = (now.runs.training(gave.session, run) for run in gave.trainings)
    return level >= Level.WORK and all(row is not None and not row.unreadable for row in rows)


def _damage(context: ApiContext, folders: list[str], whole: set[str]) -> str:
    """Return the fault of the files of a result, "" for none: then they are `whole`."""
    for one in folders:
        try:
            with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
                context.artifacts.check_folder(one, Path(folder))
        except ArtifactError as error:
            log.warning("a cached result cannot be used", folder=one, why=error.detail)
            return "its result before is damaged or gone"
        whole.add(one)
    return ""


def made_by(run: RunId, outcome: StepOutcome) -> RunId:
    """Return the run that made a result, which a cached outcome names."""
    return outcome.made_by or run
