"""What is expected of a dataset, in words: age between 0 and 120."""

from __future__ import annotations

from collections.abc import Sequence

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.datasets.expectations import (
    DatasetExpectations,
    ExpectationCheck,
    ProposedExpectations,
)


class ExpectationMethods(Handle[Dataset]):
    """The rules of a dataset: a hard one refuses a new version that breaks it, a soft one warns."""

    @operation
    def expectations(self, *, as_of: str | None = None) -> Flow[DatasetExpectations]:
        """Return the expectations of the dataset, now or at a point of the past."""
        return ask(Call("GET", self._at(), DatasetExpectations, {"as_of": as_of}))

    @operation
    def expect(
        self, hard: Sequence[str] = (), soft: Sequence[str] = (), *, after: int | None = None
    ) -> Flow[DatasetExpectations]:
        """Say what is expected of the dataset, instead of what was before; no rules: nothing.

        `after` is the number of the expectations that you know: others may have changed them.

        Raises:
            Problem: a rule cannot be read, has no such column, or all are as before; somebody has
            changed them after that number; or one may not change the dataset.
        """
        body = {"hard": [*hard], "soft": [*soft], "after": after}
        return ask(Call("PUT", self._at(), DatasetExpectations, body=body))

    @operation
    def proposed_expectations(self) -> Flow[ProposedExpectations]:
        """Propose rules that this version meets, by its profile and findings; guesses are soft."""
        query = {"version": self.data.version}
        return ask(Call("GET", self._at("/proposed"), ProposedExpectations, query))

    @operation
    def check(self, hard: Sequence[str] = (), soft: Sequence[str] = ()) -> Flow[ExpectationCheck]:
        """Check this version by the dataset's rules, or by other ones.

        Raises:
            Problem: nothing is expected of the dataset, or a rule cannot be read.
        """
        body = {"version": self.data.version, "hard": [*hard], "soft": [*soft]}
        return ask(Call("POST", self._at("/check"), ExpectationCheck, body=body))

    def _at(self, what: str = "") -> str:
        return f"/v1/catalog/datasets/{segment(self.data.name)}/expectations{what}"
