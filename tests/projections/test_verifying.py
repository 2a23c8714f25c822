"""What verifying folds: one position after another, whichever comes first."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from autolearn.eventlog.memory import MemoryLog
from autolearn.projections.projection import ReadModels
from autolearn.projections.rebuilding import digests_of
from autolearn.projections.store import MemoryStore
from autolearn.projections.verifying import Scratch, served_by
from autolearn.schemas.errors import LogError, SettingsError
from tests.projections.test_past import folded, told


def digests(log: MemoryLog, ends: dict[int, int]) -> dict[str, str]:
    """What folding up to there gives."""
    content = folded(log, ends).content
    return digests_of(content)


def test_positions_in_any_order_are_each_compared_at_their_own(tmp_path: Path):
    log = told(Random(3), 60)
    scratch = Scratch(log, "events", tmp_path)
    for ends in ({0: 20, 1: 30}, {0: 25, 1: 30}, {0: 30, 1: 10}, {0: 30, 1: 40}):
        assert scratch.fold_up_to(ends) == digests(log, ends)
    assert scratch.made == 1, "begun anew only where it had to go back"
    assert scratch.records == 55 + 70


def test_an_empty_position_is_that_of_empty_read_models(tmp_path: Path):
    scratch = Scratch(told(Random(3), 10), "events", tmp_path)
    store = MemoryStore()
    ReadModels(store)
    assert scratch.fold_up_to({}) == digests_of(store)


@pytest.mark.parametrize("url", ["http://192.0.2.1:8321", "http://api.example:8321"])
def test_a_token_does_not_go_in_clear_to_another_machine(url: str):
    with pytest.raises(SettingsError, match="plain HTTP"):
        served_by(url, "al_secret")


def test_a_token_is_not_sent_on_to_another_place():
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(LogError):
            served_by(f"http://127.0.0.1:{server.server_port}", "al_secret")
        server.shutdown()
        thread.join()
    assert asked == [("/v1/digests", "Bearer al_secret")]
