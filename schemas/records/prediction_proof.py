"""The proof of a prediction: what was asked and answered, and the events that lead to the answer.

docs/chain.md describes the format.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from autolearn.schemas.records.checkpoint import Number, Proof
from autolearn.schemas.records.prediction import PredictionContent

PREDICTION_FORM = "autolearn-prediction-proof/1"
STATEMENT_TYPE = "autolearn-prediction"
"""The `typ` of a statement's signature."""


class PredictionStatement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an installation says about a prediction, and signs.

    `record` is the exact text of the record, which was found at `time` (RFC 3339) at an offset of a
    partition of `predictions`, where the log had taken it at `appended`; `content` is what was
    encrypted in it. `events` are the ids of the events of the proof in their order, and `opened`
    the data of those that are encrypted, as far as the one who asked may read them; `withheld` says
    which links are left out, and why. `newest` is the number of the newest event of the model.
    """

    v: Literal[1] = 1
    time: str
    model: str
    request: str
    partition: Number
    offset: Number
    appended: str
    record: str
    content: PredictionContent
    events: list[str]
    opened: dict[str, Any]
    withheld: dict[str, str]
    newest: Number


class PredictionProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A proof of a prediction, which can be checked without the log.

    `statement` is the signature (JWS) of a `PredictionStatement`; each of `events` is on the hash
    chain.
    """

    format: Literal["autolearn-prediction-proof/1"] = "autolearn-prediction-proof/1"
    statement: str
    events: list[Proof]
