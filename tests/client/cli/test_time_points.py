"""Points in time on the command line."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from autolearn.client.cli.time_points import point


def at(given: str) -> datetime:
    return datetime.fromisoformat(point(given))


@pytest.mark.parametrize(
    ("given", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m ago", timedelta(minutes=10)),
        ("-2h", timedelta(hours=2)),
        ("1.5 d", timedelta(days=1.5)),
    ],
)
def test_how_long_ago(given, ago):
    before = datetime.now(UTC)
    assert before <= at(given) + ago <= datetime.now(UTC)


def test_a_time_without_a_zone_is_one_of_this_machine():
    assert at("2026-01-31T09:30") == datetime(2026, 1, 31, 9, 30).astimezone()
    assert at("2026-01-31 09:30:15.5") == datetime(2026, 1, 31, 9, 30, 15, 500_000).astimezone()
    assert at("2026-01-31") == datetime(2026, 1, 31).astimezone()


def test_a_time_with_a_zone_is_kept():
    for given in ("2026-01-31T09:30:00+05:30", "2026-01-31T09:30:00Z"):
        assert at(given) == datetime.fromisoformat(given)


def test_a_token_is_left_as_it_is():
    assert point("WyJiYm") == "WyJiYm"
    assert point("") == ""


@pytest.mark.parametrize("given", ["2026-13-01", "12", "2026-01-31T25:00", "9" * 30 + "d"])
def test_what_is_no_time_is_refused(given):
    with pytest.raises(typer.BadParameter, match=r"no time|too long"):
        point(given)
