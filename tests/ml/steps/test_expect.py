"""The step that checks a table by rules."""

import pyarrow as pa
import pytest

from autolearn.ml.errors import InputError
from autolearn.ml.steps.expect import broken_rules, changes_of, expect

TABLE = pa.table({"age": [30, 150, -1], "plan": ["a", "b", "c"], "id": [1, 1, 2]})
RULES = {"hard": ["age between 0 and 120"], "soft": ["plan in a, b", "rows >= 2"]}


def test_a_table_that_meets_the_hard_rules_goes_on():
    soft = {"soft": RULES["hard"] + RULES["soft"]}
    assert expect(TABLE, rules=soft) is TABLE
    changes = changes_of(TABLE, broken_rules(TABLE, soft, sensitive=["id"]), sensitive=["id"])
    assert [(one.what, one.column, one.rows) for one in changes] == [
        ("warned", "age", 2),
        ("warned", "plan", 1),
    ]
    assert changes[0].sample == ({"age": 150, "plan": "b"}, {"age": -1, "plan": "c"})


def test_a_hard_rule_stops():
    with pytest.raises(InputError, match="a hard rule is not met: age between 0 and 120, but 2 of"):
        expect(TABLE, rules=RULES)
    (change, _) = changes_of(TABLE, broken_rules(TABLE, RULES))
    assert (change.what, change.rows) == ("failed", 2)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (None, "there are no rules"),
        ({"hard": []}, "there are no rules"),
        ({"harsh": ["id unique"]}, "the rules have 'harsh'"),
        ({"hard": "id unique"}, "`hard` is a list"),
        ({"hard": ["id"]}, "'id' is no rule"),
        ({"hard": ["id unique"], "at": "soon"}, "`at` is a time"),
    ],
)
def test_rules_that_cannot_be_read(rules: dict, why: str):
    with pytest.raises(InputError, match=why):
        expect(TABLE, rules=rules)
