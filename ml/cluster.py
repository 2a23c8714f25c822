"""The Dask cluster of a run: parts of its work are done there, and come back in their order.

A part travels with its task, through the scheduler, which keeps it until the part is done: what a
worker had when it died is done again elsewhere. Dask is imported when a run uses a cluster.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.ipc

from autolearn.artifacts.datasets.table import DatasetTable
from autolearn.ml.environment import environment_now, one_thread
from autolearn.ml.errors import InputError, Interrupted
from autolearn.ml.steps.step_function import source_digest
from autolearn.runtime.sandbox import disconnect
from autolearn.schemas.bounds import cut
from autolearn.schemas.workers.cluster import DaskSettings

P = TypeVar("P")
R = TypeVar("R")
S = TypeVar("S")
_CERTIFICATES = {
    "tls_ca_file": "ca.pem",
    "tls_client_cert": "cert.pem",
    "tls_client_key": "key.pem",
}
"""The files of the folder of certificates, by what Dask calls them."""
_CONNECT_SECONDS = 30.0
_LOOK_SECONDS = 2.0
"""Seconds without a result after which the cluster is looked at, each time."""
_ANSWER_SECONDS = 30.0
"""Seconds that the scheduler has to answer: it may import a library first."""
_WITHOUT_WORKERS_SECONDS = 60.0
_MOST_PARTS = 32
"""Parts that are on the cluster at a time, of each run."""
_ADVICE = "Start it (docs/workers.md), or unset AUTOLEARN_DASK where the workers run."

_offered: DaskSettings | None = None


@contextlib.contextmanager
def offered(cluster: DaskSettings | None) -> Iterator[None]:
    """Offer a cluster to the run of this process."""
    global _offered
    before, _offered = _offered, cluster
    try:
        yield
    finally:
        _offered = before


def withdraw() -> None:
    """Take the cluster from this run, before code of a package runs: it connects to nothing."""
    global _offered
    if _offered is not None:
        _offered = None
        disconnect()


@contextlib.contextmanager
def connected(wanted: bool = True) -> Iterator[DaskCluster | None]:
    """Connect to the cluster that is offered; None if there is none, or it is not `wanted`.

    Raises Interrupted: it cannot be reached.
    """
    if _offered is None or not wanted:
        yield None
        return
    cluster = DaskCluster(_offered)
    try:
        yield cluster
    finally:
        cluster.close()


class _Refusal(NamedTuple):
    """An InputError of a part, which Dask would carry without its fields."""

    detail: str
    advice: str
    quiet: str


class DaskCluster:
    """A connection to a Dask cluster. All its methods raise Interrupted when it is lost."""

    def __init__(self, cluster: DaskSettings) -> None:
        os.environ.setdefault("DASK_CONFIG", tempfile.gettempdir())  # it would write to the home
        try:
            import dask
            from distributed import Client, Security
        except ModuleNotFoundError as error:
            raise InputError(
                f"AUTOLEARN_DASK is set, and {error.name} is not installed",
                advice="Install autolearn[dask] where the workers run.",
            ) from None
        dask.config.set(
            {
                "distributed.admin.large-graph-warning-threshold": "1 GB",
                "distributed.comm.timeouts.tcp": f"{_ANSWER_SECONDS:g}s",
            }
        )
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it is said by our errors
        self.address = cluster.address
        security = None
        if cluster.address.startswith("tls://"):
            files = {name: str(Path(cluster.tls, file)) for name, file in _CERTIFICATES.items()}
            security = Security(require_encryption=True, **files)
        try:
            self.client = Client(
                cluster.address,
                timeout=_CONNECT_SECONDS,
                security=security,
                direct_to_workers=False,
            )
        except (OSError, TimeoutError) as error:
            raise Interrupted(
                f"the Dask cluster {self.address} cannot be reached within {_CONNECT_SECONDS:g} s: "
                f"{cut(str(error))}",
                advice=_ADVICE,
            ) from None
        self._served = time.monotonic()

    def close(self) -> None:
        """Leave the cluster, which forgets what is not done."""
        with contextlib.suppress(Exception):  # it may be gone
            self.client.close(timeout=_LOOK_SECONDS)

    def each(self, function: Callable[[S, P], R], shared: S, parts: Iterable[P]) -> Iterator[R]:
        """Yield function(shared, part) for each part, in their order; some are done at a time.

        Raises InputError, and what the function raises.
        """
        same = self._submit(partial(_same, shared))
        waiting = deque[Any]()
        left = iter(parts)
        while True:
            for part in itertools.islice(left, max(0, self._room() - len(waiting))):
                waiting.append(self._submit(partial(_done, _here(), function, _packed(part)), same))
            if not waiting:
                return
            yield self._result_of(waiting.popleft())

    def _submit(self, work: Any, same: Any = None, workers: list[str] | None = None) -> Any:
        """Have a call done there, with what `same` came to.

        It travels as bytes, which only a worker reads: the scheduler would read, and import, what
        it names.
        """
        sent = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        return self.client.submit(_LAUNCH, sent, same, workers=workers, pure=False)

    def workers(self) -> dict[str, int]:
        """Return the threads of each worker, by its address."""
        from distributed.comm import CommClosedError

        try:
            found: dict[str, int] = self.client.nthreads(callback_timeout=_ANSWER_SECONDS)
        except (OSError, TimeoutError, CommClosedError, AttributeError, RuntimeError):
            raise self.lost("its scheduler does not answer") from None
        if found:
            self._served = time.monotonic()
        elif time.monotonic() - self._served > _WITHOUT_WORKERS_SECONDS:
            raise self.lost(f"it has had no worker for {_WITHOUT_WORKERS_SECONDS:g} s")
        return found

    def some_workers(self, many: int) -> list[str]:
        """Return the addresses of so many workers, once there are as many.

        Raises InputError: there are fewer for a minute.
        """
        last = time.monotonic() + _WITHOUT_WORKERS_SECONDS
        while len(found := self.workers()) < many:
            if time.monotonic() > last:
                raise InputError(
                    f"num_machines is {many}, and the Dask cluster {self.address} has "
                    f"{len(found)} workers",
                    advice="Choose fewer num_machines, or start more workers (dask worker).",
                )
            time.sleep(_LOOK_SECONDS / 10)
        return sorted(found)[:many]

    def together(
        self,
        function: Callable[[S, P], R],
        shared: Sequence[S],
        parts: Sequence[P],
        workers: Sequence[str],
    ) -> list[R]:
        """Return function(shared, part) of each worker, which do theirs at the same time.

        What is shared with a worker is lost with it, and so is the whole. Raises InputError, and
        what the function raises.
        """
        from distributed import wait

        waiting = []
        for worker, mine, part in zip(workers, shared, parts, strict=True):
            there = self.client.scatter(mine, workers=[worker], hash=False)
            call = partial(_done, _here(), function, part)
            waiting.append(self._submit(call, there, [worker]))
        while left := [one for one in waiting if not one.done()]:
            for one in waiting:
                if one.done():
                    self._result_of(one)  # if it has failed, the others wait in vain
            with contextlib.suppress(TimeoutError):
                wait(left, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
            if gone := sorted({*workers} - {*self.workers()}):
                raise self.lost(f"its worker {gone[0]} is gone")
        return [self._result_of(one) for one in waiting]

    def lost(self, why: str) -> Interrupted:
        """Return the error of a cluster that cannot go on."""
        return Interrupted(f"the Dask cluster {self.address} was lost: {why}", advice=_ADVICE)

    def _room(self) -> int:
        return max(2, min(_MOST_PARTS, 2 * sum(self.workers().values())))

    def _result_of(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        while True:
            try:
                result = future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                self.workers()
            except (CancelledError, CommClosedError):
                raise self.lost("the connection to its scheduler broke") from None
            except KilledWorker as error:
                raise InputError(
                    f"{error.allowed_failures + 1} workers of the Dask cluster {self.address} died "
                    "while they worked on the same rows",
                    advice="Give its workers more memory, or look at their logs.",
                ) from None
            else:
                if isinstance(result, _Refusal):
                    raise InputError(result.detail, advice=result.advice, quiet=result.quiet)
                return _unpacked(result)


class _Packed(NamedTuple):
    """A table as Arrow's stream: of a slice only its own rows."""

    stream: bytes


class _PackedRows(NamedTuple):
    """A DatasetTable, and the number that is sent with it."""

    begin: int
    types: dict[str, str]
    rows: int
    arrays: _Packed
    written: _Packed


def _packed(part: Any) -> Any:
    """Return a table, or a number and a DatasetTable, as it travels; anything else as it is."""
    match part:
        case pa.Table():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, part.schema) as stream:
                stream.write_table(part)
            return _Packed(sink.getvalue().to_pybytes())
        case (int(begin), DatasetTable() as table):
            arrays, written = _packed(pa.table(table.arrays)), _packed(pa.table(table.written))
            return _PackedRows(begin, table.types, table.rows, arrays, written)
    return part


def _unpacked(part: Any) -> Any:
    match part:
        case _Packed(stream):
            return pa.ipc.open_stream(stream).read_all()
        case _PackedRows(begin, types, rows, arrays, written):
            return begin, DatasetTable(types, _arrays(arrays), rows, _arrays(written))
    return part


def _arrays(packed: _Packed) -> dict[str, Any]:
    table = _unpacked(packed)
    return {name: table[name].combine_chunks() for name in table.column_names}


_LAUNCH = lambda sent, same: __import__("pickle").loads(sent)(same)  # noqa: E731 - not by its name


def _same(shared: S, _: Any) -> S:
    return shared


@functools.cache
def _here() -> dict[str, Any]:
    """Return the code and the libraries on which a result depends."""
    return {
        "autolearn.ml": source_digest("autolearn.ml.cluster"),
        **environment_now(("lightgbm",))["libraries"],
    }


def _done(expected: dict[str, Any], function: Callable[[S, P], R], part: P, shared: S) -> Any:
    """Do a part, on a worker of the cluster."""
    if differing := [name for name, version in expected.items() if _here().get(name) != version]:
        name = differing[0]
        return _Refusal(
            f"a worker of the Dask cluster has {name} {str(_here().get(name))[:12]}, and "
            f"AutoLearn's worker has {str(expected[name])[:12]}",
            "Install the same versions on both.",
            "",
        )
    one_thread()  # sums of several threads have other last bits
    try:
        return _packed(function(shared, _unpacked(part)))
    except InputError as error:
        return _Refusal(error.detail, error.advice, error.quiet)
