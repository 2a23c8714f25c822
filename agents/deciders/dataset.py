"""The rules of a dataset: its owner, and the grants to use and change it.

The first uploader owns it; bundled datasets are registered once, by a worker.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import asdict, replace

from autolearn.agents.deciders.decider import Decider
from autolearn.schemas import commands, events
from autolearn.schemas.actors import Actor
from autolearn.schemas.bounds import DATASET_GRANTS, DATASET_LABELS, DATASET_VERSIONS
from autolearn.schemas.catalog import BUNDLED_DATASETS, too_many_versions
from autolearn.schemas.messages import Event
from autolearn.schemas.values import May


class Unregistered(Struct, frozen=True, tag="unregistered"):
    """There is no such dataset yet."""


class Registered(Struct, frozen=True, tag="registered"):
    """A dataset: its owner, and its grants. `everybody` may do all but share it."""

    owner: str
    everybody: bool = False
    bundled: bool = False
    grants: dict[str, May] = {}
    marks: int = 0
    """The number of changes of its sensitive columns."""
    contents: tuple[str, ...] = ()
    """The digests of its versions in the artifact store."""
    labels: int = 0
    """The number of labels that were given to its rows."""
    expected: int = 0
    """The number of changes of its expectations."""


class Deleted(Struct, frozen=True, tag="deleted"):
    """A deleted dataset, whose name is never reused: references never mean other data."""


Dataset = Unregistered | Registered | Deleted

DatasetCommand = (
    commands.RegisterDataset
    | commands.LabelRows
    | commands.ExpectDataset
    | commands.ShareDataset
    | commands.UnshareDataset
    | commands.DeleteDataset
)


def _decide(state: Dataset, command: DatasetCommand, actor: Actor) -> Event:
    """Answer a command to a dataset."""
    match state, command:
        case Deleted(), _:
            why = "This dataset was deleted, and its name is not given again: choose another."
            return events.Refused("dataset-deleted", why)
        case Unregistered() | Registered(), commands.RegisterDataset():
            return _register(state, command, actor)
        case Unregistered(), _:
            return events.Refused("dataset-unknown", "There is no dataset with this name.")
        case Registered(), commands.LabelRows():
            return _label(state, command, actor)
        case Registered(), commands.ExpectDataset():
            return _expect(state, command, actor)
        case Registered(), _ if not _owns(state, actor):
            return events.Refused("forbidden", "Only the owner of a dataset can do that.")
        case Registered(), commands.DeleteDataset():
            return events.DatasetDeleted()
        case Registered(grants=grants), commands.ShareDataset(user=user, may=may):
            may = "read" if may == "read" else "work"
            if grants.get(user) == may:
                what = "read" if may == "read" else "add versions to"
                return events.Refused("already-shared", f"{user} may {what} this dataset already.")
            if user not in grants and len(grants) >= DATASET_GRANTS:
                why = f"It is shared with at most {DATASET_GRANTS} users and groups"
                return events.Refused("too-many-readers", f"{why}: unshare it first.")
            return events.DatasetShared(user, may)
        case Registered(grants=grants), commands.UnshareDataset(user=user):
            if user not in grants:
                return events.Refused("not-shared", f"This dataset is not shared with {user}.")
            return events.DatasetUnshared(user)
        case _:
            assert_never((state, command))


def _register(
    state: Unregistered | Registered, command: commands.RegisterDataset, actor: Actor
) -> Event:
    """Accept a new dataset, or a new version by a principal who may change it."""
    spec, worker = command.spec, actor.is_worker
    registered = events.DatasetRegistered(spec, command.everybody, command.marks)
    bundled = spec.name in BUNDLED_DATASETS or spec.origin == "bundled"
    if isinstance(state, Registered) and state.bundled and worker:
        return events.Refused("unchanged", f"The catalog has {spec.name} already.")
    if bundled and not worker and not (isinstance(state, Registered) and not state.bundled):
        why = f"{spec.name} is the name of a dataset that comes with AutoLearn: choose another."
        return events.Refused("dataset-reserved", why)
    if isinstance(state, Unregistered):
        return registered
    if not _may_change(state, actor):
        why = f"{spec.name} is somebody else's dataset: choose another name."
        return events.Refused("dataset-taken", why)
    if command.unmarks and not _owns(state, actor):
        why = "Only the owner of a dataset can say that a column is sensitive no longer."
        return events.Refused("forbidden", why)
    if command.after != state.marks:
        why = "Its sensitive columns have just been changed by somebody: look at it, and try again."
        return events.Refused("dataset-changed", why)
    if spec.ref.content not in state.contents and len(state.contents) >= DATASET_VERSIONS:
        return events.Refused("too-many-versions", too_many_versions(spec.name))
    return registered


def _label(state: Registered, command: commands.LabelRows, actor: Actor) -> Event:
    """Accept labels of a principal who may change the dataset."""
    if state.bundled or not _may_change(state, actor):
        why = "Only the owner of a dataset, and those who may change it, can label its rows."
        return events.Refused("forbidden", why)
    if command.rows < 1 or state.labels + command.rows > DATASET_LABELS:
        why = (
            f"Its rows were given {state.labels:,} labels, and at most {DATASET_LABELS:,} are "
            "taken; no setting raises that. Make a dataset of another name of them (dataset add "
            "NAME --from-labels), and go on with that."
        )
        return events.Refused("too-many-labels", why)
    return events.RowsLabelled(**asdict(command))


def _expect(state: Registered, command: commands.ExpectDataset, actor: Actor) -> Event:
    """Accept expectations of a principal who may change the dataset."""
    if state.bundled or not _may_change(state, actor):
        why = "Only the owner of a dataset, and those who may change it, say what is expected."
        return events.Refused("forbidden", why)
    if command.number != state.expected + 1:
        why = "Its expectations have just been changed by somebody: look at them, and try again."
        return events.Refused("dataset-changed", why)
    return events.DatasetExpected(command.number, command.expectations)


def _may_change(state: Registered, actor: Actor) -> bool:
    return _owns(state, actor) or state.everybody or actor.may_work(state.grants)


def _owns(state: Registered, actor: Actor) -> bool:
    return not state.bundled and actor.owns(state.owner)


def _evolve(state: Dataset, event: Event, actor: str) -> Dataset:
    """Return the dataset after an event."""
    match state, event:
        case Unregistered(), events.DatasetRegistered(spec=spec, everybody=everybody, marks=marks):
            bundled, first = spec.origin == "bundled", (spec.ref.content,)
            everybody = everybody or bundled
            return Registered(actor, everybody, bundled, marks=int(marks), contents=first)
        case Registered(contents=contents), events.DatasetRegistered(spec=spec, marks=marks):
            if spec.ref.content not in contents:
                contents = (*contents, spec.ref.content)
            return replace(state, marks=state.marks + marks, contents=contents)
        case Registered(labels=labels), events.RowsLabelled(rows=rows):
            return replace(state, labels=labels + rows)
        case Registered(), events.DatasetExpected(number=number):
            return replace(state, expected=number)
        case Registered(grants=grants), events.DatasetShared(user=user, may=may):
            may = "work" if may == "write" else may
            return replace(state, grants={**grants, user: may})
        case Registered(grants=grants), events.DatasetUnshared(user=user):
            return replace(
                state, grants={name: may for name, may in grants.items() if name != user}
            )
        case Registered(), events.DatasetDeleted():
            return Deleted()
        case _:
            return state


dataset: Decider[Dataset, DatasetCommand] = Decider(
    initial=Unregistered(),
    decide=_decide,
    evolve=_evolve,
    kind=Dataset,
    commands=commands.COMMANDS_OF["dataset"],
)
