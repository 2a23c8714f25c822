"""Rebuilding while requests come in: none fails, and no answer goes back in time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from autolearn.projections.rebuild.store_folders import ViewsPlace
from tests.api.conftest import System
from tests.support.api_processes import Api
from tests.support.cli_processes import run_alone
from tests.support.waiting import until


class Known:
    """What some answer has said already, which every later request must find."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.places: dict[int, int] = {}
        self.open: set[str] = set()
        self.over: set[str] = set()

    def position(self) -> dict[int, int]:
        """How far the log was known when this was called."""
        with self.lock:
            return dict(self.places)

    def reached(self, places: dict[int, int]) -> None:
        """Note how far the log is known."""
        with self.lock:
            for partition, offset in places.items():
                self.places[partition] = max(offset, self.places.get(partition, 0))

    def some(self, sessions: set[str]) -> str | None:
        """One of the sessions that are known so far."""
        with self.lock:
            return random.choice(sorted(sessions)) if sessions else None


def see_position(http: httpx.Client, known: Known) -> None:
    """What was known once stays known."""
    before = known.position()
    answer = http.get("/v1/position")
    assert answer.status_code == 200, answer.text
    places = {place["partition"]: place["next"] for place in answer.json()["partitions"]}
    assert all(places[p] >= offset for p, offset in before.items()), (before, places)
    known.reached(places)


def see_sessions(http: httpx.Client, known: Known) -> None:
    """A session that was seen is there; one that was seen to be over stays so."""
    opened, over = known.some(known.open), known.some(known.over)
    assert http.get("/v1/sessions").status_code == 200
    if opened is not None:
        answer = http.get(f"/v1/sessions/{opened}")
        assert answer.status_code == 200, answer.text
    if over is not None:
        assert http.get(f"/v1/sessions/{over}").status_code in (404, 410)


def write(http: httpx.Client, known: Known) -> None:
    """Every write is answered, and is there when it is answered."""
    answer = http.post("/v1/sessions", json={"title": "hammered"})
    assert answer.status_code == 201, answer.text
    session = answer.json()["id"]
    assert http.get(f"/v1/sessions/{session}").json()["sequence"] == 1
    if random.random() < 0.5:
        with known.lock:
            known.open.add(session)
        return
    answer = http.post(f"/v1/sessions/{session}/discard")
    assert answer.status_code == 200, answer.text
    assert http.get(f"/v1/sessions/{session}").status_code in (404, 410)
    with known.lock:
        known.over.add(session)


def write_more(http: httpx.Client, _: Known) -> None:
    """Writes that nobody waits for: so many that each change-over has some in its middle."""
    answer = http.post("/v1/sessions", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text


class Hammer:
    """Clients that ask without a pause.

    `counts` are the rounds of each; `failures` is what went otherwise than it should.
    """

    def __init__(self, url: str, *asks: Callable[[httpx.Client, Known], None]) -> None:
        self.url, self.known = url, Known()
        self.stopped = threading.Event()
        self.failures: list[Exception] = []
        self.counts = [0] * len(asks)
        self.threads = [
            threading.Thread(target=self.run, args=(number, ask)) for number, ask in enumerate(asks)
        ]

    def run(self, number: int, ask: Callable[[httpx.Client, Known], None]) -> None:
        """Ask on and on (a thread)."""
        try:
            with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as http:
                while not self.stopped.is_set():
                    ask(http, self.known)
                    self.counts[number] += 1
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.failures.append(error)


@contextmanager
def hammering(url: str) -> Iterator[Hammer]:
    """Ask on and on until the end of the block."""
    hammer = Hammer(url, see_position, see_position, see_sessions, write, write_more)
    for thread in hammer.threads:
        thread.start()
    try:
        yield hammer
    finally:
        hammer.stopped.set()
        for thread in hammer.threads:
            thread.join()


@pytest.fixture(scope="module")
def api(system: System) -> Iterator[Api]:
    """A process whose read models may be rebuilt."""
    with Api(system.folder, system.environment, instance="5") as process:
        process.client().close()
        yield process


@pytest.mark.long
def test_no_request_fails_and_no_answer_goes_back_in_time(system: System, api: Api):
    place = ViewsPlace(system.folder / "home" / "state" / "api-5")
    first = place.used
    with hammering(api.url) as hammer:
        for _ in range(2):
            before = list(hammer.counts)
            said = run_alone("replay", "rebuild", "--live", "--url", api.url)
            assert (said.returncode, said.stderr) == (0, ""), api.log.read_text()
            assert not hammer.failures
            assert all(now > then for now, then in zip(hammer.counts, before, strict=True))
    assert not hammer.failures, hammer.failures
    assert place.used.name == f"{first.name}-3", "the read models were swapped twice"
    # The one before is deleted when the last answer from it is made.
    until(lambda: [f.name for f in place.folder.glob("views*")] == [place.used.name])
    with httpx.Client(base_url=api.url, timeout=90, trust_env=False) as http:

        def same() -> bool:
            ours, theirs = http.get("/v1/digests").json(), system.http.get("/v1/digests").json()
            return ours["position"] == theirs["position"] and ours["views"] == theirs["views"]

        until(same)


def test_one_that_fails_says_why_and_changes_nothing(system: System, api: Api):
    place = ViewsPlace(system.folder / "home" / "state" / "api-5")
    used, blocked = place.used, place.spare()
    blocked.write_text("not a folder")
    said = run_alone("replay", "rebuild", "--live", "--url", api.url)
    assert said.returncode == 5
    assert str(blocked) in said.stderr
    with httpx.Client(base_url=api.url, timeout=90, trust_env=False) as http:
        assert http.post("/v1/sessions").status_code == 201
    assert place.used == used
    blocked.unlink()
    said = run_alone("replay", "rebuild", "--live", "--url", api.url)
    assert (said.returncode, said.stderr) == (0, "")
    assert place.used == blocked
