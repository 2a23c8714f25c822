"""The reader of the hours of predictions in an API process: a store, fed from two topics."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from autolearn.api.http.problems import unavailable
from autolearn.api.state.log_reader import LogReader
from autolearn.eventlog.log import Log
from autolearn.projections.predictions.hour_rows import CLOSED, OPEN, HourTopic, belongs_to
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.projections.storage.store import Store
from autolearn.schemas.errors import LogError
from autolearn.schemas.topics import Topics

log = structlog.stdlib.get_logger("autolearn.api")

_WAIT, _PAUSE = 0.5, 5.0
"""Seconds to wait for news of each topic, and after a fault."""


class PredictionHours:
    """Reads hours in a thread of its own, from `start` to `stop`.

    A damaged store ends the process, and is filled anew by the next one.
    """

    def __init__(self, to: Log, topics: Topics, reader: LogReader, folder: Path) -> None:
        self.log, self.topics, self.reader, self.folder = to, topics, reader, folder
        self.stopped, self.known = threading.Event(), threading.Event()
        self.stored: Store | None = None
        self.thread: threading.Thread | None = None

    @property
    def store(self) -> Store:
        """The store with the hours.

        Raises:
            Problem: the topics were not read yet (503).
        """
        if self.stored is None or not self.known.is_set():
            raise unavailable("The hours of predictions are being read from the log. Try again.")
        return self.stored

    def start(self) -> None:
        """Start the thread."""
        self.thread = threading.Thread(target=self._run, name="hours", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        """Read until stopped (in the thread); after a fault of the log, once more."""
        try:
            self.stored = RocksStore(self.folder)
            while not self.stopped.is_set():
                try:
                    self._follow(self.stored)
                except LogError as error:
                    log.warning("the hours of predictions are not read", why=error.detail)
                    self.stopped.wait(_PAUSE)
        except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot go on
            if not self.stopped.is_set():
                self.reader.on_loop(self.reader.fail, error)

    def _follow(self, store: Store) -> None:
        """Read until stopped, or until the log cannot be read."""
        belongs_to(store, self.log.cluster())
        tables = {self.topics.prediction_hours.name: CLOSED, self.topics.open_hours.name: OPEN}
        with ExitStack() as end:
            topics = [
                end.enter_context(closing(HourTopic(self.log, topic, store, table)))
                for topic, table in tables.items()
            ]
            for topic in topics:
                topic.catch_up()
            self.known.set()
            while not self.stopped.is_set():
                for topic in topics:
                    topic.step(_WAIT)

    async def stop(self) -> None:
        """Stop the thread, and close the store."""
        self.stopped.set()
        if self.thread is not None:
            await asyncio.to_thread(self.thread.join)
        if self.stored is not None:
            await asyncio.to_thread(self.stored.close)
