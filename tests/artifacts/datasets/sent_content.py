"""A file that another process would send, sent by a thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autolearn.artifacts.datasets.files.content import HEAD, SentContent


@contextmanager
def sent(path: Path) -> Iterator[SentContent]:
    """Yield the content of a file, whose ranges go through pipes."""
    answers, answer = os.pipe()
    questions, question = os.pipe()

    def send() -> None:
        with (
            path.open("rb") as file,
            os.fdopen(questions, "rb") as asked,
            os.fdopen(answer, "wb") as to,
        ):
            while head := asked.read(HEAD.size):
                _, offset, length = HEAD.unpack(head)
                file.seek(offset)
                to.write(file.read(length))
                to.flush()

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(answers, "rb") as get, os.fdopen(question, "wb") as ask:
        yield SentContent(path.stat().st_size, get, ask)
    thread.join(10)
    assert not thread.is_alive()
