"""The catalog, the log and the installation, for both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from autolearn.client.sdk.dataset_files import FileFormat
from autolearn.client.sdk.event_feed import Feed, follow
from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask, fetch
from autolearn.client.sdk.handles.datasets import (
    AsyncDatasetHandle,
    DatasetHandle,
    Source,
    dataset_handle,
    file_of,
    known,
    named,
)
from autolearn.client.sdk.handles.estimators import EstimatorEntry
from autolearn.client.sdk.handles.pages import Pages, listing
from autolearn.client.sdk.operation import Either, begun, operation
from autolearn.client.sdk.paths import segment
from autolearn.client.sdk.subscriptions import subscription
from autolearn.schemas.datasets.look import ColumnSummary, TableRows
from autolearn.schemas.reports.status import Status
from autolearn.schemas.rest.catalog import (
    CatalogMetric,
    CatalogStep,
    Dataset,
    DeletedDataset,
    Grant,
)
from autolearn.schemas.rest.commands import CommandState
from autolearn.schemas.rest.dead_letters import DeadLetterDetail, DeadLetterSummary, Retry
from autolearn.schemas.rest.events import Events
from autolearn.schemas.rest.history import Diff
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.system import Digests, Health, LogPosition, Rebuild, RowDigests
from autolearn.schemas.values import ColumnRole

_IGNORED: ColumnRole = "ignore"
_DIGESTED = 60.0
"""Seconds within which the rows of views are hashed."""


class System:
    """The catalog, the log as this API knows it, and the status of the installation."""

    @listing
    def estimators(self, *, as_of: str | None = None) -> Pages[EstimatorEntry, EstimatorEntry]:
        """List the estimators."""
        call = Call("GET", "/v1/catalog/estimators", Page[EstimatorEntry], {"as_of": as_of})
        return Pages(call, paged=False)

    @operation
    def estimator(self, name: str, *, as_of: str | None = None) -> Flow[EstimatorEntry]:
        """Return one estimator with its hyperparameters."""
        return ask(
            Call("GET", f"/v1/catalog/estimators/{segment(name)}", EstimatorEntry, {"as_of": as_of})
        )

    @listing
    def metrics(self, *, as_of: str | None = None) -> Pages[CatalogMetric, CatalogMetric]:
        """List the metrics."""
        call = Call("GET", "/v1/catalog/metrics", Page[CatalogMetric], {"as_of": as_of})
        return Pages(call, paged=False)

    @operation
    def metric(self, name: str, *, as_of: str | None = None) -> Flow[CatalogMetric]:
        """Return one metric."""
        return ask(
            Call("GET", f"/v1/catalog/metrics/{segment(name)}", CatalogMetric, {"as_of": as_of})
        )

    @listing
    def steps(self, *, as_of: str | None = None) -> Pages[CatalogStep, CatalogStep]:
        """List the kinds of steps of pipelines."""
        call = Call("GET", "/v1/catalog/steps", Page[CatalogStep], {"as_of": as_of})
        return Pages(call, paged=False)

    @operation
    def step(self, name: str, *, as_of: str | None = None) -> Flow[CatalogStep]:
        """Return one kind of step with its parameters."""
        return ask(Call("GET", f"/v1/catalog/steps/{segment(name)}", CatalogStep, {"as_of": as_of}))

    @listing
    def datasets(
        self, *, limit: int | None = None, as_of: str | None = None, shared: bool = False
    ) -> Pages[DatasetHandle, AsyncDatasetHandle]:
        """List the datasets, each in its newest version, at most `limit`; or the `shared` ones."""
        query = {"as_of": as_of, "shared": shared or None}
        call = Call("GET", "/v1/catalog/datasets", Page[Dataset], query)
        return Pages(call, lambda one: dataset_handle(self, one), limit)

    @operation
    def dataset(
        self,
        source: Source,
        /,
        name: str | None = None,
        *,
        target: str | None = None,
        drop: Sequence[str] = (),
        roles: Mapping[str, ColumnRole] | None = None,
        positive: str | bool | int | None = None,
        version: str | None = None,
        as_of: str | None = None,
        **options: Any,
    ) -> Flow[Either[DatasetHandle, AsyncDatasetHandle]]:
        """Return a dataset by its name; or the one of a data frame or file, uploaded if it is new.

        al.dataset("iris") is the newest version, or the one whose id starts with `version`.
        al.dataset(df, name="churn", target="churned") uploads a data frame as Parquet, and
        al.dataset(Path("churn.csv")) a file (path, bytes, open binary file), unless the newest
        version has the same content, target, roles and `positive` class. Columns to `drop` get the
        role ignore: nothing learns from them. `options` are those of `upload_dataset`, such as
        accept_changes=True.

        Raises:
            BadArgument: the source cannot be used, or needs a name.
            MissingPackage: a data frame needs pyarrow.
            Problem: the API refuses, such as other columns without accept_changes=True.
        """
        if name is None and isinstance(source, str):
            return dataset_handle(self, (yield from named(source, version, as_of)))
        with file_of(source, name) as (called, content):
            roles = {**dict.fromkeys(drop, _IGNORED), **(roles or {})}
            about = {"target": target, "positive": _label_of(positive)}
            if not options and (found := (yield from known(called, content, about, roles))):
                return dataset_handle(self, found)
            upload = vars(System)["upload_dataset"].flow
            made: Either[DatasetHandle, AsyncDatasetHandle] = yield from begun(
                upload, self, content, called, roles=roles, **about, **options
            )
            return made

    @listing
    def dataset_versions(
        self, name: str, *, limit: int | None = None, as_of: str | None = None
    ) -> Pages[DatasetHandle, AsyncDatasetHandle]:
        """List the versions of a dataset, newest first, at most `limit`."""
        at = f"/v1/catalog/datasets/{segment(name)}/versions"
        call = Call("GET", at, Page[Dataset], {"as_of": as_of})
        return Pages(call, lambda one: dataset_handle(self, one), limit)

    @operation
    def upload_dataset(
        self,
        source: Source,
        name: str | None = None,
        *,
        target: str | None = None,
        format: FileFormat | None = None,  # noqa: A002 - the word of the API
        summary: str = "",
        sensitive: Sequence[str] = (),
        roles: Mapping[str, ColumnRole] | None = None,
        positive: str | bool | int | None = None,
        separator: str = "",
        decimal: Literal["", ".", ","] = "",
        encoding: str = "",
        header: bool | None = None,
        skip_lines: int | None = None,
        sheet: str = "",
        missing: Sequence[str] | None = None,
        types: Mapping[str, str] | None = None,
        zone: str = "",
        accept_findings: bool = False,
        accept_changes: bool = False,
        made_from: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Flow[Either[DatasetHandle, AsyncDatasetHandle]]:
        """Upload a file, under a name derived from its own by default. A path is streamed.

        The source is a path, bytes, an open binary file, or a data frame; the name is that of
        `dataset_name`. CSV and other text, JSON lines, Parquet, Arrow, and Excel (.xlsx); text and
        JSON may be compressed. Read options are detected by default;
        `types` maps columns to number, integer, boolean, text, timestamp, or the form of a date
        (DD/MM/YYYY), `missing` are words that mean missing. Oddities are in the answer's
        `findings`. Values of `sensitive` columns are hidden; those of the version before stay so,
        as do `roles` (by column), which say what is a feature, and `positive`, the class of the
        target that evaluations measure ("" removes it).
        `made_from` says what it was made of, for its lineage: data:NAME@VERSION or
        labels:NAME@VERSION of datasets, requests:NAME@VERSION of models.
        With `dry_run` nothing is stored.
        """
        query = {
            "target": [""] if target == "" else target,
            "format": format,
            "summary": summary,
            "sensitive": [*sensitive],
            "role": [f"{role}={column}" for column, role in (roles or {}).items()],
            "positive": [""] if positive == "" else _label_of(positive),
            "separator": separator,
            "decimal": decimal,
            "encoding": encoding,
            "header": header,
            "skip_lines": skip_lines,
            "sheet": sheet,
            "missing": None if missing is None else [*missing] or [""],
            "type": [f"{column}={kind}" for column, kind in (types or {}).items()],
            "zone": zone,
            "accept_findings": accept_findings or None,
            "accept_changes": accept_changes or None,
            "made_from": [*made_from] or None,
            "dry_run": dry_run or None,
        }
        media = "application/octet-stream"
        with file_of(source, name) as (called, content):
            at = f"/v1/catalog/datasets/{segment(called)}"
            call = Call("PUT", at, Dataset, query, content, media=media, grace=EXAMINED)
            return dataset_handle(self, (yield from ask(call)))

    @operation
    def describe_dataset(
        self,
        name: str,
        *,
        sensitive: Sequence[str] = (),
        not_sensitive: Sequence[str] = (),
        roles: Mapping[str, ColumnRole | None] | None = None,
        types: Mapping[str, str] | None = None,
        positive: str | bool | int | None = None,
    ) -> Flow[Dataset]:
        """Say what columns are; for other `types` or another target its file is examined again.

        Values of `sensitive` columns are hidden; only the owner removes marks. `roles` by column;
        None removes one. `types` and `positive` as in `upload_dataset`.
        """
        body = {
            "sensitive": [*sensitive],
            "not_sensitive": [*not_sensitive],
            "roles": roles,
            "types": types,
            "positive": _label_of(positive),
        }
        at = f"/v1/catalog/datasets/{segment(name)}/describe"
        return ask(Call("POST", at, Dataset, body=body, grace=EXAMINED))

    @operation
    def download_dataset(self, name: str, path: Path | str, version: str) -> Flow[Path]:
        """Fetch the file of a version of a dataset, checked by its hash."""
        at, path = f"/v1/catalog/datasets/{segment(name)}/content", Path(path)
        yield from fetch(Call("GET", at, bytes, {"version": version}), path, version)
        return path

    @operation
    def dataset_rows(
        self, name: str, limit: int = 10, *, version: str = "", columns: Sequence[str] = ()
    ) -> Flow[TableRows]:
        """Return the first rows of a dataset, as a training reads them.

        `columns` are the first ones, unless some are named. Values of sensitive ones are hidden.
        """
        query = {"limit": limit, "version": version, "column": [*columns]}
        at = f"/v1/catalog/datasets/{segment(name)}/rows"
        return ask(Call("GET", at, TableRows, query, grace=EXAMINED))

    @operation
    def dataset_column(self, name: str, column: str, *, version: str = "") -> Flow[ColumnSummary]:
        """Return counts, top values, quantiles and a histogram of a column."""
        query = {"column": column, "version": version}
        at = f"/v1/catalog/datasets/{segment(name)}/column"
        return ask(Call("GET", at, ColumnSummary, query, grace=EXAMINED))

    @operation
    def delete_dataset(self, name: str, *, force: bool = False) -> Flow[DeletedDataset]:
        """Delete a dataset for good; with `force` also while experiments are kept that need it."""
        at = f"/v1/catalog/datasets/{segment(name)}/delete"
        return ask(Call("POST", at, DeletedDataset, body={"force": force}))

    @listing
    def dataset_readers(self, name: str) -> Pages[Grant, Grant]:
        """List the users and groups with a grant of a dataset, without its owner."""
        at = f"/v1/catalog/datasets/{segment(name)}/readers"
        return Pages(Call("GET", at, Page[Grant]), paged=False)

    @operation
    def share_dataset(
        self, name: str, user: str, may: Literal["read", "work"] = "read"
    ) -> Flow[Page[Grant]]:
        """Let a user or group/NAME use a dataset, or add versions as well; return the grants."""
        body = {"user": user, "may": may}
        return ask(
            Call("POST", f"/v1/catalog/datasets/{segment(name)}/share", Page[Grant], body=body)
        )

    @operation
    def unshare_dataset(self, name: str, user: str) -> Flow[Page[Grant]]:
        """End the grant of a user or group/NAME, at once; return the remaining grants."""
        at = f"/v1/catalog/datasets/{segment(name)}/unshare"
        return ask(Call("POST", at, Page[Grant], body={"user": user}))

    @operation
    def events(
        self,
        *,
        after: str = "",
        limit: int | None = None,
        stream: str = "",
        session: str = "",
        types: Sequence[str] = (),
        wait: float | None = None,
    ) -> Flow[Events]:
        """List events past a position; with `wait`, wait so many seconds for the next ones.

        `stream` (such as dataset/iris), `session` (an id) and `types` (such as RunCompleted) filter
        them.
        """
        query = {"after": after, "limit": limit, **_chosen(stream, session, types)}
        return ask(Call("GET", "/v1/events", Events, query, wait=wait))

    @subscription
    def follow(
        self,
        *,
        after: str = "",
        stream: str = "",
        session: str = "",
        types: Sequence[str] = (),
        patience: float = 60.0,
    ) -> Feed:
        """Iterate over the events past a position (`now`: only new ones), and wait for more.

        Each comes once and in the order of its stream, also when the connection or the API breaks
        off meanwhile. An entry's `position` is where another call goes on. Filters as in `events`.

        Raises:
            Problem: the API refuses, or cannot give events for longer than `patience` seconds.
            Unreachable: no API answers for that long.
        """
        query = {"after": after, **_chosen(stream, session, types)}
        return follow("/v1/events", query, patience)

    @operation
    def position(self) -> Flow[LogPosition]:
        """Return the API's position on the log."""
        return ask(Call("GET", "/v1/position", LogPosition))

    @operation
    def diff(
        self,
        before: str,
        after: str | None = None,
        *,
        stream: str | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Flow[Diff]:
        """Return the changes between two points (until now), in one stream or in all.

        For the next page give `before` and `after` of the answer, and its `next` as `page`.
        """
        query = {"from": before, "to": after, "stream": stream, "limit": limit, "page": page}
        return ask(Call("GET", "/v1/diff", Diff, query))

    @operation
    def digests(self) -> Flow[Digests]:
        """Return the digest of every view."""
        return ask(Call("GET", "/v1/digests", Digests, grace=_DIGESTED))

    @operation
    def row_digests(self, view: str, *, after: str = "", limit: int = 10_000) -> Flow[RowDigests]:
        """Return the digests of the rows of a view, in the order of their keys past `after`."""
        query = {"after": after, "limit": limit}
        at = f"/v1/digests/{segment(view)}"
        return ask(Call("GET", at, RowDigests, query, grace=_DIGESTED))

    @operation
    def rebuild(self) -> Flow[Rebuild]:
        """Let the API process fold the log into new read models, which then replace its own."""
        return ask(Call("POST", "/v1/rebuild", Rebuild))

    @operation
    def rebuilding(self, *, wait: float | None = None) -> Flow[Rebuild]:
        """Return the newest rebuild; with `wait`, wait so many seconds for its end."""
        return ask(Call("GET", "/v1/rebuild", Rebuild, wait=wait))

    @operation
    def command(
        self, command: str, *, partition: int | None = None, offset: int | None = None
    ) -> Flow[CommandState]:
        """Return the state of a command."""
        query = {"partition": partition, "offset": offset}
        return ask(Call("GET", f"/v1/commands/{segment(command)}", CommandState, query))

    @operation
    def status(self) -> Flow[Status]:
        """Return the status of the whole installation, with its findings."""
        return ask(Call("GET", "/v1/status", Status))

    @operation
    def dead_letters(
        self, *, reason: str = "", limit: int | None = None, page: str | None = None
    ) -> Flow[Page[DeadLetterSummary]]:
        """List the dead letters, newest first; `reason` filters by words of the reason.

        With a reason a page may be short, or empty: go on while there is a `next`.
        """
        query = {"reason": reason, "limit": limit, "page": page}
        return ask(Call("GET", "/v1/dead-letters", Page[DeadLetterSummary], query))

    @operation
    def dead_letter(self, letter: str) -> Flow[DeadLetterDetail]:
        """Return one dead letter with its headers and its value."""
        return ask(Call("GET", f"/v1/dead-letters/{segment(letter)}", DeadLetterDetail))

    @operation
    def retry_dead_letter(
        self, letter: str, value: Mapping[str, Any] | None = None, *, wait: float | None = None
    ) -> Flow[Retry]:
        """Retry the command of a dead letter, or `value` in its place; once."""
        at = f"/v1/dead-letters/{segment(letter)}/retry"
        return ask(Call("POST", at, Retry, body={"value": value}, wait=wait))

    @operation
    def ready(self, *, patience: float = 30.0) -> Flow[Health]:
        """Return as soon as the API is ready.

        Raises:
            Problem: it is not ready after `patience` seconds.
            Unreachable: it does not answer for so long.
        """
        return ask(Call("GET", "/health/ready", Health), patience)


def _chosen(stream: str, session: str, types: Sequence[str]) -> dict[str, object]:
    """Return the query of a filter of events."""
    return {"stream": stream, "session": session, "type": list(types)}


def _label_of(positive: str | bool | int | None) -> str | None:
    """Return a class as text, in the form of class names."""
    if positive is None or isinstance(positive, str):
        return positive
    return str(positive).lower() if isinstance(positive, bool) else str(positive)
