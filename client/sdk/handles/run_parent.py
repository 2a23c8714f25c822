"""The session or experiment of a run: the part of its path that a commit changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from autolearn.client.sdk.errors import Problem
from autolearn.client.sdk.flows import Flow
from autolearn.client.sdk.paths import segment

T = TypeVar("T")


class RunParent:
    """A session, or the experiment that it became. All handles of its runs share it."""

    def __init__(self, id: str, kind: str = "session") -> None:  # noqa: A002 - what it is
        self.id, self.kind = id, kind
        self.open = kind == "session"

    @property
    def path(self) -> str:
        """Its path."""
        return f"/v1/{self.kind}s/{segment(self.id)}"

    def commit(self) -> None:
        """Go on as the experiment."""
        self.kind, self.open = "experiment", False

    def ask(self, make: Callable[[str], Flow[T]]) -> Flow[T]:
        """Ask for something below its path: of the experiment, if it was committed meanwhile."""
        try:
            return (yield from make(self.path))
        except Problem as problem:
            if problem.kind != "session-committed" or self.kind != "session":
                raise
        self.commit()
        return (yield from make(self.path))
