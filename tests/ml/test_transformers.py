"""Our transformers, against pandas and scikit-learn's own checks of estimators."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from autolearn.ml.transformers import DateParts, QuantileClipper, SignedLog

PARTS = ("year", "quarter", "month", "day", "day-of-year", "weekday", "hour", "minute", "time")


@pytest.mark.long
@parametrize_with_checks([DateParts(("year", "day", "time")), QuantileClipper(), SignedLog()])
def test_they_are_estimators_as_scikit_learn_wants_them(estimator, check):
    check(estimator)


def test_the_parts_of_times_are_those_of_pandas():
    random = np.random.default_rng(0)
    seconds = random.integers(-3_000_000_000, 8_000_000_000, 5_000) + random.random(5_000)
    seconds[:2] = 0, 951_782_400  # 1970-01-01 and 2000-02-29
    times = pd.Series(pd.to_datetime(seconds, unit="s"))
    found = DateParts(PARTS).fit(seconds[:, None])
    names = list(found.get_feature_names_out(["when"]))
    assert names == [f"when_{part}" for part in PARTS]
    table = pd.DataFrame(found.transform(seconds[:, None]), columns=names)
    for part in PARTS[:-1]:
        name = {"weekday": "day-of-week"}.get(part, part)
        expected = getattr(times.dt, name.replace("-", "_"))
        assert (table[f"when_{part}"] == expected).all(), part
    assert (table["when_time"] == seconds).all()


def test_missing_times_have_no_parts_and_equal_parts_are_left_out():
    days = pd.DataFrame({"a": [0.0, np.nan, 86_400.0], "b": [5.0, 5.0, 5.0]})
    parts = DateParts().fit(days)
    assert list(parts.get_feature_names_out()) == ["a_day", "a_weekday", "b_year"]
    np.testing.assert_array_equal(
        parts.transform(days), [[1, 3, 1970], [np.nan, np.nan, 1970], [2, 4, 1970]]
    )


def test_clipping_limits_to_the_quantiles_of_present_values():
    random = np.random.default_rng(1)
    values = random.normal(size=(400, 2))
    values[7] = np.nan
    clipped = QuantileClipper(0.05).fit(values).transform([[99.0, -99.0], [np.nan, 0.0]])
    low, high = np.nanquantile(values, [0.05, 0.95], axis=0)
    np.testing.assert_array_equal(clipped, [[high[0], low[1]], [np.nan, 0.0]])
    empty = QuantileClipper().fit([[np.nan], [np.nan]])
    assert empty.transform([[3.0]]) == [[3.0]]


def test_the_logarithm_has_a_sign():
    values = np.array([[-np.expm1(2.0)], [0.0], [np.expm1(3.0)], [np.nan]])
    found = SignedLog().fit(values).transform(values)
    np.testing.assert_allclose(found, [[-2.0], [0.0], [3.0], [np.nan]], rtol=1e-15)


def test_a_part_that_there_is_none_of():
    with pytest.raises(ValueError, match="'century' is no part of a time"):
        DateParts(("century",)).fit([[1.0]])
