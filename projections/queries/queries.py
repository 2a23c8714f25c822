"""The queries of the read models. All queries of one `Snapshot` see the same state."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Literal

from msgspec import Raw

from autolearn.eventlog.admission import PartitionProgress
from autolearn.eventlog.encryption.session_cipher import key_of_kept
from autolearn.projections.digests import digest
from autolearn.projections.queries.immutable_rows import MARKS_KNOWN, Data, ImmutableRows, remember
from autolearn.projections.queries.run_rows import (
    Opens,
    Registration,
    dataset_of,
    in_clear,
    run_row,
)
from autolearn.projections.rows.stored_rows import (
    StoredDataset,
    StoredExperiment,
    StoredRun,
    StoredSession,
    StoredToken,
    StoredTokens,
    StoredUser,
    StoredWork,
    StreamRow,
)
from autolearn.projections.rows.view_rows import (
    Answer,
    DatasetOwner,
    DatasetRow,
    EndedRow,
    EstimatorRow,
    IndexEntry,
    MetricRow,
    QuotaRow,
    StoredBytes,
)
from autolearn.projections.storage.row_batch import PROGRESS
from autolearn.projections.storage.row_reader import RowReader, decode
from autolearn.projections.storage.store import Readable, Store, key, prefix_of
from autolearn.projections.views import VIEWS
from autolearn.projections.views.command_answers import answer_key
from autolearn.projections.views.runs import data_key, place_key, run_key
from autolearn.projections.views.stream_index import stream_prefix
from autolearn.projections.views.users import quota_key, token_key, tokens_key, user_key
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.codec import from_json
from autolearn.schemas.events import DatasetRegistered, SessionOpened
from autolearn.schemas.rest.catalog import Grant
from autolearn.schemas.rest.experiments import ExperimentRow
from autolearn.schemas.rest.runs import RunRow, TrainingRow
from autolearn.schemas.rest.sessions import Reader, SessionRow
from autolearn.schemas.rest.users import AccessToken, User
from autolearn.schemas.values import DatasetRef
from autolearn.security.data_key import Unreadable

__all__ = ["May", "Snapshot", "ReadModelQueries", "anything"]

KIB, DATASETS = 1024, prefix_of("dataset")
RunData = Literal["run-request", "run-outcome"]
RUN_DATA: tuple[RunData, RunData] = ("run-request", "run-outcome")
May = Callable[[str], bool]
"""Returns whether the principal may see a session, experiment or dataset, by its id or name."""

After = tuple[str, str] | None
"""The (time, id) of the last item of the page before; None at the beginning."""


def _merge(*names: Iterable[str]) -> Iterator[str]:
    return (name for name, _ in groupby(heapq.merge(*names)))


def anything(_: str) -> bool:
    """Allow everything."""
    return True


class ReadModelQueries:
    """The read models of a store that a projector writes at the same time.

    `opens` decrypts their data.
    """

    def __init__(self, store: Store, opens: Opens = in_clear) -> None:
        self.store, self.opens, self.known = store, opens, ImmutableRows()

    def now(self) -> Snapshot:
        """Return a snapshot of the present read models, for one thread and a short time."""
        return Snapshot(self.store.snapshot(), self.opens, known=self.known)

    def answer(self, command: str) -> Answer | None:
        """Return the answer to a command, if there is one."""
        value = self.store.get(answer_key(command))
        return None if value is None else decode(value, Answer)

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the progress of the store, per partition."""
        return self.now().progress()

    def latest(self) -> Snapshot:
        """Return the read models without a snapshot: each query sees the newest state.

        It costs less than `now`, and is for one query at a time.
        """
        return Snapshot(self.store, self.opens, known=self.known)


class Snapshot(RowReader):
    """The read models at one moment, whatever is folded meanwhile.

    `known` caches immutable rows. `looked` is the cost of lists: each run that was read for an
    experiment, and each KiB of a dataset. A snapshot of the past may be `full`: then a list
    continues behind the loaded part.
    """

    def __init__(
        self,
        content: Readable,
        opens: Opens = in_clear,
        present: Snapshot | None = None,
        known: ImmutableRows | None = None,
    ) -> None:
        """Take the rows. The sensitive columns are those of `present`, without it of this one."""
        super().__init__(content)
        self.opens, self.present, self.looked = opens, present or self, 0
        self.full = False
        self.known = known or ImmutableRows()

    # The position in the log

    def progress(self) -> dict[int, PartitionProgress]:
        """Return the position of this moment, per partition of `events`."""
        return {
            int.from_bytes(at[-8:], "big"): decode(value, PartitionProgress)
            for at, value in self.content.scan(prefix_of(PROGRESS))
        }

    def answer(self, command: str) -> Answer | None:
        """Return the answer to a command, if there is one."""
        return self.get(answer_key(command), Answer)

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each view's content."""
        return {view: digest(self.content, view) for view in VIEWS}

    # The catalog

    def estimator(self, name: str) -> EstimatorRow | None:
        """Return an estimator."""
        return self.get(key("estimator", name), EstimatorRow)

    def estimators(self) -> list[EstimatorRow]:
        """Return all estimators, by name."""
        return list(self.scan(prefix_of("estimator"), EstimatorRow))

    def metric(self, name: str) -> MetricRow | None:
        """Return a metric."""
        return self.get(key("metric", name), MetricRow)

    def metrics(self) -> list[MetricRow]:
        """Return all metrics, by name."""
        return list(self.scan(prefix_of("metric"), MetricRow))

    def dataset(self, name: str, version: str | None = None) -> DatasetRow | None:
        """Return a dataset: its newest version, or the named one."""
        at = key("dataset", name)
        if version is not None:
            found = (one for _, one in self.contents(name) if self.version(name, one) == version)
            if (content := next(found, None)) is None:
                return None
            at = key("dataset-version", name, content)
        row = self.get(at, StoredDataset)
        return None if row is None else self._dataset_row(name, row)

    def has_version(self, name: str, version: str) -> bool:
        """Return whether a dataset has a version."""
        return any(self.version(name, content) == version for _, content in self.contents(name))

    def contents(self, name: str, after: After = None) -> Iterator[tuple[str, str]]:
        """Yield values of `after`: time of registration and content of versions, newest first.

        Their registrations are not read.
        """
        index = ("dataset-version-by-time", name)
        bound = key(*index, *after) if after else b""
        for at, _ in self.content.scan(prefix_of(*index), after=bound, reverse=True):
            time, _, content = at.decode().rpartition("\0")
            yield time.rpartition("\0")[2], content

    def version(self, name: str, content: str) -> str | None:
        """Return the version of a content; None if it cannot be read.

        It never changes, and is decrypted once.
        """
        if (known := self.known.versions.get((name, content))) is not None:
            return known
        row = self.get(key("dataset-version", name, content), StoredDataset)
        if row is None:
            return None
        try:
            said = from_json(self.opens(f"dataset/{name}", row.registration), Registration)
        except Unreadable:
            return None
        return remember(self.known.versions, (name, content), said.spec.version)

    def held_bytes(self, name: str) -> list[int]:
        """Return the bytes of each version of a dataset."""
        return [
            row.bytes for row in self.scan(prefix_of("dataset-version-by-time", name), StoredBytes)
        ]

    def _dataset_row(self, name: str, row: StoredDataset) -> DatasetRow | None:
        """Return a version of a dataset with its specification; None if it cannot be read."""
        spec = self.spec(name, row)
        if spec is None:
            return None
        return DatasetRow(spec.masked(self.present.sensitive(name)), row.registered)

    def spec(self, name: str, row: StoredDataset) -> DatasetSpec | None:
        """Return the registered specification of a version; None if unreadable."""
        try:
            return from_json(
                self.opens(f"dataset/{name}", row.registration), DatasetRegistered
            ).spec
        except Unreadable:
            return None

    def sensitive(self, name: str) -> tuple[str, ...]:
        """Return the columns of a dataset whose values are hidden, in any version."""
        owner = self.dataset_owner(name)
        if owner is None or not owner.marks:
            return ()
        if (known := self.known.sensitive.get((name, owner.marks))) is not None:
            return known
        row = self.get(key("dataset", name), StoredDataset)
        spec = None if row is None else self.spec(name, row)
        if spec is None:
            return ()
        return remember(self.known.sensitive, (name, owner.marks), spec.sensitive, MARKS_KNOWN)

    def datasets(
        self, after: str = "", limit: int | None = None, may: May = anything
    ) -> list[DatasetRow]:
        """Return the first of what `each_dataset` yields."""
        return list(islice(self.each_dataset(after, may), limit))

    def each_dataset(self, after: str = "", may: May = anything) -> Iterator[DatasetRow]:
        """Yield the newest version of datasets that one `may` see, by name, past `after`.

        Each is read and decrypted on demand.
        """
        bound = key("dataset", after) if after else b""
        for at, value in self.content.scan(DATASETS, after=bound):
            name = at.rpartition(b"\0")[2].decode()
            if may(name):
                self.looked += len(value) // KIB
                row = self._dataset_row(name, decode(value, StoredDataset))
                if row is not None:
                    yield row

    def dataset_names(self, may: May = anything) -> Iterator[str]:
        """Yield the names of datasets that one `may` see, in order, without decryption."""
        names = (at.rpartition(b"\0")[2].decode() for at, _ in self.content.scan(DATASETS))
        return filter(may, names)

    def has_dataset(self, name: str) -> bool:
        """Return whether a dataset exists, without decryption."""
        return self.content.get(key("dataset", name)) is not None

    def dataset_versions(self, name: str) -> Iterator[DatasetRow]:
        """Yield all versions of a dataset, newest first, each read on demand."""
        return (row for _, row in self.each_version(name))

    def version_names(self, name: str) -> list[str]:
        """Return the readable versions of a dataset, newest first."""
        found = (self.version(name, content) for _, content in self.contents(name))
        return [version for version in found if version is not None]

    def each_version(self, name: str, after: After = None) -> Iterator[tuple[After, DatasetRow]]:
        """Yield the versions of a dataset, newest first, past (time of registration, content).

        Each comes with its value for `after`; it is read and decrypted on demand.
        """
        for time, content in self.contents(name, after):
            stored = self.get(key("dataset-version", name, content), StoredDataset)
            if stored is None:
                continue  # it has just been deleted
            self.looked += len(stored.registration) // KIB
            row = self._dataset_row(name, stored)
            if row is not None:
                yield (time, content), row

    def dataset_owner(self, name: str) -> DatasetOwner | None:
        """Return the owner of a dataset, also of a deleted one; None if there never was one."""
        return self.get(key("dataset-owner", name), DatasetOwner)

    def dataset_bytes(self, user: str) -> int:
        """Return the bytes of all versions of a user's datasets, as the quota counts them."""
        held = self.get(key("dataset-bytes", user), StoredBytes)
        return 0 if held is None else held.bytes

    def kept_with(self, name: str) -> list[str]:
        """Return the experiments with a run on a dataset, as far as they can be read.

        It reads all experiments.
        """
        ids = (
            at.rpartition(b"\0")[2].decode() for at, _ in self.content.scan(prefix_of("experiment"))
        )
        return [one for one in ids if self.needs(one, name)]

    def needs(self, experiment: str, name: str) -> bool:
        """Return whether an experiment has a run on a dataset; False if it cannot be read."""
        try:
            return any(ref.name == name for refs in self._data_of(experiment) for ref in refs)
        except Unreadable:
            return False

    def grants(self, name: str) -> list[Grant]:
        """Return the grants of a dataset by user, without its owner."""
        return list(self.scan(prefix_of("dataset-grant", name), Grant))

    def grant(self, name: str, user: str) -> Grant | None:
        """Return a user's grant of a shared dataset."""
        return self.get(key("dataset-grant", name, user), Grant)

    # Sessions and experiments

    def session(self, session: str) -> SessionRow | None:
        """Return an open session."""
        row = self.get(key("session", session), StoredSession)
        if row is None:
            return None
        opened = self.opened(session, row.opened)
        return SessionRow(
            id=session,
            title=opened.title if opened else "",
            created=row.created,
            actor=row.actor,
            updated=row.updated,
            sequence=row.sequence,
            expires=opened.expires if opened else 0,
            expiring=row.expiring,
            unreadable=opened is None,
        )

    def opened(self, session: str, data: Raw) -> SessionOpened | None:
        """Return the event that opened a session, None if it cannot be read."""
        try:
            return from_json(self.opens(f"session/{session}", data), SessionOpened)
        except Unreadable:
            return None

    def session_keyid(self, session: str) -> str | None:
        """Return the id of the key of a session or experiment, "" if it has none.

        None: there is none, or nothing of it was kept.
        """
        row: StoredSession | StoredExperiment | None
        row = self.get(key("session", session), StoredSession)
        row = row or self.get(key("experiment", session), StoredExperiment)
        return None if row is None else key_of_kept(row.opened)

    def ended(self, session: str) -> EndedRow | None:
        """Return the end of a session."""
        return self.get(key("session-ended", session), EndedRow)

    def sessions(self, after: After, limit: int, whose: str | None = None) -> list[SessionRow]:
        """Return the first of what `each_session` yields."""
        return list(islice(self.each_session(after, whose), limit))

    def each_session(self, after: After, whose: str | None = None) -> Iterator[SessionRow]:
        """Yield open sessions, newest first, past (time of creation, id).

        Without `whose` those of all users, else those that this user owns or reads. Each is read
        and decrypted on demand.
        """
        ids = self.newest("session", after, whose)
        return (row for at in ids if (row := self.session(at)) is not None)

    def has_session(self, session: str) -> bool:
        """Return whether a session is open."""
        return self.content.get(key("session", session)) is not None

    def has_experiment(self, experiment: str) -> bool:
        """Return whether there is an experiment."""
        return self.content.get(key("experiment", experiment)) is not None

    def experiment(self, experiment: str) -> ExperimentRow | None:
        """Return an experiment."""
        row = self.get(key("experiment", experiment), StoredExperiment)
        return None if row is None else self.experiment_row(experiment, row)

    def gone(self, experiment: str) -> ExperimentRow | None:
        """Return the remaining row of a deleted experiment."""
        row = self.get(key("experiment-gone", experiment), StoredExperiment)
        return None if row is None else self.experiment_row(experiment, row)

    def committed(self, experiment: str, *, gone: bool = False) -> StoredExperiment | None:
        """Return the stored row of an experiment, or of a deleted one, without decryption."""
        table = "experiment-gone" if gone else "experiment"
        return self.get(key(table, experiment), StoredExperiment)

    def experiment_row(self, experiment: str, row: StoredExperiment) -> ExperimentRow:
        """Return an experiment with its data, as far as these can be read."""
        opened = self.opened(experiment, row.opened)
        training_data, evaluation_data = self._data_of(experiment) if opened else ((), ())
        return ExperimentRow(
            id=experiment,
            title=opened.title if opened else "",
            created=row.created,
            committed=row.committed,
            actor=row.actor,
            sequence=row.sequence,
            trainings=row.trainings,
            training_data=training_data,
            evaluation_data=evaluation_data,
            unreadable=opened is None,
        )

    def _data_of(self, experiment: str) -> Data:
        """Return the datasets of an experiment's trainings and evaluations.

        The requests of its runs name them. As they never change, they are cached.
        """
        if (known := self.known.data.get(experiment)) is not None:
            return known
        found: dict[str, dict[DatasetRef, None]] = {"training": {}, "evaluation": {}}
        for run, row in self.stored_runs(experiment):
            self.looked += 1
            request = self.data("run-request", experiment, run)
            found[row.kind][dataset_of(experiment, self.opens, request)] = None
        data = tuple(found["training"]), tuple(found["evaluation"])
        return remember(self.known.data, experiment, data)

    def experiments(
        self, after: After, limit: int, whose: str | None = None
    ) -> list[ExperimentRow]:
        """Return the first of what `each_experiment` yields."""
        return list(islice(self.each_experiment(after, whose), limit))

    def each_experiment(self, after: After, whose: str | None = None) -> Iterator[ExperimentRow]:
        """Yield experiments, the newest commit first, past (time of the commit, id).

        As `each_session` does.
        """
        ids = self.newest("experiment", after, whose)
        return (row for at in ids if (row := self.experiment(at)) is not None)

    def newest(self, kind: str, after: After, whose: str | None) -> Iterator[str]:
        """Yield the ids of sessions or experiments, the newest first."""
        if whose is None:
            return self.by_time((f"{kind}-by-time",), after)
        return self.by_time((f"{kind}-of", whose), after)

    def by_time(self, index: tuple[str, ...], after: After) -> Iterator[str]:
        """Yield the ids in an index, newest first."""
        bound = key(*index, *after) if after else b""
        for at, _ in self.content.scan(prefix_of(*index), after=bound, reverse=True):
            yield at.rpartition(b"\x00")[2].decode()

    # The owner of a session, also of one that has ended

    def session_ids(self, start: str) -> Iterator[str]:
        """Yield the ids of all sessions ever, with a prefix, in order."""
        for at, _ in self.content.scan(key("session-owner", start)):
            yield at.rpartition(b"\0")[2].decode()

    def owner(self, session: str) -> str | None:
        """Return the user who opened a session; None if there never was one."""
        row = self.get(key("session-owner", session), IndexEntry)
        return None if row is None else row.id

    def readers(self, session: str) -> list[Reader]:
        """Return the readers of a session or experiment by name, without its owner."""
        return list(self.scan(prefix_of("session-reader", session), Reader))

    def is_reader(self, session: str, user: str) -> bool:
        """Return whether a session or experiment is shared with a user."""
        return self.get(key("session-reader", session, user), Reader) is not None

    # Users

    def user(self, name: str) -> User | None:
        """Return a user."""
        row = self.get(user_key(name), StoredUser)
        return None if row is None else _user_row(name, row)

    def users(self) -> list[User]:
        """Return all users, by name."""
        rows = self.content.scan(prefix_of("user"))
        return [
            _user_row(at.rpartition(b"\0")[2].decode(), decode(row, StoredUser)) for at, row in rows
        ]

    def tokens(self, name: str) -> list[AccessToken]:
        """Return the tokens of a user, oldest first; ended ones stay until the next is issued."""
        row = self.get(tokens_key(name), StoredTokens)
        found = {token: self.stored_token(token) for token in (row.ids if row else ())}
        return [
            AccessToken(token, row.user, row.name, row.created, row.expires, row.revoked)
            for token, row in found.items()
            if row is not None
        ]

    def quotas(self, user: str) -> list[QuotaRow]:
        """Return a user's own limits, by the names of the quotas."""
        return list(self.scan(prefix_of("quota", user), QuotaRow))

    def quota(self, user: str, quota: str) -> int | None:
        """Return a user's own limit; None: the default holds."""
        row = self.get(quota_key(user, quota), QuotaRow)
        return None if row is None else row.limit

    def open_sessions(self, user: str) -> int:
        """Return the number of a user's open sessions."""
        return sum(1 for _ in self.content.scan(prefix_of("session-of", user)))

    def work(self, user: str) -> StoredWork:
        """Return the numbers of waiting and running runs of a user's sessions."""
        return self.get(key("user-work", user), StoredWork) or StoredWork()

    def count_runs(self, session: str) -> int:
        """Return the number of an open session's runs, ended ones included."""
        row = self.get(key("session", session), StoredSession)
        return 0 if row is None else row.runs

    def stored_user(self, name: str) -> StoredUser | None:
        """Return a user with the verifier of the password: only for checking it."""
        return self.get(user_key(name), StoredUser)

    def stored_token(self, token: str) -> StoredToken | None:
        """Return a token with the digest of its secret: only for checking it."""
        return self.get(token_key(token), StoredToken)

    # Runs, of sessions and of experiments alike

    def stored_run(self, session: str, kind: str, run: str) -> StoredRun | None:
        """Return the stored row of a run of a kind of work, without decryption."""
        row = self.get(run_key(session, run), StoredRun)
        return None if row is None or row.kind != kind else row

    def run(self, session: str, kind: str, run: str) -> RunRow | None:
        """Return one run of a kind of work."""
        row = self.stored_run(session, kind, run)
        return None if row is None else self.opened_run(session, run, row)

    def opened_run(self, session: str, run: str, row: StoredRun) -> RunRow:
        """Return a run with the data of its events."""
        request, outcome = (self.data(table, session, run) for table in RUN_DATA)
        return run_row(session, row, self.opens, run, request, outcome)

    def data(self, table: RunData, session: str, run: str) -> Raw:
        """Return the stored data of an event of a run."""
        return Raw(self.content.get(data_key(table, session, run)) or b"null")

    def training(self, session: str, run: str) -> TrainingRow | None:
        """Return one training."""
        row = self.run(session, "training", run)
        return row if isinstance(row, TrainingRow) else None

    def runs(self, session: str, after: int = 0) -> Iterator[RunRow]:
        """Yield the runs of a session or experiment, in the order of their numbers past `after`."""
        for run, row in self.stored_runs(session, after):
            yield self.opened_run(session, run, row)

    def run_ids(self, session: str, kind: str, start: str) -> Iterator[str]:
        """Yield the ids of runs of a kind of work, of a session or experiment, with a prefix."""
        for at, value in self.content.scan(run_key(session, start)):
            if decode(value, StoredRun).kind == kind:
                yield at.rpartition(b"\0")[2].decode()

    def kinds_of_runs(self, session: str) -> Iterator[tuple[str, str]]:
        """Yield the runs of a session or experiment by their ids, each with its kind of work."""
        return ((run, row.kind) for run, row in self.stored_runs(session))

    def stored_runs(self, session: str, after: int = 0) -> Iterator[tuple[str, StoredRun]]:
        """Yield the ids and stored rows of runs in the order of their numbers past `after`."""
        bound = place_key(session, after) if after > 0 else b""
        for _, value in self.content.scan(prefix_of("run-at", session), after=bound):
            run = decode(value, IndexEntry).id
            row = self.get(run_key(session, run), StoredRun)
            assert row is not None, f"the run {run} of {session} is lost"
            yield run, row

    # Streams

    def streams_of(self, user: str, *, sysadmin: bool = False, after: str = "") -> Iterator[str]:
        """Yield the streams whose state a user may see, by name, past one of them.

        These are the catalog, the user, and the sessions that are or were the user's own or are
        shared with the user; for a sysadmin also all users, and the sessions without an owner.
        """
        for kind in ("dataset", "estimator", "metric", "session", "user"):
            low = after.partition("/")[2] if after.startswith(f"{kind}/") else ""
            if low or kind > after:
                names = self._names_of(kind, user, sysadmin, low)
                yield from (f"{kind}/{name}" for name in names)

    def _names_of(self, kind: str, user: str, sysadmin: bool, after: str) -> Iterable[str]:
        if kind == "session":
            indexes = [("session-owned", user), ("session-shared", user)]
            indexes += [("session-owned", "")] if sysadmin else []
            return _merge(*(self._ids_in(*index, after=after) for index in indexes))
        if kind == "user" and not sysadmin:
            return [user] if user > after else []
        return self.streams(kind, after)

    def _ids_in(self, *index: str, after: str) -> Iterator[str]:
        bound = key(*index, after) if after else b""
        for at, _ in self.content.scan(prefix_of(*index), after=bound):
            yield at.rpartition(b"\0")[2].decode()

    def offsets(self, stream: str) -> tuple[int, list[int]]:
        """Return the partition of a stream, and the offsets of its events in their order.

        A stream without events has no offsets.
        """
        rows = list(self.scan(stream_prefix(stream), StreamRow))
        offsets = [offset for row in rows for offset in row.offsets]
        return rows[0].partition if rows else 0, offsets

    def streams(self, kind: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all streams of a kind that have an event, in order, past one of them."""
        low = key("stream", f"{kind}/{after}") + b"\x01" if after else b""
        last = None
        for at, _ in self.content.scan(key("stream", f"{kind}/"), after=low):
            name = at[len(b"stream\0") : -9].decode()
            if name != last:
                last = name
                yield name.partition("/")[2]


def _user_row(name: str, row: StoredUser) -> User:
    return User(name, row.role, row.disabled, bool(row.password), row.created, row.updated)
