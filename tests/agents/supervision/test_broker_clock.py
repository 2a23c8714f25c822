"""When a clock is believed that something irrevocable depends on."""

from autolearn.agents.supervision.broker_clock import FRESH, BrokerClock

DAY = 24 * 3600.0
NOON = 1_767_268_800.0


def compared(sent: float, written: float | None, received: float) -> BrokerClock:
    clock = BrokerClock(DAY)
    clock.compare(sent, written, received, 0.0)
    return clock


def test_clocks_that_agree_are_believed_however_long_a_record_was_on_its_way():
    for written in (0.0, 0.2, 300.0, 599.0):
        clock = compared(NOON, NOON + written, NOON + 600)
        assert clock.difference == 0.0
        assert clock.known(0.0)
        assert clock.doubt(0.0) == ""


def test_a_clock_that_is_off_by_more_than_a_minute_is_not_believed():
    ahead = compared(NOON + 3600, NOON + 0.1, NOON + 3600.2)
    assert ahead.difference == 3599.9
    assert "differ by 3600 s, more than 60" in ahead.doubt(0.0)
    behind = compared(NOON - DAY, NOON, NOON - DAY + 0.1)
    assert behind.difference == -(DAY - 0.1)
    assert "differ by" in behind.doubt(0.0)
    assert compared(NOON + 59, NOON, NOON + 59.1).doubt(0.0) == ""


def test_what_was_compared_long_ago_is_not_known():
    clock = compared(NOON, NOON, NOON)
    assert clock.known(FRESH)
    assert not clock.known(FRESH + 1)
    assert not BrokerClock(DAY).known(0.0)


def test_a_clock_that_was_set_is_not_believed_for_the_grace():
    clock = compared(NOON, NOON, NOON)
    for second in range(10):
        clock.look(NOON + second, float(second))
    assert clock.doubt(9.0) == ""
    clock.look(NOON + 8 * DAY, 10.0)  # with the broker on the same machine nobody else notices
    clock.compare(NOON + 8 * DAY, NOON + 8 * DAY, NOON + 8 * DAY, 10.0)
    assert "was set by more than 60 s" in clock.doubt(11.0)
    assert clock.doubt(10.0 + DAY) == ""


def test_a_machine_that_slept_did_not_set_its_clock():
    clock = compared(NOON, NOON, NOON)
    clock.look(NOON, 0.0)
    clock.look(NOON + 3 * DAY, 3 * DAY)  # the steady clock went on as well
    assert clock.doubt(3 * DAY) == ""


def test_a_broker_that_does_not_tell_its_time_vouches_for_no_clock():
    clock = compared(NOON, None, NOON + 0.1)
    assert not clock.believed(0.0)
    assert "sender's time" in clock.doubt(0.0)
    clock.compare(NOON, NOON, NOON, 1.0)
    assert clock.believed(1.0)
