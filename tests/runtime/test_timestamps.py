"""Times on the log."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from autolearn.runtime.timestamps import millis, stamp, text


def test_times_are_milliseconds_whatever_their_zone():
    assert millis("1970-01-01T00:00:00.001Z") == 1
    assert millis("2026-01-31T09:30:00+01:00") == millis("2026-01-31T08:30:00Z")
    assert millis("2026-01-31T09:30:00.999999Z") % 1000 == 999
    assert millis("1969-12-31T23:59:59.999Z") == -1


def test_text_is_the_other_way_round():
    for given in ("2026-01-31T08:30:00.007Z", "2100-12-31T23:59:59.999Z"):
        assert text(millis(given)) == given


@pytest.mark.parametrize("given", ["", "now", "2026-01-31", "2026-01-31T09:30:00", "12"])
def test_what_is_no_time_is_refused(given):
    with pytest.raises(ValueError, match=r"zone|Invalid"):
        millis(given)


def test_a_stamp_is_never_in_the_future():
    before = datetime.now(UTC) - timedelta(days=1)
    assert stamp(before.isoformat()) == millis(before.isoformat())
    assert stamp((datetime.now(UTC) + timedelta(hours=2)).isoformat()) is None
    assert stamp("whatever") is None
    assert stamp("1960-01-01T00:00:00Z") is None
    assert (stamp(text(time.time_ns() // 10**6)) or 0) > 0
