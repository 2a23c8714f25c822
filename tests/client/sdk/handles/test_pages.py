"""Lists that fetch their pages when they are needed, of a played API."""

from typing import Any

import httpx
import pandas as pd
import pytest

from autolearn import AsyncAutoLearn, AutoLearn, Problem
from tests.client.sdk.played_api import SESSION, every

ITEMS = [SESSION | {"id": f"s{number}", "title": f"<{number}>"} for number in range(5)]


class Played:
    """An API whose pages have two items."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        self.asked.append(params.get("page", ""))
        at, many = int(params.get("page", 0)), min(2, int(params["limit"]))
        rest = str(at + many) if at + many < len(ITEMS) else None
        return httpx.Response(200, json={"items": ITEMS[at : at + many], "next": rest})


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def al(played) -> AutoLearn:
    return AutoLearn("http://api", transport=httpx.MockTransport(played), seal=False)


def ids(found: Any) -> list[str]:
    return [one.id for one in found]


def test_pages_come_when_they_are_needed_and_once(al, played):
    found = al.sessions.list()
    assert played.asked == []
    assert found[0].title == "<0>"
    assert bool(found)
    assert played.asked == [""]
    assert ids(found[1:3]) == ["s1", "s2"]
    assert played.asked == ["", "2"]
    assert ids(found) == ids(found) == ["s0", "s1", "s2", "s3", "s4"]
    assert (len(found), found[-1].id, ids(found[-2:])) == (5, "s4", ["s3", "s4"])
    assert played.asked == ["", "2", "4"]
    with pytest.raises(IndexError):
        found[5]


def test_a_limit_is_the_most_items(tell, played):
    def story(al):
        assert ids((yield every(al, al.sessions.list(limit=3)))) == ["s0", "s1", "s2"]
        assert ids((yield every(al, al.sessions.list(limit=2)))) == ["s0", "s1"]

    tell(played, story)
    assert played.asked == ["", "2", ""]


def test_a_list_is_a_frame(tell, played):
    def story(al):
        frame = yield al.sessions.list().to_frame()
        assert list(frame["title"]) == ["<0>", "<1>", "<2>", "<3>", "<4>"]
        assert frame["created"][0] == pd.Timestamp("2026-01-01", tz="UTC")
        assert "links" not in frame

    tell(played, story)


def test_a_list_is_shown_in_short(al, played):
    assert repr(al.sessions.list(limit=1)) == "[<Session s0 '<0>'>]"
    assert repr(al.sessions.list()).endswith("<Session s2 '<2>'>, …]")
    shown = al.sessions.list()._repr_html_()
    assert "<td>&lt;4&gt;</td>" in shown
    assert "…" not in shown
    assert played.asked == ["", "", "2", "", "2", "4"]


def test_async_for_goes_through_all_pages(played):
    import asyncio

    async def story() -> None:
        transport = httpx.MockTransport(played)
        async with AsyncAutoLearn("http://api", transport=transport, seal=False) as al:
            found = al.sessions.list()
            assert played.asked == []
            assert [one.id async for one in found] == ["s0", "s1", "s2", "s3", "s4"]
            assert [len(page.items) async for page in al.sessions.list().pages()] == [2, 2, 1]

    asyncio.run(story())


def test_a_problem_is_raised_when_a_page_is_needed(tell):
    def story(al):
        found = al.sessions.list()
        with pytest.raises(Problem, match="busy"):
            yield every(al, found)

    tell(lambda _: httpx.Response(409, json={"title": "busy"}), story)
