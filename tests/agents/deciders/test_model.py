"""The rules of models: who answers, by whose decision, and on what evidence."""

import pytest
from msgspec.structs import replace

from autolearn.agents.deciders.model import model
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas.actors import SERVE, SYSADMIN, Actor
from autolearn.schemas.bounds import MODEL_CASES, MODEL_MEMORY
from autolearn.schemas.commands import (
    AddCase,
    DeleteModel,
    Promote,
    RegisterVersion,
    RemoveCase,
    RetireVersion,
    RollBack,
    RollBackTraffic,
    SetAlias,
    SetShadow,
    SetTraffic,
    ShareModel,
    UnshareModel,
)
from autolearn.schemas.events import (
    AliasSet,
    CaseAdded,
    CaseRemoved,
    ModelDeleted,
    ModelShared,
    ModelUnshared,
    ShadowSet,
    TrafficRolledBack,
    TrafficSet,
    VersionPromoted,
    VersionRetired,
    VersionRolledBack,
)
from autolearn.schemas.models.cases import CaseComparison, ComparedCase
from autolearn.schemas.models.promotion import GateEvidence, Requirement, VersionMetric
from tests.support.samples import IRIS, WINE, register_version, version_imported, version_registered

ADA, EVE = Actor("ada"), Actor("eve")
ONE, TWO = version_registered(1, "t1"), version_registered(2, "t2")
BOTH = (ONE, TWO)
PROMOTED = (*BOTH, VersionPromoted(1))


def refused(reason: str) -> Refused:
    return Refused(reason)


def evidence(value: float, champions: float, **fields: object) -> GateEvidence:
    """GateEvidence that version 2 is better by 0.01 than version 1, the champion."""
    candidate = VersionMetric(2, "e2", value, IRIS, "9" * 64)
    champion = VersionMetric(1, "e1", champions, IRIS, "9" * 64)
    made = GateEvidence(Requirement("f1", ">=", "champion", 0.01), candidate, champion)
    return replace(made, **fields)


def test_versions_that_were_made_elsewhere_are_never_the_same_and_go_with_the_model():
    one, two = version_imported(1), version_imported(2)
    command = RegisterVersion(source=one.source)
    given(model).when(command, ADA).then(one)
    told = given(model, one, actor="ada").when(command, ADA)
    told.then(two)
    told = given(model, one, two, VersionPromoted(2), actor="ada").when(RetireVersion(1), ADA)
    told.then(VersionRetired(1))
    told = given(model, one, two, ONE, ModelDeleted(), actor="ada").when(command, ADA)
    told.then(refused("model-deleted"))


def test_the_first_training_makes_the_model_and_the_next_ones_are_numbered():
    given(model).when(register_version("t1"), ADA).then(version_registered(1, "t1", note=""))
    told = given(model, ONE, actor="ada").when(register_version("t2"), ADA)
    told.then(version_registered(2, "t2", note=""))
    given(model, *BOTH, actor="ada").when(register_version("t2"), ADA).then(
        refused("already-registered")
    )


def test_a_retired_training_is_registered_anew_as_another_version():
    past = (*BOTH, VersionRetired(2))
    told = given(model, *past, actor="ada").when(register_version("t2"), ADA)
    told.then(version_registered(3, "t2", note=""))


def test_a_version_is_promoted_once_and_never_when_it_is_retired():
    given(model, *BOTH, actor="ada").when(Promote(2, reason="first"), ADA).then(
        VersionPromoted(2, reason="first")
    )
    given(model, *PROMOTED, actor="ada").when(Promote(2), ADA).then(VersionPromoted(2, before=1))
    given(model, *PROMOTED, actor="ada").when(Promote(1), ADA).then(refused("alias-unchanged"))
    given(model, *PROMOTED, actor="ada").when(Promote(3), ADA).then(refused("version-unknown"))
    retired = (*PROMOTED, VersionRetired(2))
    given(model, *retired, actor="ada").when(Promote(2), ADA).then(refused("version-retired"))


def test_the_gate_opens_on_evidence_that_holds():
    shown = (evidence(0.97, 0.95),)
    given(model, *PROMOTED, actor="ada").when(Promote(2, evidence=shown), ADA).then(
        VersionPromoted(2, before=1, evidence=shown)
    )


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (evidence(0.955, 0.95), "gate-closed"),
        (evidence(float("nan"), 0.95), "gate-closed"),
        (evidence(0.97, 0.95, other=None), "evidence-of-others"),
        (evidence(0.97, 0.95, candidate=VersionMetric(1, "e", 1, IRIS, "9")), "evidence-of-others"),
        (evidence(0.97, 0.95, candidate=VersionMetric(2, "e", 1, WINE, "9" * 64)), "other-rows"),
        (evidence(0.97, 0.95, candidate=VersionMetric(2, "e", 1, IRIS, "8" * 64)), "other-rows"),
        (evidence(0.97, 0.95, requirement=Requirement("f1", ">", "best")), "evidence-of-others"),
    ],
)
def test_the_gate_is_closed_for_other_rows_other_versions_and_wrong_arithmetic(
    shown: GateEvidence, reason: str
):
    told = given(model, *PROMOTED, actor="ada").when(Promote(2, evidence=(shown,)), ADA)
    told.then(refused(reason))


def test_rows_without_a_digest_are_never_the_same_rows():
    unknown = evidence(
        0.97, 0.95,
        candidate=VersionMetric(2, "e2", 0.97, IRIS, ""),
        other=VersionMetric(1, "e1", 0.95, IRIS, ""),
    )  # fmt: skip
    told = given(model, *PROMOTED, actor="ada").when(Promote(2, evidence=(unknown,)), ADA)
    told.then(refused("other-rows"))


def test_a_rollback_gives_the_alias_to_the_last_version_before_that_is_not_retired():
    three = (*BOTH, version_registered(3, "t3"))
    past = (*three, VersionPromoted(1), VersionPromoted(2, before=1), VersionPromoted(3, before=2))
    given(model, *past, actor="ada").when(RollBack(reason="worse"), ADA).then(
        VersionRolledBack(2, before=3, reason="worse")
    )
    gone = (*past, VersionRetired(2))
    given(model, *gone, actor="ada").when(RollBack(), ADA).then(VersionRolledBack(1, before=3))
    back = (*past, VersionRolledBack(2, before=3))
    given(model, *back, actor="ada").when(RollBack(), ADA).then(VersionRolledBack(1, before=2))
    given(model, *PROMOTED, actor="ada").when(RollBack(), ADA).then(refused("nothing-before"))
    given(model, *BOTH, actor="ada").when(RollBack(), ADA).then(refused("alias-unknown"))


def test_a_version_with_an_alias_is_not_retired():
    given(model, *PROMOTED, actor="ada").when(RetireVersion(1), ADA).then(refused("version-in-use"))
    given(model, *PROMOTED, actor="ada").when(RetireVersion(2, "old"), ADA).then(
        VersionRetired(2, "old")
    )
    twice = (*PROMOTED, VersionRetired(2))
    given(model, *twice, actor="ada").when(RetireVersion(2), ADA).then(refused("version-retired"))


def test_aliases_are_given_and_taken_but_for_the_champion():
    given(model, *BOTH, actor="ada").when(SetAlias("next", 2), ADA).then(AliasSet("next", 2))
    given(model, *BOTH, actor="ada").when(SetAlias("champion", 2), ADA).then(
        refused("alias-by-promotion")
    )
    named = (*BOTH, AliasSet("next", 2))
    given(model, *named, actor="ada").when(SetAlias("next", 0), ADA).then(AliasSet("next", 0))
    given(model, *named, actor="ada").when(SetAlias("next", 2), ADA).then(
        refused("alias-unchanged")
    )
    given(model, *BOTH, actor="ada").when(SetAlias("next", 0), ADA).then(refused("alias-unknown"))


def test_who_may_promote_does_not_own():
    shared = (*PROMOTED, ModelShared("eve", "promote"))
    given(model, *PROMOTED, actor="ada").when(Promote(2), EVE).then(refused("forbidden"))
    given(model, *shared, actor="ada").when(Promote(2), EVE).then(VersionPromoted(2, before=1))
    given(model, *shared, actor="ada").when(DeleteModel(), EVE).then(refused("forbidden"))
    given(model, *shared, actor="ada").when(ShareModel("bob", "read"), EVE).then(
        refused("forbidden")
    )
    asked = (*PROMOTED, ModelShared("eve", "predict"))
    given(model, *asked, actor="ada").when(Promote(2), EVE).then(refused("forbidden"))
    given(model, *asked, actor="ada").when(UnshareModel("eve"), EVE).then(ModelUnshared("eve"))


def test_a_group_promotes_by_its_grant():
    shared = (*PROMOTED, ModelShared("group/churn", "promote"))
    via = Actor("eve", via="group/churn@3")
    given(model, *shared, actor="ada").when(Promote(2), via).then(VersionPromoted(2, before=1))
    other = Actor("eve", via="group/other@3")
    given(model, *shared, actor="ada").when(Promote(2), other).then(refused("forbidden"))


def test_a_deleted_name_never_means_another_model():
    gone = (*PROMOTED, ModelDeleted())
    for command in (register_version("t9"), Promote(2), DeleteModel()):
        given(model, *gone, actor="ada").when(command, ADA).then(refused("model-deleted"))
    given(model).when(Promote(1), ADA).then(refused("model-unknown"))
    root = Actor("root", grant=SYSADMIN)
    given(model, *PROMOTED, actor="ada").when(DeleteModel(), root).then(refused("forbidden"))


def test_an_alias_remembers_a_bounded_number_of_versions():
    state = model.initial
    turns = (VersionPromoted(1 + turn % 2) for turn in range(3 * MODEL_MEMORY))
    for event in (*BOTH, *turns):
        state = model.evolve(state, event, "ada")
    assert len(state.aliases["champion"]) == MODEL_MEMORY


GUARD = "errors <= 1% over 200"
CANARY = {"champion": 90, "2": 10}
SHARED = (*PROMOTED, TrafficSet(revision=1, routes=CANARY, guards=(GUARD,)))
OF_OTHER_TASK = replace(version_registered(3, "t3"), source=replace(ONE.source, task="regression"))


def test_requests_are_shared_in_percentages_that_sum_to_100():
    command = SetTraffic(routes=CANARY, sticky="customer", salt="s", guards=(GUARD,), reason="try")
    given(model, *PROMOTED, actor="ada").when(command, ADA).then(
        TrafficSet(
            revision=1, routes=CANARY, sticky="customer", salt="s", guards=(GUARD,), reason="try"
        )
    )
    given(model, *SHARED, actor="ada").when(SetTraffic(), ADA).then(TrafficSet(revision=2))
    given(model, *PROMOTED, actor="ada").when(SetTraffic(), ADA).then(refused("traffic-unchanged"))
    given(model, *BOTH, actor="ada").when(command, ADA).then(refused("no-champion"))
    given(model, *PROMOTED, actor="ada").when(command, EVE).then(refused("forbidden"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"routes": {"champion": 90, "2": 9}}, "traffic-unfit"),
        ({"routes": {"champion": 101, "2": -1}}, "traffic-unfit"),
        ({"routes": {"champion": 100, "2": 0}}, "traffic-unfit"),
        ({"routes": {str(number): 5 for number in range(20)}}, "traffic-unfit"),
        ({"sticky": "customer", "sticky_header": "X-Customer"}, "traffic-unfit"),
        ({"routes": {"champion": 90, "second": 10}}, "alias-unknown"),
        ({"routes": {"champion": 90, "02": 10}}, "alias-unknown"),
        ({"routes": {"champion": 90, "9": 10}}, "version-unknown"),
        ({"routes": {"champion": 90, "3": 10}}, "other-task"),
        ({"routes": {"champion": 90, "4": 10}}, "version-retired"),
        ({"guards": ("errors are rare",)}, "guard-unfit"),
        ({"guards": ("errors<=1% over 200",)}, "guard-unfit"),
        ({"guards": (GUARD,) * 11}, "guard-unfit"),
    ],
)
def test_traffic_that_does_not_fit_is_refused(fields: dict[str, object], reason: str):
    past = (*PROMOTED, OF_OTHER_TASK, version_registered(4, "t4"), VersionRetired(4))
    command = SetTraffic(**{"routes": CANARY, **fields})
    given(model, *past, actor="ada").when(command, ADA).then(refused(reason))


def test_what_traffic_and_shadow_name_stays():
    """A version that gets requests is not retired, and its alias is neither taken nor moved away
    to a version of another task; a promotion keeps the traffic, whose routes follow the aliases.
    """
    given(model, *SHARED, actor="ada").when(RetireVersion(2), ADA).then(refused("version-in-use"))
    past = (*PROMOTED, OF_OTHER_TASK, AliasSet("next", 2))
    for named in (TrafficSet(revision=1, routes={"next": 100}), ShadowSet("next")):
        told = given(model, *past, named, actor="ada")
        told.when(SetAlias("next", 0), ADA).then(refused("alias-in-use"))
        told.when(SetAlias("next", 3), ADA).then(refused("other-task"))
        told.when(Promote(3), ADA).then(refused("other-task"))
        told.when(Promote(2), ADA).then(VersionPromoted(2, before=1))
        told.when(SetAlias("next", 1), ADA).then(AliasSet("next", 1))
        told.when(RetireVersion(3), ADA).then(VersionRetired(3))
    shadow = (*PROMOTED, ShadowSet("2"))
    given(model, *shadow, actor="ada").when(RetireVersion(2), ADA).then(refused("version-in-use"))
    ended = (*shadow, ShadowSet(), *SHARED[-1:], TrafficSet(revision=2))
    given(model, *ended, actor="ada").when(RetireVersion(2), ADA).then(VersionRetired(2))


def test_a_shadow_is_another_version_than_the_champion():
    told = given(model, *PROMOTED, OF_OTHER_TASK, actor="ada")
    told.when(SetShadow("2", "try"), ADA).then(ShadowSet("2", "try"))
    told.when(SetShadow("1"), ADA).then(refused("shadow-answers"))
    told.when(SetShadow("champion"), ADA).then(refused("shadow-answers"))
    told.when(SetShadow("3"), ADA).then(refused("other-task"))
    told.when(SetShadow("second"), ADA).then(refused("alias-unknown"))
    told.when(SetShadow(), ADA).then(refused("shadow-unchanged"))
    told.when(SetShadow("2"), EVE).then(refused("forbidden"))


def test_a_guard_ends_the_traffic_that_was_measured():
    system, breach = Actor(SERVE), RollBackTraffic(1, 2, GUARD, 3, 57)
    told = given(model, *SHARED, actor="ada")
    told.when(breach, system).then(TrafficRolledBack(1, 2, GUARD, 3, 57))
    told.when(breach, ADA).then(refused("forbidden"))
    told.when(replace(breach, bad=2), system).then(refused("guard-holds"))
    told.when(replace(breach, requests=201), system).then(refused("guard-holds"))
    told.when(replace(breach, bad=58), system).then(refused("guard-holds"))
    others = (
        *(replace(breach, revision=2), replace(breach, number=1), replace(breach, number=3)),
        replace(breach, guard="errors <= 0% over 200"),
    )
    for other in others:
        told.when(other, system).then(refused("traffic-changed"))
    over = given(model, *SHARED, TrafficRolledBack(1, 2, GUARD, 3, 57), actor="ada")
    over.when(breach, system).then(refused("traffic-changed"))
    over.when(SetTraffic(routes=CANARY), ADA).then(TrafficSet(revision=2, routes=CANARY))
    moved = given(model, *SHARED, VersionPromoted(2, before=1), actor="ada")
    moved.when(breach, system).then(refused("traffic-changed"))


def test_a_grant_bounds_what_is_asked_in_a_second():
    limited = ModelShared("eve", "predict", 10, None)
    told = given(model, *PROMOTED, limited, actor="ada")
    told.when(ShareModel("eve", "predict", 10), ADA).then(refused("already-shared"))
    told.when(ShareModel("eve", "predict"), ADA).then(ModelShared("eve", "predict"))
    told.when(ShareModel("eve", "predict", 10, 0), ADA).then(refused("rate-unfit"))
    again = given(model, *PROMOTED, limited, ModelUnshared("eve"), actor="ada")
    again.when(ShareModel("eve", "predict", 10), ADA).then(limited)


def test_cases_are_numbered_once_and_bounded():
    small = CaseAdded(1, {"petals": 1}, "small", "setosa")
    add = AddCase(small.row, small.name, small.expect)
    given(model, ONE, actor="ada").when(add, EVE).then(refused("forbidden"))
    given(model, ONE, actor="ada").when(add, ADA).then(small)
    there = given(model, ONE, small, actor="ada")
    there.when(RemoveCase(2), ADA).then(refused("case-unknown"))
    there.when(RemoveCase(1), ADA).then(CaseRemoved(1))
    gone = given(model, ONE, small, CaseRemoved(1), actor="ada")
    gone.when(RemoveCase(1), ADA).then(refused("case-unknown"))
    gone.when(add, ADA).then(replace(small, number=2))
    many = [replace(small, number=number) for number in range(1, MODEL_CASES + 1)]
    given(model, ONE, *many, actor="ada").when(add, ADA).then(refused("too-many-cases"))
    given(model, ONE, *many, CaseRemoved(7), actor="ada").when(add, ADA).then(
        replace(small, number=MODEL_CASES + 1)
    )


def test_answers_to_cases_are_kept_if_they_are_of_the_versions_that_change_places():
    compared = (ComparedCase(number=1, name="small", before="a", after="b"),)
    right = CaseComparison(version=2, before=1, cases=compared)
    there = given(model, *PROMOTED, actor="ada")
    there.when(Promote(2, cases=right), ADA).then(VersionPromoted(2, before=1, cases=right))
    why = "another version had the alias when they were asked"
    unknown = CaseComparison(version=2, before=1, not_run=why)
    wrong = replace(right, before=0)
    there.when(Promote(2, cases=wrong), ADA).then(VersionPromoted(2, before=1, cases=unknown))
    back = CaseComparison(version=1, before=2, cases=compared)
    again = given(model, *PROMOTED, VersionPromoted(2, before=1), actor="ada")
    again.when(RollBack(cases=back), ADA).then(VersionRolledBack(1, before=2, cases=back))
