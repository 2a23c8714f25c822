"""A view: one read model, its tables, and how events change them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import ModuleType

from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import Readable
from autolearn.projections.storage.table import Table
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.messages import Event, type_of

Handler = Callable[[RowBatch, EventRecord], None]
"""Folds an event of some types."""
Indexer = Callable[[RowBatch, EventRecord, int, int], None]
"""Folds any event of a stream, at a partition and offset."""


class View:
    """A read model by name. Its tables are those that its modules of `rows` declare.

    `handlers` fold the events of their types, `indexer` every event.
    """

    def __init__(
        self,
        name: str,
        *rows: ModuleType,
        handlers: Mapping[type[Event], Handler] | None = None,
        indexer: Indexer | None = None,
    ) -> None:
        self.name, self.indexer = name, indexer
        found = (one for module in rows for one in vars(module).values())
        self.prefixes = sorted(one.prefix() for one in found if isinstance(one, Table))
        self.handlers = {type_of(event): fold for event, fold in (handlers or {}).items()}

    def digest(self, content: Readable) -> str:
        """Return the SHA-256 (hex) of the view's content, independent of its layout on the disk.

        Over the view's rows in the order of their keys, the hash takes for key and value each the
        length as 8 bytes big-endian, then the bytes.
        """
        hashed = hashlib.sha256()
        for prefix in self.prefixes:
            for row in content.scan(prefix):
                for part in row:
                    hashed.update(len(part).to_bytes(8, "big") + part)
        return hashed.hexdigest()

    def row_digests(
        self, content: Readable, after: bytes = b"", limit: int | None = None
    ) -> Iterator[tuple[str, str]]:
        """Yield the key (hex) and the SHA-256 of the value (hex) of the rows past a key."""
        rows = (
            row
            for prefix in self.prefixes
            if prefix > after or after.startswith(prefix)
            for row in content.scan(prefix, after=after)
        )
        for at, value in islice(rows, limit):
            yield at.hex(), hashlib.sha256(value).hexdigest()
