"""The rules of models: who answers, by whose decision, and on what evidence."""

import pytest
from msgspec.structs import replace

from autolearn.agents.deciders.model import model
from autolearn.agents.deciders.specification import Refused, given
from autolearn.schemas.actors import SYSADMIN, Actor
from autolearn.schemas.bounds import MODEL_MEMORY
from autolearn.schemas.commands import (
    DeleteModel,
    Promote,
    RetireVersion,
    RollBack,
    SetAlias,
    ShareModel,
    UnshareModel,
)
from autolearn.schemas.events import (
    AliasSet,
    ModelDeleted,
    ModelShared,
    ModelUnshared,
    VersionPromoted,
    VersionRetired,
    VersionRolledBack,
)
from autolearn.schemas.models.promotion import GateEvidence, Requirement, VersionMetric
from tests.support.samples import IRIS, WINE, register_version, version_registered

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
