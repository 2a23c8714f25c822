"""Answers the named cases of a model by one of its versions. They are not recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from autolearn.schemas.bounds import cut
from autolearn.schemas.models.cases import Answer, is_same
from autolearn.schemas.rest.serving.cases import CaseAnswer, ModelCase

if TYPE_CHECKING:  # scikit-learn is imported with the first model
    from autolearn.ml.prediction.online import Answered, OnlineModel

_ANSWERS = ("prediction", "cluster", "anomaly")
_UNREADABLE = "the case cannot be read"


def case_answers(cases: Iterable[ModelCase], online: OnlineModel) -> list[CaseAnswer]:
    """Return the answers of a version to cases; one that it fails on is named so."""
    return [_answered(case, online) for case in cases]


def _answered(case: ModelCase, online: OnlineModel) -> CaseAnswer:
    from autolearn.ml.errors import InputError
    from autolearn.ml.prediction.row_checks import RowsRefused

    about: dict[str, Any] = {"number": case.number, "name": case.name, "expect": case.expect}
    if case.row is None:
        return CaseAnswer(**about, failed=_UNREADABLE)
    try:
        said = online.answer([case.row])
    except RowsRefused as error:
        one = error.faults[0]
        return CaseAnswer(**about, failed=cut(f"{one.column}: {one.detail}".lstrip(": "), 200))
    except InputError as error:  # of a step that it keeps
        return CaseAnswer(**about, failed=cut(error.detail, 200))
    answer = _answer(said)
    shares = said.columns.get(f"probability_{answer}")
    return CaseAnswer(
        **about,
        answer=answer,
        probability=None if shares is None else float(shares[0]),
        as_expected=None if case.expect is None else is_same(answer, case.expect),
    )


def _answer(said: Answered) -> Answer:
    """Return the answer to the only row: a number, or text."""
    column = next(said.columns[name] for name in _ANSWERS if name in said.columns)
    value = column.tolist()[0]
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, float) else str(value)
