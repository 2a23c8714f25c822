"""The rows of one moment, with their data in clear."""

from __future__ import annotations

from collections.abc import Callable

from autolearn.projections.queries.immutable_rows import ImmutableRows
from autolearn.projections.queries.run_rows import Opens, in_clear
from autolearn.projections.storage.row_reader import RowReader
from autolearn.projections.storage.store import Readable

May = Callable[[str], bool]
"""Returns whether the principal may see a session, experiment or dataset, by its id or name."""

After = tuple[str, str] | None
"""The (time, id) of the last item of the page before; None at the beginning."""


def anything(_: str) -> bool:
    """Allow everything."""
    return True


class DecryptingReader(RowReader):
    """Reads rows, of which `opens` decrypts the data.

    `known` caches immutable rows. `looked` is the cost of lists: each run that was read for an
    experiment, and each KiB of a dataset. A snapshot of the past may be `full`: then a list
    continues behind the loaded part.
    """

    def __init__(
        self, content: Readable, opens: Opens = in_clear, known: ImmutableRows | None = None
    ) -> None:
        super().__init__(content)
        self.opens, self.known = opens, known or ImmutableRows()
        self.looked, self.full = 0, False


class Queries:
    """The queries of one service, on the rows of a snapshot."""

    def __init__(self, rows: DecryptingReader) -> None:
        self.rows = rows
