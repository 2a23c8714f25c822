"""Routes of what is expected of a dataset: say it, look at it, check a version by it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, StrictInt
from starlette.responses import Response

from autolearn.api.commands.acknowledgement import Accepted
from autolearn.api.commands.command_headers import CommandRequest
from autolearn.api.commands.responses import json, pending
from autolearn.api.http.body import Body, read_body
from autolearn.api.http.openapi import accepts, answers
from autolearn.api.http.problems import Problem, unreadable
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, dataset_level
from autolearn.api.services.catalog.stored_file import limits_of, opened
from autolearn.api.shared.as_of import AsOf
from autolearn.api.shared.dataset_checks import find_version, require_dataset, unknown_dataset
from autolearn.api.shared.lookup import absent, find
from autolearn.api.state.context import ApiContext
from autolearn.artifacts.datasets.proposed_rules import columns_of_categories, proposed_rules
from autolearn.artifacts.datasets.reader_process import RulesJob, outcomes_apart
from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.rows.catalog import ExpectationsRow
from autolearn.schemas.bounds import DATASET_RULES
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.commands import ExpectDataset
from autolearn.schemas.datasets.rule_fit import rules_in
from autolearn.schemas.datasets.rule_words import noted, say_rule
from autolearn.schemas.datasets.rules import Expectations, RuleOutcome
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.datasets.expectations import (
    DatasetExpectations,
    ExpectationCheck,
    ProposedExpectations,
)
from autolearn.schemas.stream_kinds import stream

_Rules = Annotated[
    list[Annotated[str, Field(max_length=20_000)]],
    Field(max_length=DATASET_RULES, description="Rules in words: age between 0 and 120."),
]
_SHOWN, _LISTED = 5, 50
"""Faults that a detail has, and that an answer lists."""
_Version = Annotated[str, Query(max_length=64, description="A version, or its start.")]


class ExpectBody(Body):
    """What is expected of a dataset, instead of what was before."""

    hard: _Rules = []
    soft: _Rules = []
    after: Annotated[StrictInt, Field(ge=0)] | None = Field(
        default=None, description="The number of the expectations that the sender knows."
    )


class CheckBody(Body):
    """A version, and rules to check it by; without rules those of the dataset."""

    version: Annotated[str, Field(max_length=64)] = ""
    hard: _Rules = []
    soft: _Rules = []


def add_expectation_routes(routes: APIRouter, context: ApiContext) -> None:
    """Add the routes to a router."""

    @routes.get(
        "/datasets/{name}/expectations",
        responses=answers({200: DatasetExpectations}, "AutoLearn-Position"),
    )
    async def see_expectations(name: str, who: Who, as_of: AsOf = "") -> Response:
        """Show what is expected of a dataset."""
        await require_dataset(context, who, name, Level.READ)
        seen, there = await find(
            context,
            lambda at: at.catalog.has_dataset(name) or None,
            as_of,
            lambda past: past.load(stream("dataset", name)),
        )
        if there is None:
            raise await absent(context, "dataset", name, as_of, unknown_dataset(context, who, name))
        row = await row_of(seen.snapshot, name)
        return json(shown(name, row, who), headers=seen.headers)

    @routes.put(
        "/datasets/{name}/expectations",
        openapi_extra=accepts(ExpectBody, command=True),
        responses=answers({200: DatasetExpectations, 202: CommandState}),
    )
    async def put_expectations(request: Request, name: str, who: Who) -> Response:
        """Say what is expected of a dataset: hard rules refuse a new version, soft ones warn.

        No rules: nothing is expected any more. The same as before is refused (409).
        """
        body = await read_body(request, ExpectBody)
        request.state.via = await require_dataset(context, who, name, Level.WORK)
        asked = CommandRequest.of(request, body.model_dump())
        spec = await find_version(context, name)
        given = _read(body.hard, body.soft, spec)
        number = 1
        if context.queries.answer(asked.id) is None:
            before = await row_of(context.queries.now(), name)
            number = before.number + 1
            if body.after is not None and body.after != before.number:
                detail = (
                    f"Its expectations are change {before.number}, by {before.actor}, and not "
                    f"{body.after}: look at them, and try again."
                )
                raise Problem(409, "dataset-changed", "The dataset has just been changed", detail)
            if before.expectations == given:
                detail = f"That is expected of {name} already: nothing was changed."
                raise Problem(409, "expectations-unchanged", "That is expected already", detail)
        command = ExpectDataset(number, given)
        answer = await context.commands.post(stream("dataset", name), command, asked)
        if isinstance(answer, Accepted):
            return pending(answer, asked)
        row = await row_of(context.queries.now(), name)
        return json(shown(name, row, who), headers=asked.prefer.applied())

    @routes.get(
        "/datasets/{name}/expectations/proposed", responses=answers({200: ProposedExpectations})
    )
    async def propose_expectations(name: str, who: Who, version: _Version = "") -> Response:
        """Propose rules that a version meets, by its profile and findings; guesses are soft.

        No rule has values of a sensitive column.
        """
        await require_dataset(context, who, name, Level.READ)
        spec = await find_version(context, name, version)
        columns = columns_of_categories(spec)
        first = proposed_rules(spec)
        outcomes, categories = await look(spec, first, columns)
        broken = {one.rule for one in outcomes if not one.met}
        rules = (*proposed_rules(spec, categories).rules,)
        met = noted(rule for rule in rules if say_rule(rule) not in broken)
        said = ProposedExpectations(
            dataset=name, version=spec.version, hard=met.hard, soft=met.soft
        )
        return json(said)

    @routes.post(
        "/datasets/{name}/expectations/check",
        openapi_extra=accepts(CheckBody),
        responses=answers({200: ExpectationCheck}),
    )
    async def check_expectations(request: Request, name: str, who: Who) -> Response:
        """Check a version, by default the newest, by the dataset's rules, or by others.

        Values of sensitive columns are not shown. Rules that tell of some are checked for those
        who may change the dataset.
        """
        body = await read_body(request, CheckBody)
        await require_dataset(context, who, name, Level.READ)
        spec = await find_version(context, name, body.version)
        if body.hard or body.soft:
            rules = _read(body.hard, body.soft, None)
        else:
            rules = (await row_of(context.queries.now(), name)).expectations
            if not rules.rules:
                raise Problem(
                    409,
                    "nothing-expected",
                    "Nothing is expected of the dataset",
                    f"Say what is, first: dataset expect {name} --add, or --propose.",
                )
        many = len(rules.rules)
        if not may_change(name, who):
            rules = rules.masked(spec.sensitive)
        outcomes, _ = await look(spec, rules)
        unmet = [one.severity for one in outcomes if not one.met]
        said = ExpectationCheck(
            dataset=name,
            version=spec.version,
            rows=spec.rows,
            failed=unmet.count("hard"),
            warned=unmet.count("soft"),
            outcomes=outcomes,
            hidden=many - len(rules.rules),
        )
        return json(said)

    async def look(
        spec: DatasetSpec, rules: Expectations, categories_of: Sequence[str] = ()
    ) -> tuple[tuple[RuleOutcome, ...], dict[str, tuple[str, ...]]]:
        job = RulesJob(
            **limits_of(spec),
            expectations=rules,
            now=time.time(),
            hidden=spec.sensitive,
            categories_of=(*categories_of,),
        )
        async with opened(context, spec) as file:
            return await outcomes_apart(job, *file)

    async def row_of(snapshot: Snapshot, name: str) -> ExpectationsRow:
        row = await context.executors.lists.run(lambda: snapshot.catalog.expectations(name))
        if row is None:
            raise unreadable()
        return row

    def may_change(name: str, who: Principal) -> bool:
        return dataset_level(who, context.queries.latest(), name) >= Level.WORK

    def shown(name: str, row: ExpectationsRow, who: Principal) -> DatasetExpectations:
        rules = row.expectations
        if not may_change(name, who):
            rules = rules.masked(context.queries.latest().catalog.sensitive(name))
        words = noted(rules.rules)
        return DatasetExpectations(
            dataset=name,
            number=row.number,
            hard=words.hard,
            soft=words.soft,
            rules=rules.rules,
            time=row.time,
            actor=row.actor,
            hidden=len(row.expectations.rules) - len(rules.rules),
        )


def _read(hard: Sequence[str], soft: Sequence[str], spec: DatasetSpec | None) -> Expectations:
    """Return the rules that words say; their columns are some of a version, if one is given.

    Raises:
        Problem: words are no rule, or there is no such column (422).
    """
    types = None if spec is None else {column.name: column.type for column in spec.columns}
    rules, faults = rules_in(hard, soft, types)
    if faults:
        errors = [{"pointer": at, "detail": detail} for at, detail in faults.items()]
        detail = "; ".join([*faults.values()][:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise Problem(
            422, "rules-unfit", "A rule does not fit", f"{detail}{more}.", errors=errors[:_LISTED]
        )
    return rules
