"""Whose sessions are: the lists of each user are what can be told of all, one by one."""

from random import Random

import pytest
from msgspec.structs import replace

from autolearn.projections.queries.queries import Snapshot
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import prefix_of
from tests.support import samples
from tests.support.random_histories import history

USERS = ("ada", "grace", "lise")
"""Sessions are of ada or grace; they are shared with these two, too."""

SEEDS = (*range(36), 59, 99, 140, 166)
"""The last four of these histories have a commit, which few random ones have."""


def told(seed: int) -> Snapshot:
    """What is known after a random history, in which two sessions have two owners."""
    store = MemoryStore()
    models = ReadModels(store)
    random = Random(seed)
    for offset, record in enumerate(history(random, 150), 1):
        owner = "ada" if record.subject == samples.SESSION else "grace"
        models.fold(replace(record, actor=owner), 0, offset)
        if random.random() < 0.3:  # several events in one batch, or one alone
            models.commit({})
    models.commit({})
    return Snapshot(store)


def is_theirs(now: Snapshot, session: str, user: str) -> bool:
    shared = now.sessions.reader(session, user) is not None
    return shared or now.sessions.owner(session) == user


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lists_of_a_user_have_what_is_owned_or_shared(seed: int):
    now = told(seed)
    for ask, time in ((now.sessions.newest, "created"), (now.experiments.newest, "committed")):
        for user in USERS:
            expected = [row for row in ask() if is_theirs(now, row.id, user)]
            assert list(ask(None, user)) == expected
            paged, after = [], None
            while row := next(ask(after, user), None):
                paged.append(row)
                after = (getattr(row, time), row.id)
            assert paged == expected
            others = [row for row in expected if row.actor != user]
            assert list(ask(None, user, shared=True)) == others


def ids_in(now: Snapshot, index: str) -> set[str]:
    found = now.rows.content.scan(prefix_of(index))
    return {at.rpartition(b"\0")[2].decode() for at, _ in found}


def test_nothing_is_left_in_an_index_that_is_not_there():
    for seed in SEEDS:
        now = told(seed)
        for kind, rows in (("session", now.sessions), ("experiment", now.experiments)):
            there = {row.id for row in rows.newest()}
            assert ids_in(now, f"{kind}-of") == there
            assert ids_in(now, f"{kind}-with") <= there
        shared = {
            tuple(at.decode().split("\0")[1:])
            for at, _ in now.rows.content.scan(b"session-shared\0")
        }
        read = {
            tuple(reversed(at.decode().split("\0")[1:]))
            for at, _ in now.rows.content.scan(prefix_of("session-reader"))
        }
        assert shared == read


def test_random_histories_reach_what_the_tests_are_about():
    seen = dict.fromkeys(("own", "shared", "committed"), 0)
    for seed in SEEDS:
        now = told(seed)
        for user in USERS:
            open_ = list(now.sessions.newest(None, user))
            kept = list(now.experiments.newest(None, user))
            seen["own"] += sum(row.actor == user for row in open_)
            seen["shared"] += sum(row.actor != user for row in (*open_, *kept))
            seen["committed"] += len(kept)
    assert all(count > 1 for count in seen.values()), seen
