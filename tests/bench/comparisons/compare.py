"""A comparison of a session with 1,000 trainings, each with an evaluation, as an API answers it.

The whole app on real read models (RocksDB), with encryption; only the log and the network are in
memory. Beside it: reading, decrypting and decoding the same rows, and nothing else.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec

from autolearn.api.server.app import make_app
from autolearn.api.state.context import make_context
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.projections.rows.runs import OUTCOMES, REQUESTS
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.schemas.rest.comparisons import TrainingComparison
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import SessionId
from tests.bench.history import ENVIRONMENT, Ids, Log, Record, Stream, Template, Words, session
from tests.bench.secure import Keys, encrypted
from tests.support import samples
from tests.support.settings import settings_of

TRAININGS, ROUNDS, WARM = 1000, 25, 5
DEPTHS = 10
SESSION = SessionId(str(uuid.UUID(int=10**30)))
LEARNED = {"importances": [[f"a feature with a name {n}", 0.0123456789] for n in range(30)]}
"""What a forest has learned of thirty features."""


async def compare() -> dict[str, float]:
    """Fold the session, and compare it again and again."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        return await measure(Path(folder))


def story(words: Words) -> Iterator[tuple[Template, Ids]]:
    """Yield the session."""
    asked = [
        Template(samples.training_requested("@training@", hyperparameters={"max_depth": depth}))
        for depth in range(1, DEPTHS + 1)
    ]
    trained = Template(
        samples.training_completed("@training@", environment=ENVIRONMENT, parameters=LEARNED)
    )
    yield words.opened, {}
    for number in range(TRAININGS):
        ids = {"training": words.new_id(), "evaluation": words.new_id()}
        training = (asked[number % DEPTHS], words.trained[1], trained)
        for template in (*training, *words.evaluated):
            yield template, ids


def records() -> Iterator[Record]:
    """Yield the records of a log with nothing else on it."""
    words = Words(0)
    log, told = Log(1, words), session(SESSION.encode())
    stream = Stream(0, told, story(words), 1 + 6 * TRAININGS)
    yield log.term(0)
    for _ in range(stream.events):
        yield log.next(stream)


async def measure(folder: Path) -> dict[str, float]:
    settings = settings_of(partitions=1, audit="off", auth="none")
    log, store, artifacts = MemoryLog(), RocksStore(folder / "views"), folder / "artifacts"
    log.create(Topics.of(settings).all())
    for one in encrypted(records()):
        log.append(
            Topics.of(settings).events.name,
            one.value,
            key=one.key.decode(),
            headers=one.headers,
            delivered=delivered,
        )
    to = ArtifactStore(artifacts.as_uri())
    context = make_context(settings, log, store, to, folder, lambda: None, vault=Keys())
    async with context.lifetime:
        context.reader.start()
        await context.reader.until_ready()
        transport = httpx.ASGITransport(make_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            both = [  # in turns: what else the machine does counts for both
                (await ask(client), await asyncio.to_thread(floor, store))
                for _ in range(WARM + ROUNDS)
            ]
    compared, bare = (statistics.median(times[WARM:]) for times in zip(*both, strict=True))
    return {
        "compare_1000_trainings_ms": compared,
        "compare_floor_ms": bare,
        "compare_vs_floor": compared / bare,
    }


async def ask(client: httpx.AsyncClient) -> float:
    """Return the milliseconds of an answer."""
    began = time.perf_counter()
    answer = await client.get("/v1/compare", params={"of": SESSION, "sort": "f1"})
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.text
    found = msgspec.json.decode(answer.content, type=TrainingComparison)
    assert len(found.trainings) == TRAININGS
    assert len({line.settings["hyperparameters.max_depth"] for line in found.trainings}) == DEPTHS
    assert all("f1" in line.scores for line in found.trainings)
    return took


def floor(store: RocksStore) -> float:
    """Return the milliseconds of reading, decrypting and decoding the rows of the runs."""
    vault, stream, count = Keys(), f"session/{SESSION}", 0
    began = time.perf_counter()
    for table in (REQUESTS, OUTCOMES):
        for _, value in store.scan(table.prefix(SESSION)):
            msgspec.json.decode(vault.open_kept(stream, table.decode(value)))
            count += 1
    took = (time.perf_counter() - began) * 1000
    assert count == 4 * TRAININGS
    return took


def delivered(error: object, _: int, __: int) -> None:
    assert error is None
