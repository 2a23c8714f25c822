"""Queries about what was made of what, at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from autolearn.projections.lineage.edges import (
    MADE_BY,
    Edge,
    Ref,
    dataset_edges,
    run_edges,
    version_edges,
)
from autolearn.projections.queries.catalog import CatalogQueries
from autolearn.projections.queries.decrypting_reader import DecryptingReader, Queries
from autolearn.projections.rows import experiments, models, runs
from autolearn.schemas.values import RunId, SessionId
from autolearn.security.data_key import Unreadable


class LineageQueries(Queries):
    """The edges of things at this moment."""

    def __init__(self, rows: DecryptingReader, datasets: CatalogQueries) -> None:
        super().__init__(rows)
        self.catalog = datasets

    def refresh(self) -> None:
        """Let the index know these rows, which are those of the present (blocks).

        `products`, and what only steps of pipelines tell, come from it.
        """
        self.rows.known.lineage.update(self.rows, self.rows.opens)

    @property
    def full(self) -> bool:
        """Whether there is more than the index holds, so that products may lack."""
        return self.rows.known.lineage.full

    def sources(self, ref: Ref) -> list[Edge]:
        """Return the things of which one was made, as far as that can be read (decrypts)."""
        try:
            own = [*_OWN[ref.kind](self, ref)] if ref.kind in _OWN else []
        except Unreadable:
            own = []
        steps = self.rows.known.lineage.steps(ref)
        made = [edge for edge in steps if edge.how == MADE_BY]
        return own + [edge for edge in steps if edge.how != MADE_BY] + made

    def tables(self, start: str) -> list[Ref]:
        """Return the tables of pipelines' steps whose version begins so."""
        return self.rows.known.lineage.tables(start)

    def products(self, ref: Ref) -> list[Edge]:
        """Return the things that were made of one, as the present rows have it."""
        found = self.rows.known.lineage.products(ref)
        if ref.kind == "training":
            kept = self.rows.get(experiments.KEPT, ref.within)
            if kept is not None and ref.name in kept.trainings:
                found.append(Edge(Ref("experiment", "", ref.within), "keeps", ref))
        return found

    def _run(self, ref: Ref) -> Iterator[Edge]:
        owner, run = SessionId(ref.within), RunId(ref.name)
        row = self.rows.get(runs.RUNS, owner, run)
        if row is not None:
            yield from run_edges(self.rows, self.rows.opens, owner, run, row)

    def _dataset(self, ref: Ref) -> Iterator[Edge]:
        row = self.catalog.stored_version(ref.within, ref.name)
        if row is not None:
            yield from dataset_edges(self.rows.opens, ref.within, row)

    def _version(self, ref: Ref) -> Iterator[Edge]:
        row = self.rows.get(models.VERSIONS, ref.within, int(ref.name))
        if row is not None:
            yield from version_edges(ref.within, int(ref.name), row)

    def _requests(self, ref: Ref) -> Iterator[Edge]:
        yield Edge(ref, "answered by", Ref("model-version", ref.within, ref.name))

    def _session(self, ref: Ref) -> Iterator[Edge]:
        session = SessionId(ref.name)
        kept = self.rows.get(experiments.KEPT, session)
        for run, row in self.rows.items(runs.RUNS, session):
            if row.kind == "training" and (kept is None or run in kept.trainings):
                yield Edge(ref, "keeps", Ref("training", session, run))


_OWN: Mapping[str, Callable[[LineageQueries, Ref], Iterator[Edge]]] = {
    **dict.fromkeys(("training", "study", "evaluation", "prediction"), LineageQueries._run),
    "dataset-version": LineageQueries._dataset,
    "model-version": LineageQueries._version,
    "requests": LineageQueries._requests,
    **dict.fromkeys(("session", "experiment"), LineageQueries._session),
}
"""The sources of each kind of thing that has rows of its own; those of steps are in the index."""
