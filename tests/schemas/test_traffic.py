"""Traffic: anyone can recompute who got which version, and when a guard's limit is passed."""

from collections import Counter

import pytest

from autolearn.schemas.models.traffic import (
    Guard,
    GuardBreach,
    GuardCount,
    Traffic,
    breach_in,
    bucket,
    counted,
    guard_in,
    route,
    version_in,
)

ALIASES = {"champion": 1, "challenger": 3}


def traffic(**fields: object) -> Traffic:
    routes = {"champion": 90, "challenger": 10}
    return Traffic(**{"revision": 1, "routes": routes, "salt": "penguins", **fields})


def test_a_key_has_the_bucket_that_anyone_computes():
    """`printf 'penguins\\0customer-17' | sha256sum` begins with 9c70f5b9f55955c9, which is 53."""
    assert bucket("penguins", b"customer-17") == 0x9C70F5B9F55955C9 % 100 == 53
    assert bucket("penguins", b"17") == 95
    assert bucket("other", b"17") != 95


def test_the_routes_take_the_buckets_in_the_order_of_their_names():
    half = traffic(routes={"champion": 46, "challenger": 54})  # challenger has 0 to 53
    assert route(half, ALIASES, b"customer-17") == 3
    less = traffic(routes={"champion": 47, "challenger": 53})
    assert route(less, ALIASES, b"customer-17") == 1
    assert route(traffic(routes={"2": 100}), ALIASES, b"customer-17") == 2


def test_a_larger_share_keeps_all_that_had_the_version():
    keys = [str(number).encode() for number in range(2000)]
    few = {key for key in keys if route(traffic(), ALIASES, key) == 3}
    more = traffic(routes={"champion": 70, "challenger": 30})
    many = {key for key in keys if route(more, ALIASES, key) == 3}
    assert few < many
    assert (len(few), len(many)) == (pytest.approx(200, abs=45), pytest.approx(600, abs=70))
    assert sum(Counter(bucket("penguins", key) for key in keys).values()) == 2000


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("Grüße", "Grüße".encode()),
        (17, b"17"),
        (17.0, b"17"),
        (0.1, b"0.1"),
        (True, b"true"),
        (None, b"request-1"),
        ("", b"request-1"),
    ],
)
def test_the_key_of_a_request_is_a_value_of_its_row(value: object, key: bytes):
    sticky = traffic(sticky="customer")
    assert sticky.key({"customer": value}, {}, "request-1") == key


def test_the_key_may_be_in_a_header_and_else_is_the_request():
    by_header = traffic(sticky_header="X-Customer")
    assert by_header.key({"customer": 1}, {"x-customer": "17"}, "request-1") == b"17"
    assert by_header.key({}, {}, "request-1") == b"request-1"
    assert traffic().key({"customer": 1}, {"x-customer": "17"}, "request-1") == b"request-1"


def test_a_version_is_named_by_its_number_or_an_alias():
    names = ("champion", "2", "02", "", "second", "9" * 10)
    assert [version_in(ALIASES, name) for name in names] == [1, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("words", "guard", "allowed"),
    [
        ("errors <= 1% over 200", Guard("errors", 1, 200), 2),
        (" errors<=0.5 % over 1000 ", Guard("errors", 0.5, 1000), 5),
        ("errors <= 0% over 100", Guard("errors", 0, 100), 0),
        ("errors <= 29% over 100", Guard("errors", 29, 100), 29),  # 0.29 * 100 < 29
        ("p99 <= 50 ms over 1000", Guard("p99", 50, 1000), 10),
        ("p99.9 <= 1.5s over 1000", Guard("p99.9", 1500, 1000), 1),
        ("p50 <= 999999 s over 9", Guard("p50", 999_999_000, 9), 4),
    ],
)
def test_a_guard_is_read_and_written(words: str, guard: Guard, allowed: int):
    assert (guard_in(words), guard.allowed) == (guard, allowed)
    assert guard_in(str(guard)) == guard


@pytest.mark.parametrize(
    "words",
    [
        *("errors < 1% over 200", "errors <= 1 over 200", "errors <= 100% over 9", "p99 <= 50"),
        *("p0 <= 50 ms over 10", "p99 <= 0 ms over 10", "errors <= 1% over 0", ""),
        *("p99 <= 50 m over 10", "errors <= 1% over 9999999", "latency <= 5 ms over 10"),
    ],
)
def test_other_words_are_no_guard(words: str):
    with pytest.raises(ValueError, match=r"will do|write `errors"):
        guard_in(words)


def test_the_first_guard_that_is_passed_is_the_breach():
    guards = (Guard("p50", 10, 4), Guard("errors", 25, 4))
    counts: tuple[GuardCount, ...] = ()
    for failed, milliseconds in ((True, 5), (False, 11), (True, 5)):
        assert breach_in(2, guards, counts) is None if counts else True
        counts = counted(guards, counts, failed=failed, milliseconds=milliseconds)
    assert breach_in(2, guards, counts) == GuardBreach(2, "errors <= 25% over 4", 2, 3)


def count(guard: Guard, bad: str) -> list[GuardCount]:
    """The counts after each request, of which those marked with x are bad."""
    counts = [GuardCount()]
    for one in bad:
        slow = 51.0 if one == "x" else 50.0
        counts.append(counts[-1].plus(guard, failed=one == "x", milliseconds=slow))
    return counts[1:]


@pytest.mark.parametrize("guard", [Guard("errors", 20, 10), Guard("p80", 50, 10)])
def test_bad_requests_are_counted_in_blocks(guard: Guard):
    good = count(guard, "xx........" * 3)
    assert max(one.bad for one in good) == guard.allowed == 2
    assert [one.requests for one in good] == [*range(1, 11)] * 3
    passed = count(guard, "..x.x.x")[-1]
    assert (passed.bad > guard.allowed, passed) == (True, GuardCount(7, 3))
    assert "3 of 7 requests" in guard.words(passed.bad, passed.requests)
