"""Sessions and experiments as objects, of a played API."""

import asyncio
import json

import httpx
import pytest

from autolearn import AsyncAutoLearn, AutoLearn, BadArgument
from tests.client.sdk.played_api import SESSION

COUNTS = {"trainings": {"completed": 1}, "evaluations": {"completed": 1, "failed": 1}}
EXPERIMENT = SESSION | {"committed": "now", "training_data": [], "evaluation_data": []}
ID = "0b9f2c1e-8b1d-4c8e-9d0a-1f2e3d4c5b6a"


def played(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/v1/experiments":
        listed = EXPERIMENT | {"title": "kept", "trainings": []}
        return httpx.Response(200, json={"items": [listed], "next": None})
    if request.url.path.startswith("/v1/experiments") or request.url.path.endswith("/commit"):
        return httpx.Response(200, json=EXPERIMENT | {"title": "kept", "counts": COUNTS})
    if request.url.path.endswith("/discard"):
        return httpx.Response(200, json={"id": "s1", "discarded": "now", "cancelled": []})
    if request.method == "POST":
        title = json.loads(request.content)["title"]
        return httpx.Response(201, json=SESSION | {"title": title})
    return httpx.Response(200, json=SESSION | {"title": "old", "counts": COUNTS})


def test_a_session_is_opened_by_a_title_and_found_by_its_id(tell):
    def story(al):
        opened = yield al.session("churn v2")
        assert (opened.id, opened.title) == ("s1", "churn v2")
        found = yield al.session(id="s")
        assert (found.id, found.title) == ("s1", "old")
        assert repr(found) == "<Session s1 'old', 1 training, 2 evaluations>"
        assert (yield found.refresh()) is found
        with pytest.raises(BadArgument, match=f"{ID} is an id. session.id='{ID}'. returns to it"):
            yield al.session(ID)

    tell(played, story)


def test_an_experiment_is_found_by_its_id_or_title(tell):
    def story(al):
        for called in ("5e1", "kept", "KEP"):
            found = yield al.experiments.get(called)
        assert repr(found) == "<Experiment s1 'kept', 1 training, 2 evaluations>"
        assert "kept" in found._repr_html_()

    tell(played, story)


def test_a_session_stays_open_after_an_error_which_names_it():
    with AutoLearn("http://api", transport=httpx.MockTransport(played), seal=False) as al:
        with pytest.raises(ZeroDivisionError) as raised, al.session("churn v2"):
            1 / 0  # noqa: B018
        note = "Session s1 'churn v2' stays open: session(id='s1') returns to it."
        assert raised.value.__notes__ == [note]
        for end in ("commit", "discard"):
            with pytest.raises(ZeroDivisionError) as raised, al.session("churn v2") as session:
                1 / (getattr(session, end)() is None)
            assert not hasattr(raised.value, "__notes__")
        with al.session("churn v2") as session:
            pass
        assert session.refresh().title == "old"


def test_and_so_does_one_that_is_awaited():
    async def story() -> None:
        transport = httpx.MockTransport(played)
        async with AsyncAutoLearn("http://api", transport=transport, seal=False) as al:
            with pytest.raises(ZeroDivisionError) as raised:
                async with await al.session("churn v2"):
                    1 / 0  # noqa: B018
            assert "stays open" in raised.value.__notes__[0]

    asyncio.run(story())
