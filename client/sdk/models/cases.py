"""The named cases of a model: rows whose answers are compared at each promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autolearn.client.sdk.flows import Call, Flow, ask
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.models.online_rows import plain_record
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.models.versions import CHAMPION
from autolearn.schemas.rest.models import RegisteredModel
from autolearn.schemas.rest.page import Page
from autolearn.schemas.rest.serving.cases import CaseRun, ModelCase


class CaseMethods(Handle[RegisteredModel]):
    """The named cases of a model."""

    @operation
    def cases(self) -> Flow[list[ModelCase]]:
        """List its named cases: rows whose answers are compared at each promotion."""
        found = yield from ask(Call("GET", self._cases, Page[ModelCase]))
        return found.items

    @operation
    def add_case(
        self, row: Mapping[str, Any], *, name: str = "", expect: str | float | None = None
    ) -> Flow[ModelCase]:
        """Add a row as a case, at most 100; `expect` is the right answer.

        Raises:
            Problem: there is a case with this name, there are as many as may be, the row is too
            large, or one may not promote.
        """
        body = {"row": plain_record(row), "name": name, "expect": expect}
        return ask(Call("POST", self._cases, ModelCase, body=body))

    @operation
    def remove_case(self, case: int | str) -> Flow[list[ModelCase]]:
        """Remove a case, by its name or number; return the cases that are left.

        Raises:
            Problem: there is no such case, or one may not promote.
        """
        at = f"{self._cases}/{segment(str(case))}/remove"
        left = yield from ask(Call("POST", at, Page[ModelCase], body={}))
        return left.items

    @operation
    def run_cases(self, version: int | str = CHAMPION) -> Flow[CaseRun]:
        """Return how a version answers the cases now; they are not on the prediction log.

        Raises:
            Problem: there is no such version, or it cannot be loaded.
        """
        at = f"/v1/models/{segment(self.data.name)}/versions/{segment(str(version))}/cases"
        return ask(Call("GET", at, CaseRun))

    @property
    def _cases(self) -> str:
        return f"/v1/models/{segment(self.data.name)}/cases"
