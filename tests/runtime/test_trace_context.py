"""W3C Trace Context: what is taken, what is not, and how it goes through the headers of records."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autolearn.runtime.trace_context import (
    Trace,
    answering,
    asked_of,
    hop_of,
    instance_of,
    sending,
    trace_in,
)

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{ID}-{SPAN}-01", "01"),
        (f"00-{ID}-{SPAN}-00", "00"),
        (f"00-{ID}-{SPAN}-ff", "01"),  # of the flags only the last is known
        (f"00-{ID}-{SPAN}-02", "00"),
        (f"01-{ID}-{SPAN}-01", "01"),
        (f"cc-{ID}-{SPAN}-01-what-the-future-brings", "01"),
    ],
)
def test_what_the_specification_takes_is_taken(given: str, flags: str):
    assert Trace.read(given) == (ID, SPAN, flags)


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"00-{ID}-{SPAN}",
        f"00-{ID}-{SPAN}-01-more",  # version 00 has no more
        f"00-{ID}-{SPAN}-01-",
        f"cc-{ID}-{SPAN}-01.more",
        f"ff-{ID}-{SPAN}-01",
        f"0-{ID}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID[1:]}-{SPAN}-01",
        f"00-{ID}-{SPAN}-1",
        f"00-{ID}-{SPAN}-0x",
        f" 00-{ID}-{SPAN}-01",
        f"00-{ID}-{SPAN}-01\n",
        f"00_{ID}_{SPAN}_01",
        "\u0660\u0660-" + ID + "-" + SPAN + "-01",
    ],
)
def test_what_is_malformed_is_none(given: str):
    assert Trace.read(given) is None


@given(st.text(max_size=80))
def test_whatever_is_given_is_read_or_none(given: str):
    found = Trace.read(given)
    assert found is None or Trace.read(str(found)) == found


def test_a_new_trace_is_one():
    new = Trace.begin()
    assert Trace.read(str(new)) == new
    child = new.child()
    assert (child.trace, child.flags) == (new.trace, new.flags)
    assert child.span != new.span


def test_an_event_tells_who_posted_its_command_and_who_decided():
    request = Trace(ID, SPAN)
    command = dict(sending(request, "api/0@here:1"))
    event = answering(command, "autolearn.OpenSession.v1", "decide/0@there:2")
    trace, hop, asked = trace_in(event), hop_of(event), asked_of(event)
    assert trace is not None
    assert trace.trace == ID
    assert (hop.service, hop.instance) == ("decide", "0@there:2")
    assert hop.parent == trace_in(command).span
    assert int(hop.more) > 1_700_000_000_000
    assert (asked.service, asked.instance) == ("api", "0@here:1")
    assert (asked.parent, asked.more) == (SPAN, "autolearn.OpenSession.v1")


@pytest.mark.parametrize(
    "headers",
    [
        None,
        (),
        {},
        [("traceparent", None)],
        [("traceparent", b"\xff")],
        [("traceparent", b"00-" + b"1" * 1000)],
        [("hop", b"a b c")],
    ],
)
def test_a_command_without_a_trace_is_answered_without(headers: object):
    assert trace_in(headers) is None
    assert answering(headers, "autolearn.OpenSession.v1", "decide/0@here:1") == ()
    assert sending(None, "api/0@here:1") == ()


def test_what_others_write_into_the_headers_is_cut_to_words():
    headers = [("hop", b"one"), ("asked", b"a b c d e"), ("traceparent", b"x")]
    assert hop_of(headers) == ("one", "", "")
    assert asked_of(headers) == ("a", "b", "")


def test_a_process_has_a_name_of_its_own():
    assert re.fullmatch(r"api/west@\S+:\d+", instance_of("api", "west"))
