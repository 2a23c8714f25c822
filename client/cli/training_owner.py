"""Finds a training, or an experiment for all of its trainings, by what a user calls it."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from autolearn.client.cli.connection import Connection, NoSession, only
from autolearn.client.cli.current_session import Current
from autolearn.client.cli.exit_codes import words_of
from autolearn.client.cli.terminal_text import printable
from autolearn.client.cli.titles import NothingSo
from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.sessions import ExperimentHandle, SessionHandle
from autolearn.schemas.rest.models import ModelVersion

_START = re.compile(r"[0-9a-f-]{1,36}")
_ABSENT = ("run-unknown", "malformed-id")


class TrainingOwner(NamedTuple):
    """A session or an experiment, and the id of the training that is meant: None for all."""

    owner: SessionHandle | ExperimentHandle
    training: str | None

    def say(self) -> None:
        """Name the session or experiment on standard error."""
        kind = "session" if isinstance(self.owner, SessionHandle) else "experiment"
        data = self.owner.refresh().data
        print(printable(f"{kind}  {Current(data.id, data.title)}"), file=sys.stderr)


def owner_of(to: Connection, given: str) -> TrainingOwner:
    """Return the owner of a training, or an experiment itself.

    `given` is the id, or the start of it, of a training of the current session, of an experiment,
    or of a training of any experiment; or it is the title of an experiment, or a version of a model
    as NAME@VERSION.

    Raises:
        NothingSo: there is no such thing, no title begins so, or several do; or the version has no
            experiment.
        Problem: several trainings of the session begin so.
        typer.BadParameter: it is the start of several ids.
    """
    if (version := version_in(to, given)) is not None:
        if not version.experiment:
            raise NothingSo(
                f"{given} was imported without an experiment, by an earlier AutoLearn.",
                advice=f"Register it anew: autolearn model register {version.model} --file FILE",
            )
        return TrainingOwner(to.experiment(version.experiment), version.training)
    absent: Problem | None = None
    if _START.fullmatch(given.lower()) and (session := _open_session(to)) is not None:
        try:
            return TrainingOwner(session, session.training(given).id)
        except Problem as problem:
            if problem.kind not in _ABSENT:
                raise
            absent = problem if [*session.trainings(limit=1)] else None
    try:
        return _kept(to, given)
    except NothingSo:
        if absent is not None:  # it names the trainings of the session
            raise absent from None
        raise


def version_in(to: Connection, given: str) -> ModelVersion | None:
    """Return the version that is given as NAME@VERSION, None if something else is given."""
    name, at, version = given.partition("@")
    if not at:
        return None
    try:
        return to.client.model(name).version(version)
    except Problem as problem:
        if problem.kind in ("model-unknown", "malformed-id"):  # the title of an experiment
            return None
        raise


def _kept(to: Connection, given: str) -> TrainingOwner:
    """Return an experiment, or a training of one with it. Raises as `owner_of`."""
    given = to.find(given, "experiment")
    owners = {
        training: item["id"]
        for item in to.every(to.client.experiments.list())
        for training in item["trainings"]
    }
    what = "experiment, training of one, or training of the session that is meant,"
    chosen = only(given, lambda: {*owners, *owners.values()}, what)
    if chosen not in owners and chosen not in owners.values():
        raise NothingSo(
            f"{given!r} is no experiment, no training of one, and no training of the session that "
            "is meant.",
            advice="`autolearn experiment list` and `autolearn session show` have the ids.",
        )
    experiment = to.experiment(owners.get(chosen, chosen))
    return TrainingOwner(experiment, chosen if chosen in owners else None)


def _open_session(to: Connection) -> SessionHandle | None:
    if not to.wanted and to.current.get() is None:
        return None
    try:
        return to.session()
    except NoSession as over:  # an experiment can be used without one
        print(words_of(over), file=sys.stderr)
        return None
