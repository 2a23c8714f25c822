"""The erasure of a person's rows from the prediction log of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from autolearn.client.sdk.flows import EXAMINED, Call, Flow, ask
from autolearn.client.sdk.models.online_rows import plain_record
from autolearn.client.sdk.models.truths import TruthMethods
from autolearn.client.sdk.operation import operation
from autolearn.client.sdk.paths import segment
from autolearn.schemas.rest.predictions import ErasedPredictions


def _nothing(_: ErasedPredictions) -> None:
    """Report nothing."""


class ErasureMethods(TruthMethods):
    """What is erased from the prediction log."""

    @operation
    def erase_predictions(
        self,
        key: Mapping[str, Any],
        *,
        reason: str = "",
        report: Callable[[ErasedPredictions], None] = _nothing,
    ) -> Flow[ErasedPredictions]:
        """Erase the rows of a person, such as {"customer": 17}, with their answers and truths.

        A column of `key` has a value, or a list of several; a row fits that has one of them in each
        column. All records are looked at whose keys are there; `report` gets how far that is.
        Erasing again is harmless.

        Raises:
            Problem: one does not own the model, or a record could not be replaced: erase again.
        """
        values = {
            name: [plain_record({name: one})[name] for one in given]
            if isinstance(given, list | tuple | set)
            else plain_record({name: given})[name]
            for name, given in key.items()
        }
        at, whole, page = f"/v1/models/{segment(self.data.name)}/erasures", None, ""
        while True:
            body = {"key": values, "reason": reason, "page": page}
            said = yield from ask(Call("POST", at, ErasedPredictions, body=body), EXAMINED)
            before = whole or replace(said, requests=0, rows=0, looked=0)
            whole = replace(
                said,
                requests=before.requests + said.requests,
                rows=before.rows + said.rows,
                looked=before.looked + said.looked,
            )
            report(whole)
            if said.next is None:
                return whole
            page = said.next
