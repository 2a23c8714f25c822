"""Pages of the lists of 10,000 pipelines and their 100,000 runs, as users meet them over HTTP.

A log of 410,000 events, encrypted by a key of each pipeline, is folded by an API process, which
has tokens on. Four users ask: ada owns 9,990 of the pipelines, bob the other 10, cleo has a grant
of 1,000 of ada's, and root is a sysadmin. The pages have the default size; those in the middle are
another page each time. The figure is that of the slowest kind of page. Beside it the rows of a page
of pipelines, read from the same RocksDB folder, decrypted, and encoded as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from autolearn.api.http.pagination import to_token
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.encryption.session_cipher import SessionCipher, open_vault
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.rebuild.store_folders import ViewsPlace
from autolearn.projections.storage.rocksdb import RocksStore
from autolearn.runtime.home import home_of, state_folder
from autolearn.schemas import events
from autolearn.schemas.access_tokens import Token, made_of
from autolearn.schemas.actors import worker
from autolearn.schemas.codec import decode_event, encode, event_of
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import Role
from autolearn.security.master_keys import make_key_file
from tests.bench.history import Ids, Log, Record, Stream, Template, Words
from tests.bench.light import Client
from tests.bench.served import api_of, create, write_events
from tests.support import samples
from tests.support.settings import settings_of

PIPELINES, RUNS = 10_000, 10
"""Pipelines, and runs of each."""
OF_BOB, OF_CLEO = 1000, 10
"""Each so manieth pipeline is bob's, and each so manieth of ada's is shared with cleo."""
PAGE, PAGE_OF_RUNS = 100, 50
WARM, COUNT = 10, 100
MIDDLE = range(PIPELINES // 4, PIPELINES * 3 // 4, 97)
"""The pipelines after which a page in the middle begins."""
TOKENS = {
    name: made_of(f"{number:016x}", f"{name:A<43}")
    for number, name in enumerate(("ada", "bob", "cleo", "root"))
}


class Place(NamedTuple):
    """The request of a run, as a page of runs ends with it."""

    time: str
    run: str


async def lists() -> dict[str, float]:
    """Write the log, have an API process read it, and ask for pages."""
    with (
        tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder,
        EmbeddedBroker(install(), Path(folder, "kafka")) as broker,
    ):
        settings = settings_of(
            kafka=broker.bootstrap, home=str(Path(folder, "home")), encryption="on", instance="0"
        )
        places = await asyncio.to_thread(_fill, settings)
        more = {"AUTOLEARN_AUTH": "tokens", "AUTOLEARN_QUOTA_REQUESTS": str(10**6)}
        with api_of(settings, Path(folder), AUTOLEARN_ENCRYPTION="on", **more) as api:
            url = await asyncio.to_thread(api.ready, 600)
            found = await _measured(url, places)
        bare = await asyncio.to_thread(_bare_ms, settings)
    figures = {f"pipelines_10k_{kind}_p50_ms": statistics.median(at) for kind, at in found.items()}
    return figures | {
        "pipelines_10k_list_ms": max(_p95(times) for times in found.values()),
        "pipelines_10k_bare_ms": bare,
    }


async def _measured(url: str, places: list[Place]) -> dict[str, list[float]]:
    """Return the milliseconds of pages by their kind. The kinds take turns."""
    client = await Client.connect(url)
    middle = itertools.cycle(f"/v1/pipelines?page={to_token(_name(at))}" for at in MIDDLE)
    runs = itertools.cycle(f"/v1/pipeline-runs?page={to_token(place)}" for place in places)
    of_one = itertools.cycle(
        f"/v1/pipeline-runs?pipeline={_name(number)}" for number in range(1, PIPELINES, 97)
    )
    kinds: dict[str, tuple[str, Callable[[], str], int]] = {
        "first": ("ada", lambda: "/v1/pipelines", PAGE),
        "middle": ("ada", lambda: next(middle), PAGE),
        "all": ("root", lambda: "/v1/pipelines", PAGE),
        "runs": ("ada", lambda: "/v1/pipeline-runs", PAGE_OF_RUNS),
        "runs_middle": ("ada", lambda: next(runs), PAGE_OF_RUNS),
        "runs_of_one": ("ada", lambda: next(of_one), RUNS),
        "runs_of_few": ("bob", lambda: "/v1/pipeline-runs", PAGE_OF_RUNS),
        "runs_shared": ("cleo", lambda: "/v1/pipeline-runs", PAGE_OF_RUNS),
        "runs_of_none": ("root", lambda: "/v1/pipeline-runs", 0),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(WARM + COUNT):
        for kind, (user, path, rows) in kinds.items():
            headers = {"authorization": f"Bearer {TOKENS[user].word}"}
            began = time.perf_counter()
            body = await client.ask("GET", path(), b"", headers, 200)
            times[kind].append((time.perf_counter() - began) * 1000)
            items = msgspec.json.decode(body)["items"]
            assert len(items) == rows, f"{kind}: {len(items)} items"
            withheld = {item.get("unreadable", False) for item in items}
            assert withheld <= {kind == "all"}, "a sysadmin sees others' pipelines without content"
    client.close()
    return {kind: found[WARM:] for kind, found in times.items()}


def _bare_ms(settings: Settings) -> float:
    """Return the median milliseconds of reading a page's rows, decrypting and encoding them."""
    log, times = KafkaLog(settings.kafka.brokers), []
    vault = _vault(settings, log)
    store = RocksStore(ViewsPlace(state_folder(settings, "api")).used)
    pipelines = ReadModelQueries(store, vault.open_kept).now().pipelines
    for number in itertools.islice(itertools.cycle(MIDDLE), len(MIDDLE) + COUNT):
        began = time.perf_counter()
        names = [*itertools.islice(pipelines.names(_name(number), "ada"), PAGE)]
        rows = [pipelines.get(name) for name in names]
        assert len(msgspec.json.encode(rows)) > PAGE * 100
        times.append((time.perf_counter() - began) * 1000)
    store.close()
    vault.stop()
    log.close()
    return statistics.median(times[len(MIDDLE) :])


def _p95(times: list[float]) -> float:
    """Return the time that 95 of 100 stay below."""
    return sorted(times)[len(times) * 95 // 100]


# The log


def _fill(settings: Settings) -> list[Place]:
    """Write the log, and a key of each pipeline; return places in the middle of all runs."""
    create(settings)
    make_key_file(settings.encryption, home_of(settings))
    log, places = KafkaLog(settings.kafka.brokers), list[Place]()
    vault = _vault(settings, log)
    _make_keys(vault)
    partitions = Topics.of(settings).events.partitions
    write_events(settings, _sealed(vault, _records(partitions, places)))
    vault.stop()
    log.close()
    return places[PIPELINES * RUNS // 4 : PIPELINES * RUNS * 3 // 4 : 997]


def _vault(settings: Settings, log: KafkaLog) -> SessionCipher:
    vault = open_vault(settings, log, makes=True)
    vault.start()
    vault.catch_up()
    return vault


def _make_keys(vault: SessionCipher) -> None:
    ring = vault.ring
    assert ring is not None

    def delivered(error: object, _: int, __: int) -> None:
        assert error is None, error

    for number in range(PIPELINES):
        vault.make(f"pipeline/{_name(number)}", delivered)
    with ring.changed:
        assert ring.changed.wait_for(lambda: len(ring.sessions) == PIPELINES, 60)


def _sealed(vault: SessionCipher, records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records as they lie on the log when each pipeline has a key."""
    for record in records:
        event = decode_event(record.value)
        keyid = vault.of_session(event.subject) if event.subject.startswith("pipeline/") else ""
        yield record._replace(value=encode(vault.seal(event, event_of(event), keyid)))


def _records(partitions: int, places: list[Place]) -> Iterator[Record]:
    """Yield the records: each pipeline is run once, and all once more, in another order each time.

    The places of the requests are added to `places`.
    """
    words = Words(0)
    log = Log(partitions, words)
    for partition in range(partitions):
        yield log.term(partition)
    for number, (name, token) in enumerate(TOKENS.items()):
        user = Stream(number % partitions, b"user/" + name.encode(), _user(name, token), 2)
        yield log.next(user)
        yield log.next(user)
    stories = {owner: _Stories(owner, words) for owner in ("ada", "bob")}
    streams = []
    for number in range(PIPELINES):
        story = stories["bob" if number % OF_BOB == 0 else "ada"].of(number)
        name = f"pipeline/{_name(number)}".encode()
        stream = Stream(number % partitions, name, story, 0)
        streams.append(stream)
        for _ in range(1 + (number % OF_CLEO == 1)):
            yield log.next(stream)
    for _ in range(RUNS):
        words.random.shuffle(streams)
        for stream in streams:
            requested = log.next(stream)
            event = decode_event(requested.value)
            places.append(Place(event.time, msgspec.json.decode(event.data)["run"]))
            yield requested
            for _ in range(3):
                yield log.next(stream)


def _user(name: str, token: Token) -> Iterator[tuple[Template, Ids]]:
    role: Role = "sysadmin" if name == "root" else "user"
    yield Template(events.UserAdded(role, "none")), {}
    yield Template(events.TokenIssued(token.id, "bench", token.digest, None)), {}


class _Stories:
    """What happens to the pipelines of an owner."""

    def __init__(self, owner: str, words: Words) -> None:
        self.words = words
        self.applied = Template(events.PipelineApplied(1, samples.DEFINITION, "a file"), owner)
        self.shared = Template(events.PipelineShared("cleo", "read"), owner)
        conductor = worker("api-0")
        self.run = [
            Template(samples.pipeline_requested("@run@"), owner),
            Template(events.RunStarted("@run@", 1, "api-0"), conductor),
            Template(events.StepRecorded("@run@", samples.outcome()), conductor),
            Template(samples.pipeline_completed("@run@", 1, "api-0"), conductor),
        ]

    def of(self, number: int) -> Iterator[tuple[Template, Ids]]:
        """Yield what happens to a pipeline."""
        yield self.applied, {}
        if number % OF_CLEO == 1:
            yield self.shared, {}
        while True:
            run = self.words.new_id()
            for template in self.run:
                yield template, {"run": run}


def _name(number: int) -> str:
    """Return the name of a pipeline."""
    return f"pipeline-{number:05}"
