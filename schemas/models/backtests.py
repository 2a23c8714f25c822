"""A backtest: another version predicts what a model was asked, and its answers are compared."""

from __future__ import annotations

from msgspec import Struct

from autolearn.schemas.values import JsonValue

REQUEST, ROW, VERSION = "asked_request", "asked_row", "answered_by"
ANSWER, SCORE, TRUTH = "recorded_answer", "recorded_score", "known_truth"
ASKED_COLUMNS = (REQUEST, ROW, VERSION, ANSWER, SCORE, TRUTH)
"""The columns that stand beside the features in the rows of a backtest.

The id of the request and the number of the row in it, from 0; the version that answered; its label,
number, cluster, or whether it is an anomaly; how sure it was: the probability of its label, or the
score of the anomaly (null for the others); and the truth of the row (null where none is known).
"""


class Backtest(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The requests whose rows were frozen as the data of a prediction.

    They were made from `since` until before `until` (RFC 3339), and answered by the version
    `against`, or by any (0). `rows` are by the version that answered. `left_out` counts requests
    that are not among the data, by reason.
    """

    since: str
    until: str
    against: int = 0
    requests: int = 0
    rows: dict[str, int] = {}
    left_out: dict[str, int] = {}


class AnswerChange(Struct, frozen=True):
    """So many `rows` were answered with a label, and would be with another one."""

    recorded: JsonValue
    answer: JsonValue
    rows: int


class DifferentRow(Struct, frozen=True, omit_defaults=True):
    """A row whose answers differ; None for both where the target is sensitive.

    The `difference` is that of the numbers, or of the probabilities of the recorded label, or of
    the scores of the anomaly; None where there is none.
    """

    request: str
    row: int
    version: int
    recorded: JsonValue
    answer: JsonValue
    difference: float | None = None


class BacktestComparison(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the answers of a version compare with those that were recorded.

    `agreement` is the share of the rows whose answers are `equal`: the same label, cluster or
    anomaly; numbers within 1e-9 of the recorded one, relatively, or 1e-12. `equal_by_version` is by
    the version that answered. The differences are as in a `DifferentRow`, and absolute; the mean is
    over the rows that have one. `changes` are the most frequent ones, `different` the rows with the
    largest differences, the first ones among equal differences.

    For the rows whose truth is known, as many as `truths`, there are the `metrics` of the version,
    and `recorded_metrics` of the recorded answers: accuracy and f1 (macro), or rmse and mae.
    """

    rows: int
    equal: int
    agreement: float
    equal_by_version: dict[str, int] = {}
    largest_difference: float | None = None
    mean_difference: float | None = None
    changes: tuple[AnswerChange, ...] = ()
    different: tuple[DifferentRow, ...] = ()
    truths: int = 0
    metrics: dict[str, float] = {}
    recorded_metrics: dict[str, float] = {}
