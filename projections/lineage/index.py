"""What was made of each thing: the edges of all rows by their sources, in memory.

What a run was made of is encrypted under the key of its session, so no fold can index it. This
reads each row once, decrypts it, and keeps its edges in memory only; those of rows that are gone
are forgotten. A row that cannot be decrypted has no edges, and is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from autolearn.eventlog.admission import PartitionProgress
from autolearn.projections.lineage.edges import (
    Edge,
    Opens,
    Ref,
    dataset_edges,
    run_edges,
    version_edges,
)
from autolearn.projections.rows import catalog, models, runs
from autolearn.projections.storage.row_reader import RowReader
from autolearn.schemas.values import RunId, SessionId
from autolearn.security.data_key import Unreadable

MOST_INDEXED = 100_000
"""Rows whose edges are kept, about 1 KiB each."""


class _Told(NamedTuple):
    """The edges of a row, and its time. `of_steps`: they are those of a pipeline's run."""

    edges: tuple[Edge, ...]
    time: str
    of_steps: bool = False
    final: bool = True


class LineageIndex:
    """The edges of rows, shared by threads. With more than `most` rows it is `full`."""

    def __init__(self, most: int = MOST_INDEXED) -> None:
        self.most, self.full = most, False
        self.lock = threading.Lock()
        self.at: dict[int, PartitionProgress] | None = None
        self.rows: dict[bytes, _Told] = {}
        self.unended: set[bytes] = set()
        """The rows that are read again: of runs of pipelines that go on."""
        self.by_source: dict[Ref, dict[Edge, str]] = {}
        """With the time of the product's row."""
        self.by_product: dict[Ref, dict[Edge, str]] = {}
        """Those of steps: no row of the product has them."""

    def products(self, ref: Ref) -> list[Edge]:
        """Return the edges from a source, those of the newest products first."""
        with self.lock:
            edges = {**self.by_source.get(ref, {})}
        return sorted(edges, key=lambda edge: edges[edge], reverse=True)

    def steps(self, ref: Ref) -> list[Edge]:
        """Return the edges of a product that only the steps of pipelines tell."""
        with self.lock:
            return [*self.by_product.get(ref, ())]

    def tables(self, start: str) -> list[Ref]:
        """Return the tables of steps whose version begins so."""
        with self.lock:
            made = [ref for ref in self.by_product if ref.kind == "table"]
        return [ref for ref in made if ref.name.startswith(start)]

    def update(self, rows: RowReader, opens: Opens) -> None:
        """Read the rows that are not known yet, and forget those that are gone (blocks)."""
        with self.lock:
            at = rows.progress()
            if at and at == self.at:
                return
            for key in self.unended:
                self._drop(key)
            self.unended.clear()
            self.full, there = False, set[bytes]()
            for key, tell in _all(rows, opens):
                there.add(key)
                if key in self.rows:
                    continue
                if len(self.rows) >= self.most:
                    self.full = True
                    continue
                try:
                    self._put(key, tell())
                except Unreadable:
                    continue
            for key in self.rows.keys() - there:
                self._drop(key)
            self.at = at

    def forget(self, name: str) -> None:
        """Forget what is in a deleted experiment or dataset, by its id or name."""
        part = f"\0{name}\0".encode()
        with self.lock:
            for key in [key for key in self.rows if part in key]:
                self._drop(key)
            self.at = None

    def _put(self, key: bytes, told: _Told) -> None:
        self.rows[key] = told
        if not told.final:
            self.unended.add(key)
        for edge in told.edges:
            self.by_source.setdefault(edge.source, {})[edge] = told.time
            if told.of_steps:
                self.by_product.setdefault(edge.product, {})[edge] = told.time

    def _drop(self, key: bytes) -> None:
        for edge in self.rows.pop(key).edges:
            for known, ref in ((self.by_source, edge.source), (self.by_product, edge.product)):
                if (edges := known.get(ref)) is not None:
                    edges.pop(edge, None)
                    if not edges:
                        del known[ref]


def _all(rows: RowReader, opens: Opens) -> Iterator[tuple[bytes, Callable[[], _Told]]]:
    """Yield the keys of all rows that have edges, each with what reads these."""
    for key, value in rows.content.scan(runs.RUNS.prefix()):
        yield key, partial(_run, rows, opens, key, value)
    for key, _ in rows.content.scan(catalog.DATASET_VERSIONS_BY_TIME.prefix()):
        yield key, partial(_dataset, rows, opens, key)
    for key, value in rows.content.scan(models.VERSIONS.prefix()):
        yield key, partial(_version, key, value)


def _run(rows: RowReader, opens: Opens, key: bytes, value: bytes) -> _Told:
    _, owner, run = key.decode().split("\0")
    row = runs.RUNS.decode(value)
    edges = tuple(run_edges(rows, opens, SessionId(owner), RunId(run), row))
    of_steps = row.kind == "pipeline"
    return _Told(edges, row.requested, of_steps, final=not of_steps or row.ended is not None)


def _dataset(rows: RowReader, opens: Opens, key: bytes) -> _Told:
    _, name, time, content = key.decode().split("\0")
    row = rows.get(catalog.DATASET_VERSIONS, name, content)
    assert row is not None, f"a version of {name} is lost"
    return _Told(tuple(dataset_edges(opens, name, row)), time)


def _version(key: bytes, value: bytes) -> _Told:
    name = key[len("model-version\0") : -9].decode()
    number = int.from_bytes(key[-8:], "big")
    row = models.VERSIONS.decode(value)
    return _Told(tuple(version_edges(name, number, row)), row.time)
