"""The step that checks a table by rules."""

import pyarrow as pa
import pytest

from autolearn.ml.errors import InputError
from autolearn.testing import run_step

TABLE = pa.table({"age": [30, 150, -1], "plan": ["a", "b", "c"], "id": [1, 1, 2]})
HARD = ["age between 0 and 120"]
SOFT = ["plan in a, b", "rows >= 2"]


def test_a_table_that_meets_the_hard_rules_goes_on():
    found = run_step("expect", TABLE, rules={"hard": SOFT[1:], "soft": HARD + SOFT})
    assert found.table.num_rows == 3
    assert [(one.what, one.column, one.rows) for one in found.report.changes] == [
        ("warned", "age", 2),
        ("warned", "plan", 1),
    ]
    assert found.report.changes[0].sample == (
        {"age": 150, "plan": "b", "id": 1},
        {"age": -1, "plan": "c", "id": 2},
    )


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"hard": HARD}, r"a hard rule is not met: age between 0 and 120, but 2 of 3 rows are not"),
        (None, "the rules are not put in"),
        ({"hard": []}, "there are no rules"),
        ({"harsh": ["id unique"]}, "the rules have 'harsh'"),
        ({"hard": "id unique"}, "hard is a list"),
        ({"hard": ["id"]}, "'id' is no rule"),
        ({"hard": ["id unique"], "at": "soon"}, "at is a time"),
    ],
)
def test_what_stops(rules: dict, why: str):
    with pytest.raises(InputError, match=why):
        run_step("expect", TABLE, rules=rules)
