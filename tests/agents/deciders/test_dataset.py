"""The rules of a dataset: whose it is, who may use it, and that names are nobody else's."""

from functools import reduce

import pytest
from msgspec.structs import replace

from autolearn.agents.deciders.dataset import dataset
from autolearn.schemas import commands, events
from autolearn.schemas.actors import EVERYBODY, Actor, worker
from autolearn.schemas.bounds import DATASET_GRANTS, DATASET_LABELS, DATASET_VERSIONS
from tests.support import samples

NEW = commands.RegisterDataset(samples.FLOWERS)
BUNDLED = commands.RegisterDataset(samples.DATASET)
WORKER = worker("host-0-0123456789ab")


def after(*said):
    """The state after events and who caused them."""
    return reduce(lambda state, one: dataset.evolve(state, *one), said, dataset.initial)


def as_actor(name):
    """Who it is; "" is where nobody is known."""
    return Actor(name, "" if name else EVERYBODY)


def reason(state, command, actor):
    """Why a command is refused, "" if it is not."""
    answer = dataset.decide(state, command, as_actor(actor))
    return answer.reason if isinstance(answer, events.Refused) else ""


ADAS = after((events.DatasetRegistered(samples.FLOWERS), "ada"))
SHARED = after(
    (events.DatasetRegistered(samples.FLOWERS), "ada"),
    (events.DatasetShared("grace", "read"), "ada"),
    (events.DatasetShared("lise", "write"), "ada"),
)
EVERYBODYS = after((events.DatasetRegistered(samples.FLOWERS, everybody=True), "ada"))
WORKERS = after((events.DatasetRegistered(samples.DATASET), WORKER))


@pytest.mark.parametrize(
    ("state", "actor", "refused"),
    [
        (dataset.initial, "ada", ""),
        (ADAS, "ada", ""),
        (ADAS, "", ""),
        (ADAS, "grace", "dataset-taken"),
        (ADAS, WORKER, "dataset-taken"),
        (SHARED, "grace", "dataset-taken"),
        (SHARED, "lise", ""),
        (EVERYBODYS, "grace", ""),
    ],
)
def test_nobody_else_gives_content_to_a_name(state, actor, refused):
    assert reason(state, NEW, actor) == refused
    if not refused:
        assert dataset.decide(state, NEW, as_actor(actor)) == events.DatasetRegistered(
            samples.FLOWERS
        )


def test_the_owner_stays_whoever_uploads():
    theirs = dataset.evolve(SHARED, events.DatasetRegistered(samples.FLOWERS, True), "lise")
    assert theirs == SHARED


@pytest.mark.parametrize("actor", ["ada", ""])
def test_a_name_that_comes_with_autolearn_is_no_user_s(actor):
    for state in (dataset.initial, WORKERS):
        assert reason(state, BUNDLED, actor) == "dataset-reserved"
        plain = commands.RegisterDataset(replace(samples.FLOWERS, name="iris"))
        assert reason(state, plain, actor) == "dataset-reserved"
    feigned = commands.RegisterDataset(replace(samples.FLOWERS, origin="bundled"))
    assert reason(dataset.initial, feigned, actor) == "dataset-reserved"


def test_it_is_registered_once_and_nobody_shares_it():
    newer = commands.RegisterDataset(replace(samples.DATASET, version="9" * 64))
    assert reason(dataset.initial, BUNDLED, WORKER) == ""
    assert reason(WORKERS, newer, worker("another")) == "unchanged"
    assert reason(WORKERS, commands.ShareDataset("grace"), WORKER) == "forbidden"


def test_only_the_owner_shares():
    share, unshare = commands.ShareDataset("grace", "write"), commands.UnshareDataset("grace")
    assert reason(dataset.initial, share, "ada") == "dataset-unknown"
    assert dataset.decide(SHARED, share, Actor("ada")) == events.DatasetShared("grace", "work")
    assert dataset.decide(SHARED, unshare, Actor("ada")) == events.DatasetUnshared("grace")
    for actor in ("grace", "lise", worker("x")):
        assert reason(SHARED, share, actor) == reason(SHARED, unshare, actor) == "forbidden"
    assert reason(EVERYBODYS, share, "grace") == "forbidden"
    assert reason(SHARED, commands.ShareDataset("grace", "read"), "ada") == "already-shared"
    assert reason(ADAS, unshare, "ada") == "not-shared"
    taken = dataset.evolve(SHARED, events.DatasetUnshared("lise"), "ada")
    assert reason(taken, NEW, "lise") == "dataset-taken"


def test_a_grant_to_work_lets_a_user_or_the_members_of_a_group_add_versions():
    """`write` is the older word for it, which the log of an older version has."""
    for may in ("work", "write"):
        shared = dataset.evolve(ADAS, events.DatasetShared("group/churn", may), "ada")
        assert dataset.decide(shared, NEW, Actor("bob", via="group/churn@3")) != ""
        assert reason(shared, NEW, "bob") == "dataset-taken"
        assert reason(shared, commands.ShareDataset("group/churn", "work"), "ada") == (
            "already-shared"
        )
    reads = dataset.evolve(ADAS, events.DatasetShared("group/churn", "read"), "ada")
    for state in (ADAS, reads):
        refused = dataset.decide(state, NEW, Actor("bob", via="group/churn@3"))
        assert refused.reason == "dataset-taken"


def test_a_deleted_name_is_not_given_again():
    gone = after(
        (events.DatasetRegistered(samples.FLOWERS), "ada"), (events.DatasetDeleted(), "ada")
    )
    delete = commands.DeleteDataset()
    assert dataset.decide(SHARED, delete, Actor("ada")) == events.DatasetDeleted()
    for other in ("grace", "lise"):
        assert reason(SHARED, delete, other) == "forbidden"
    assert reason(WORKERS, delete, WORKER) == "forbidden"
    for command in (NEW, delete, commands.ShareDataset("grace")):
        for actor in ("ada", "grace", WORKER, ""):
            assert reason(gone, command, actor) == "dataset-deleted"


def test_it_is_shared_with_so_many_at_most():
    shared = [(events.DatasetShared(f"user-{n}", "read"), "ada") for n in range(DATASET_GRANTS)]
    full = after((events.DatasetRegistered(samples.FLOWERS), "ada"), *shared)
    assert reason(full, commands.ShareDataset("one-more"), "ada") == "too-many-readers"
    assert reason(full, commands.ShareDataset("user-0", "write"), "ada") == ""


def version(number: int, **more: object) -> commands.RegisterDataset:
    return commands.RegisterDataset(replace(samples.FLOWERS, version=f"{number:064}", **more))


def test_it_has_so_many_versions_at_most_and_those_it_has_are_taken_again():
    told = [(events.DatasetRegistered(version(n).spec), "ada") for n in range(DATASET_VERSIONS)]
    assert reason(after(*told[1:]), version(DATASET_VERSIONS), "ada") == ""
    full = after(*told, *told[:5])
    refused = dataset.decide(full, version(DATASET_VERSIONS), Actor("ada"))
    assert refused.reason == "too-many-versions"
    assert f"{DATASET_VERSIONS} versions" in refused.detail
    assert "by another name" in refused.detail
    assert reason(full, version(7, summary="In other words"), "ada") == ""
    sealed = version(0, stored="e" * 64)
    assert reason(full, sealed, "ada") == "too-many-versions", "it is stored once more"


def marked(**more: object) -> commands.RegisterDataset:
    return replace(NEW, marks=True, **more)


def test_marks_are_more_by_who_may_write_and_fewer_by_the_owner():
    once = after((events.DatasetRegistered(samples.FLOWERS, marks=True), "ada"))
    assert dataset.decide(SHARED, marked(), Actor("lise")) == events.DatasetRegistered(
        samples.FLOWERS, marks=True
    )
    assert reason(SHARED, marked(), "grace") == "dataset-taken"
    assert reason(once, marked(after=1, unmarks=True), "ada") == ""
    shared = dataset.evolve(once, events.DatasetShared("lise", "write"), "ada")
    assert reason(shared, marked(after=1, unmarks=True), "lise") == "forbidden"
    assert reason(shared, marked(after=1), "lise") == ""


def test_who_does_not_know_the_newest_marks_takes_none_of_them_away():
    once = dataset.evolve(ADAS, events.DatasetRegistered(samples.FLOWERS, marks=True), "ada")
    for command in (NEW, marked(), marked(after=2)):
        assert reason(once, command, "ada") == "dataset-changed"
    assert reason(once, replace(NEW, after=1), "ada") == ""
    again = dataset.evolve(once, events.DatasetRegistered(samples.FLOWERS), "ada")
    assert again == once


def test_labels_are_given_by_those_who_may_change_it_and_are_bounded():
    label = commands.LabelRows("9" * 64, "species", 7, 2, samples.LABELS)
    for actor, refused in (("ada", ""), ("lise", ""), ("grace", "forbidden"), ("eve", "forbidden")):
        assert reason(SHARED, label, actor) == refused
    assert reason(EVERYBODYS, label, "grace") == ""
    assert reason(WORKERS, label, "grace") == reason(WORKERS, label, WORKER) == "forbidden"
    assert dataset.decide(ADAS, label, Actor("ada")) == events.RowsLabelled(
        "9" * 64, "species", 7, 2, samples.LABELS
    )
    full = dataset.evolve(
        ADAS, events.RowsLabelled("9" * 64, "species", 7, DATASET_LABELS - 1), "ada"
    )
    assert reason(full, label, "ada") == "too-many-labels"
    assert reason(full, replace(label, rows=1, labels=samples.LABELS[:1]), "ada") == ""
    assert reason(ADAS, replace(label, rows=0), "ada") == "too-many-labels"


def test_what_is_expected_is_said_by_those_who_may_change_it_and_one_after_the_other():
    expect = commands.ExpectDataset(1, samples.EXPECTED)
    for actor, refused in (("ada", ""), ("lise", ""), ("grace", "forbidden"), ("eve", "forbidden")):
        assert reason(SHARED, expect, actor) == refused
    assert reason(WORKERS, expect, "grace") == "forbidden"
    said = dataset.decide(ADAS, expect, Actor("ada"))
    assert said == events.DatasetExpected(1, samples.EXPECTED)
    once = dataset.evolve(ADAS, said, "ada")
    assert reason(once, expect, "ada") == "dataset-changed"
    assert reason(once, replace(expect, number=2), "ada") == ""
