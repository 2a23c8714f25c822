"""Comparisons of trainings, for both clients."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.operation import operation
from autolearn.schemas.rest.comparisons import TrainingComparison


class Comparing:
    """Trainings beside each other."""

    @operation
    def compare(
        self,
        of: str | Sequence[str],
        *,
        sort: str | None = None,
        on: str | None = None,
        as_of: str | None = None,
    ) -> Flow[TrainingComparison]:
        """Compare the trainings of sessions and experiments, or single ones, by their ids.

        The start of an id is enough. The scores are those of the held-out rows of each training, or
        `on` a dataset (NAME or NAME@VERSION). `sort` names a metric: the best come first.

        Raises:
            Problem: something is not there, nothing has a value of `sort`, or there are more than
                2,000 trainings.
        """
        given = [of] if isinstance(of, str) else [*of]
        query = {"of": given, "sort": sort, "on": on, "as_of": as_of}
        return ask(Call("GET", "/v1/compare", TrainingComparison, query))
