"""Comparisons of trainings, for both clients."""

from __future__ import annotations

from typing import Any

from autolearn.client.sdk.flows import Flow
from autolearn.client.sdk.handles.board import AsyncBoard, Board, compared
from autolearn.client.sdk.operation import Either, operation


class Comparing:
    """Trainings beside each other."""

    @operation
    def compare(
        self, of: Any, *, sort: str | None = None, on: str | None = None, as_of: str | None = None
    ) -> Flow[Either[Board, AsyncBoard]]:
        """Compare the trainings of sessions and experiments, or single ones.

        `of` is one of them or a list: objects, or ids, of which the start is enough. The scores are
        those of the held-out rows of each training, or `on` a dataset (NAME or NAME@VERSION).
        `sort` names a metric: the best come first.

        Raises:
            Problem: something is not there, nothing has a value of `sort`, or there are more than
                2,000 trainings.
        """
        given = [*of] if isinstance(of, list | tuple) else [of]
        ids = [one if isinstance(one, str) else one.id for one in given]
        return compared(self, ids, {"sort": sort, "on": on, "as_of": as_of})
