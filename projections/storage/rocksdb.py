"""The store on RocksDB."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import structlog
from rocksdict import AccessType, MemtableFactory, Options, Rdict, WriteBatch, WriteOptions

from autolearn.projections.storage.store import Row, bounds
from autolearn.schemas.errors import StoreError

logger = structlog.get_logger(__name__)

_BULK_BUFFER = 512 * 1024 * 1024
"""Bytes of memory for one write of a rebuild at most."""


class RocksStore:
    """A store in a RocksDB folder, which the log can restore. One process may have it open.

    A damaged folder is deleted when it is opened, with a warning, and the store is empty. Damage
    that shows later raises StoreError and leaves a mark, so that the next open deletes the folder.

    With `bulk` it takes large writes fast, and a crash may lose the newest of them, never a part of
    one: for rebuilds, which resume where the store is. Open it without `bulk` afterwards.
    """

    def __init__(self, folder: Path, *, bulk: bool = False) -> None:
        self.folder, self.bulk = folder, bulk
        self.db = self.open()

    def open(self) -> Rdict:
        """Open the folder, or create it; a damaged one is created anew.

        Raises:
            StoreError: it is open elsewhere, or the disk does not allow it.
        """
        if self.mark.exists():
            self.discard(self.mark.read_text())
        try:
            return self.opened()
        except StoreError as error:
            if not _is_damage(error.detail):
                raise
            self.discard(error.detail)
            return self.opened()

    @property
    def mark(self) -> Path:
        """The file beside the folder that marks it as damaged."""
        return self.folder.with_name(f"{self.folder.name}.damaged")

    def discard(self, why: str) -> None:
        """Delete the folder, and log a warning."""
        logger.warning("damaged, rebuilt from the log", folder=str(self.folder), reason=why)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.mark.unlink(missing_ok=True)

    def opened(self) -> Rdict:
        """Open the folder, or create it.

        Raises:
            StoreError: that is not possible.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(16 * 1024 * 1024)
        options.set_max_write_buffer_number(2)
        options.set_keep_log_file_num(2)
        # A rebuild leaves many files: they are compacted after the next writes, not before.
        options.set_level_zero_slowdown_writes_trigger(1 << 20)
        options.set_level_zero_stop_writes_trigger(1 << 20)
        if self.bulk:
            # Rows go into memory unsorted, and become a sorted file in another thread.
            options.set_memtable_factory(MemtableFactory.vector())
            options.set_allow_concurrent_memtable_write(False)
            options.set_write_buffer_size(_BULK_BUFFER)
            options.set_max_write_buffer_number(3)
            options.set_disable_auto_compactions(True)
        options.set_max_background_jobs(2)
        try:
            return Rdict(
                str(self.folder),
                options=options,
                # Without this a folder is opened with the options of its creation.
                column_families={"default": options},
                access_type=AccessType.read_write(),
            )
        except Exception as error:
            raise StoreError(
                f"{self.folder}: {error}.",
                advice="If no other process uses it, delete it: it is rebuilt from the log.",
            ) from error

    def failed(self, error: Exception) -> StoreError:
        """Convert an error of RocksDB to ours; mark the folder if it is damaged."""
        if _is_damage(str(error)):
            with suppress(OSError):  # the disk takes no mark: the error itself is raised
                self.mark.write_text(str(error))
        return StoreError(
            f"{self.folder}: {error}.",
            advice="Start again: a damaged folder is rebuilt from the log.",
        )

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or None.

        Raises:
            StoreError: the folder is damaged or gone.
        """
        try:
            value: bytes | None = self.db.get(key)
        except Exception as error:
            raise self.failed(error) from error
        return value

    def scan(self, prefix: bytes, *, after: bytes = b"", reverse: bool = False) -> Iterator[Row]:
        """Yield rows whose key has the prefix, in order; those past the key `after` if given."""
        return self.snapshot().scan(prefix, after=after, reverse=reverse)

    def snapshot(self) -> RocksSnapshot:
        """Return a snapshot of the content."""
        return RocksSnapshot(self)

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write rows, and delete those that are None, atomically, also across a crash.

        Raises:
            StoreError: the folder is damaged or gone, or the disk is full.
        """
        batch, how = WriteBatch(raw_mode=True), WriteOptions()
        for key, value in rows.items() if self.bulk else sorted(rows.items()):
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        how.disable_wal = self.bulk  # type: ignore[assignment, method-assign]  # a wrong stub
        try:
            self.db.write(batch, how)
            if self.bulk:
                self.db.flush(wait=False)  # unsorted rows are not for reading
        except Exception as error:
            raise self.failed(error) from error

    def clear(self) -> None:
        """Delete the folder and start with an empty one."""
        self.db.close()
        shutil.rmtree(self.folder)
        self.db = self.open()

    def close(self) -> None:
        """Flush memory to the disk, and close the folder."""
        try:
            if self.bulk:
                self.db.flush()
            self.db.close()
        except Exception as error:  # noqa: BLE001 - it is closed all the same
            logger.warning("not closed well", reason=self.failed(error).detail)


class RocksSnapshot:
    """A store's content at one moment.

    An iterator sees the content of its creation, so all reads go through one. (rocksdict's own
    snapshots do not reach their iterators in 0.3.29.)
    """

    def __init__(self, store: RocksStore) -> None:
        self.store, self.iterator = store, store.db.iter()

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or None.

        Raises:
            StoreError: the folder is damaged.
        """
        self.iterator.seek(key)
        if not self.iterator.valid():
            self.check()
            return None
        if self.iterator.key() != key:
            return None
        value: bytes = self.iterator.value()
        return value

    def scan(self, prefix: bytes, *, after: bytes = b"", reverse: bool = False) -> Iterator[Row]:
        """Yield rows whose key has the prefix, in order; those past the key `after` if given."""
        low, high = bounds(prefix, after, reverse=reverse)
        iterator = self.iterator
        if reverse:
            iterator.seek_for_prev(high)
            if iterator.valid() and iterator.key() == high:
                iterator.prev()
        else:
            iterator.seek(low)
        while iterator.valid():
            key = iterator.key()
            if not low <= key < high:
                return
            yield key, iterator.value()
            if iterator.key() != key:  # another read moved the iterator meanwhile
                iterator.seek(key)
            iterator.prev() if reverse else iterator.next()
        self.check()

    def check(self) -> None:
        """Raise StoreError if the rows seem to end because they cannot be read."""
        try:
            self.iterator.status()
        except Exception as error:
            raise self.store.failed(error) from error


def _is_damage(words: str) -> bool:
    """Return whether RocksDB's error means an unusable folder.

    A folder that another process has open, or a disk that is full or read-only, does not count.
    """
    signs = ("Corruption", "No such file or directory", "Invalid argument", "NotFound")
    return any(sign in words for sign in signs)
