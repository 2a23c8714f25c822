"""What a principal has of a stream, by its kind: what has no rule is nobody's."""

from __future__ import annotations

import pytest

from autolearn.api.identity.principal import EVERYBODY, Principal, still_let_in
from autolearn.api.identity.visibility import Level, Visibility, model_grant
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.rows.groups import GROUPS, MEMBERS, StoredGroup
from autolearn.projections.rows.models import GRANTS, MODELS, StoredModel
from autolearn.projections.rows.users import TOKENS, USERS, StoredToken, StoredUser
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.schemas.rest.groups import GroupMember
from autolearn.schemas.rest.models import ModelGrant
from autolearn.schemas.stream_kinds import KINDS

ADA, ROOT = Principal("ada"), Principal("root", sysadmin=True)
LEVELS = {
    "dataset": Level.NOTHING,
    "estimator": Level.READ,
    "metric": Level.READ,
    "step": Level.READ,
    "pipeline": Level.NOTHING,
    "session": Level.NOTHING,
    "user": Level.NOTHING,
    "group": Level.NOTHING,
    "model": Level.NOTHING,
    "partition": Level.READ,
    "connection": Level.NOTHING,
}
"""What somebody has of a stream with which nothing connects them."""


def test_every_kind_of_stream_has_a_rule():
    assert KINDS.keys() <= LEVELS.keys()


@pytest.mark.parametrize(("kind", "level"), LEVELS.items())
def test_a_stream_is_for_those_of_whom_a_rule_says_so(kind: str, level: Level):
    queries = ReadModelQueries(MemoryStore())
    assert Visibility(ADA, queries).level(f"{kind}/other") is level
    if level is Level.NOTHING and kind != "user":
        assert Visibility(ROOT, queries).level(f"{kind}/other") is Level.NOTHING


def test_a_user_is_shown_in_outline_to_the_user_and_to_sysadmins():
    queries = ReadModelQueries(MemoryStore())
    for who, level in ((ADA, Level.ACTIVITY), (ROOT, Level.ACTIVITY), (EVERYBODY, Level.ACTIVITY)):
        sight = Visibility(who, queries)
        assert sight.level("user/ada") is level
        assert sight.knows("user/ada")


@pytest.mark.parametrize("was", ["sysadmin", "user", "viewer"])
@pytest.mark.parametrize("now", ["sysadmin", "user", "viewer"])
def test_who_follows_is_let_in_only_as_what_they_were(was: str, now: str):
    """As when a sysadmin is made a user: an open feed shows everybody's activity."""
    store = MemoryStore()
    rows = RowBatch(store)
    rows.put(USERS, StoredUser(now, "", False, "", ""), "ada")
    rows.put(TOKENS, StoredToken("ada", "", "", "", None), "t")
    rows.commit({})
    who = Principal("ada", was == "sysadmin", viewer=was == "viewer", token="t")
    assert still_let_in(ReadModelQueries(store), who) is (was == now)


def test_the_rates_of_a_grant_are_those_of_the_user_else_of_the_group():
    store = MemoryStore()
    rows = RowBatch(store)
    rows.put(MODELS, StoredModel("ada", "", "", 1), "churn")
    rows.put(GROUPS, StoredGroup("ada", "", "", 3, 2), "team")
    own = ModelGrant("bob", "predict", "", requests_per_second=1)
    shared = ModelGrant("group/team", "predict", "", requests_per_second=5)
    for grant in (own, shared):
        rows.put(GRANTS, grant, "churn", grant.user)
    rows.put(MEMBERS, GroupMember("eve", ""), "team", "eve")
    rows.commit({})
    now = ReadModelQueries(store).now()
    assert model_grant(Principal("bob"), now, "churn") == own
    assert model_grant(Principal("eve"), now, "churn") == shared
    for who in (ADA, EVERYBODY, Principal("lise")):
        assert model_grant(who, now, "churn") is None
