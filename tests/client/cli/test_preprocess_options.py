"""The options of the preprocessing, as the body that they make."""

from typing import Any

import pytest
import typer

from autolearn.client.cli.commands.work.preprocess_options import preprocessing_in


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"impute": None, "dates": []}, None),
        ({"impute": ["mean"], "scale": ["robust"]}, {"impute": "mean", "scale": "robust"}),
        ({"impute": ["constant:-1"]}, {"impute": "constant", "fill_value": -1}),
        ({"impute": ["constant:a=b", "mean"]}, {"impute": "mean", "fill_text": "a=b"}),
        (
            {"impute": ["age,eur=constant:0", "plan=constant:"]},
            {
                "columns": {
                    "age": {"impute": "constant", "fill_value": 0},
                    "eur": {"impute": "constant", "fill_value": 0},
                    "plan": {"impute": "constant", "fill_value": ""},
                }
            },
        ),
        (
            {"encode": ["target", "plan=ordinal"], "min_frequency": ["10", "plan=0.1"]},
            {
                "encode": "target",
                "min_frequency": 10,
                "columns": {"plan": {"encode": "ordinal", "min_frequency": 0.1}},
            },
        ),
        ({"clip": ["0.01", "age=0"]}, {"clip": 0.01, "columns": {"age": {"clip": 0}}}),
        ({"log": ["all", "age=no"]}, {"log": True, "columns": {"age": {"log": False}}}),
        ({"indicator": ["a, b"]}, {"columns": {n: {"indicator": True} for n in "ab"}}),
        ({"dates": ["parts"]}, {"dates": "parts"}),
        (
            {"encode": ["notes=tf-idf:500", "text=tf-idf"]},
            {
                "columns": {
                    "notes": {"encode": "tf-idf", "max_features": 500},
                    "text": {"encode": "tf-idf"},
                }
            },
        ),
        ({"select": 20.0}, {"select": 20}),
        (
            {"select": 0.5, "drop_duplicates": True, "balance": "weights"},
            {"select": 0.5, "balance": "weights", "drop_duplicates": True},
        ),
        (
            {"dates": ["year,hour", "at=none"]},
            {"dates": ["year", "hour"], "columns": {"at": {"dates": "none"}}},
        ),
    ],
)
def test_options_make_a_body(options: dict[str, Any], body: dict[str, Any] | None):
    assert preprocessing_in(**options) == body


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"impute": ["best"]}, "'best' is none of mean, median"),
        ({"impute": ["constant"]}, "as in constant:0"),
        ({"impute": ["mean:3"]}, "as in constant:0"),
        ({"impute": ["mean", "median"]}, "mean and median are given for the same columns"),
        ({"scale": ["=none"]}, "a name is missing"),
        ({"scale": ["age=big"]}, "'big' is none of standard"),
        ({"clip": ["much"]}, "give it as NUMBER or COL=NUMBER"),
        ({"log": ["age=perhaps"]}, "'perhaps' is none of yes, no"),
        ({"dates": ["year,parts"]}, "parts stands alone"),
        ({"encode": ["ordinal:3"]}, "a number of words belongs to tf-idf"),
        ({"dates": ["century"]}, "'century' is none of year"),
    ],
)
def test_other_forms_are_refused(options: dict[str, Any], words: str):
    with pytest.raises(typer.BadParameter, match=words) as caught:
        preprocessing_in(**options)
    assert caught.value.param_hint == f"'--{next(iter(options))}'"
