"""The rows of the read models may not change unnoticed: stores of another format are rebuilt."""

import hashlib
import json
from pathlib import Path

from autolearn.eventlog.consumers.projector import Projector
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.store import key
from autolearn.projections.views import FORMAT, digests_of
from autolearn.schemas.codec import encode
from autolearn.schemas.topics import Topic
from tests.golden import FOLDERS
from tests.golden.log import STORY, golden_log

EARLIER = {
    "1": "708eecd7c99d6897e077c80d0d9a9f8ed31f1b255f0e9f57941c7ae09b3ba66a",
    "2": "db9f5df7cc9d3c49715b2af57ce3474e8d266793eded0e5115091fd6ee7ff960",
    "3": "b53a40a5860f32f87b789675b70584871fbabf256d3c80c0397bfe746bcf2d1d",
    "4": "a4509077b71ca3f06ae643491eb4b71b43cec02d5616f92c1b352582db106459",
    "5": "aaa67ff8c546dd86b46b70a17f33eb60994e6d682b7139c195cb1be2f5b2f3c0",
    "6": "85dbe8b690262cd3ef02b43b024c52cd869e5e32299ff35597fc50e60822ba9c",
    "7": "ee786cf7e73fbaf6256c590ec72d156ffe74d12db13f8ef35db3daf60f88e47f",
    "8": "7d5f3ee6ae155ad12343eaeb27ad8ff947f85c25f4ad4273125f085870abd777",
    "9": "9b651742783f62f6eef215c3741b20719874790839fedf4c91ecd70f8739e95a",
    "10": "05c88b8a4bc23c516015cbf1482d0499d1c9ca6020199c77c5f5363e41d45573",
    "11": "65121ac32bbb41defc81fb176cc895d9241aea54593b736df45cf96462adbf1d",
    "12": "05e2849bc04f3565011babffcdeff1347023212b481c1929a7504ac7719a2a6a",
}
"""The digests of the formats below FORMAT, by format, as one SHA-256."""
DIGESTS = Path(__file__).parent.parent / "golden" / "digests.json"


def written() -> MemoryLog:
    log = MemoryLog()
    log.create([Topic("events", 1, 1, {})])
    for record in golden_log():
        log.append("events", encode(record), key=record.subject)
    return log


def folded(log: MemoryLog) -> MemoryStore:
    store = MemoryStore()
    Projector(log, "events", ReadModels(store), [0]).catch_up()
    return store


def test_the_golden_log_holds_every_event_ever_shipped():
    shipped = {path.stem for path in FOLDERS["events"].glob("*.json")}
    assert {name for _, name, _ in STORY} == shipped, "add the new event to tests/golden/log.py"


def test_every_golden_event_is_admitted_and_shown():
    store = folded(written())
    now = ReadModelQueries(store).now()
    kept = next(now.experiments.newest())
    shown = {run.id: run.status for run in now.runs.all(kept.id)}
    assert shown == dict.fromkeys(("t1", "t2", "e1", "e2", "p1"), "completed")
    assert [row.title for row in now.sessions.newest()] == ["Irises ❀"]
    assert len(list(store.scan(b"answer\0"))) == len(STORY) - 1


def test_rows_change_only_with_the_format():
    store = folded(written())
    found = digests_of(store)
    known = json.loads(DIGESTS.read_bytes())
    assert known[str(FORMAT)] == found, (
        "The same log gives other rows than before: raise FORMAT in projections/views, and add "
        f"to tests/golden/digests.json under it: {json.dumps(found)}"
    )


def test_the_rows_of_an_earlier_format_are_not_rewritten():
    """Otherwise a store of that format would be believed, although its rows are others."""
    known = json.loads(DIGESTS.read_bytes())
    assert list(known) == [str(number) for number in range(1, FORMAT + 1)]
    del known[str(FORMAT)]
    assert {
        number: hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
        for number, rows in known.items()
    } == EARLIER


def test_a_store_of_another_format_is_folded_again():
    log, store = written(), MemoryStore()
    store.write({key("format"): b"0", key("session", "old"): b"{}"})
    store.write({key("progress", 0): b'{"next":5,"term":1,"last":4,"id":"0-4-1"}'})
    Projector(log, "events", ReadModels(store), [0]).catch_up()
    assert store.rows == folded(log).rows
