"""What docs/security.md costs: two systems beside each other, with all of it and with none.

Commands are asked for by our own client, in turns: sealed, with a token, audited, encrypted and
chained on one system, plain on the other. Rebuilt is a log of 200,000 events, once in clear and
once encrypted; with all of it on, its chain is checked as well.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from joserfc.jwk import OKPKey

from autolearn.client.local.system import System
from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.operations.chain.sources import LogSource
from autolearn.schemas.codec import decode_event, encode, event_of
from autolearn.schemas.topics import Topics
from autolearn.security.data_key import KEY, DataKey
from autolearn.security.signing_keys import SigningKey
from tests.bench.chain import chained, verified
from tests.bench.history import PARTITIONS, Record, history
from tests.bench.recovery.rebuild import folded
from tests.bench.written_log import write
from tests.support.settings import settings_of

ROUNDS, EACH, WARM = 10, 200, 500
CLIENTS, SECONDS = 20, 6.0
SESSIONS, REBUILDS = 10_000, 3


async def secure() -> dict[str, float]:
    """Measure commands, then the rebuild."""
    with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as folder:
        found = await commands(Path(folder))
    return found | await asyncio.to_thread(rebuilds)


async def commands(folder: Path) -> dict[str, float]:
    """The median time of a command, and commands a second of 20 clients: secure against open."""
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")  # where the first user's token is kept
    nothing = {"auth": "none", "audit": "off", "chain": "off", "encryption": "off"}
    given = {"api_port": 0, "quota_sessions": 10**9}
    plain = settings_of(home=str(folder / "open"), **nothing, **given)
    whole = settings_of(home=str(folder / "secure"), encryption="on", **given)
    async with System(plain) as open_, System(whole) as secured:
        clients = {
            "open": lambda: AsyncAutoLearn(open_.url, token="", seal=False),
            "secure": lambda: AsyncAutoLearn(secured.url, token=secured.token, seal=True),
        }
        times: dict[str, list[float]] = {name: [] for name in clients}
        for connect in clients.values():
            async with connect() as client:
                await timed(client, WARM)
        for _ in range(ROUNDS):
            for name, connect in clients.items():
                async with connect() as client:
                    await timed(client, EACH // 10)
                    times[name] += await timed(client, EACH)
        rates: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(3):
            for name, connect in clients.items():
                rates[name].append(await rate([connect() for _ in range(CLIENTS)]))
    p50 = {name: statistics.median(found) * 1000 for name, found in times.items()}
    per_second = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "open_command_p50_ms": p50["open"],
        "secure_command_p50_ms": p50["secure"],
        "secure_vs_open_command_p50": p50["secure"] / p50["open"],
        "open_commands_per_s_20_clients": per_second["open"],
        "secure_commands_per_s_20_clients": per_second["secure"],
        "secure_vs_open_throughput": per_second["secure"] / per_second["open"],
    }


async def timed(client: AsyncAutoLearn, count: int) -> list[float]:
    """The seconds of opening a session, one after the other."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await client.sessions.open("bench")
        times.append(time.perf_counter() - began)
    return times


async def rate(clients: list[AsyncAutoLearn]) -> float:
    """Sessions that are opened each second by clients that do it all the time."""
    opened, began = 0, time.perf_counter() + 1

    async def open_sessions(client: AsyncAutoLearn) -> None:
        nonlocal opened
        async with client:
            while (now := time.perf_counter()) < began + SECONDS:
                await client.sessions.open("bench")
                opened += now >= began

    await asyncio.gather(*(open_sessions(client) for client in clients))
    return opened / (time.perf_counter() - began)


def rebuilds() -> dict[str, float]:
    """Events a second of a rebuild: in clear, encrypted, and with the chain checked as well."""
    signs = SigningKey(OKPKey.generate_key("Ed25519"))
    settings = settings_of(topic_prefix="bench-chain", partitions=PARTITIONS)
    plain = Topics.of(settings_of(topic_prefix="bench-open", partitions=PARTITIONS))
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedBroker(install(), Path(home) / "kafka") as broker,
    ):
        log, at = KafkaLog(broker.bootstrap), broker.bootstrap
        log.create([*plain.all(), *Topics.of(settings).all()])
        write(at, ((plain.events.name, record) for record in history(SESSIONS)))
        write(at, chained(signs, encrypted(history(SESSIONS))))
        clear, sealed, checked = [], [], []
        for _ in range(REBUILDS):
            clear.append(folded(at, plain.events.name, 1)[0])
            sealed.append(folded(at, Topics.of(settings).events.name, 1)[0])
            checked.append(verified(LogSource(log, settings), signs)[0])
        log.close()
    in_clear, fold, check = (statistics.median(found) for found in (clear, sealed, checked))
    return {
        "rebuild_clear_events_per_s": in_clear,
        "rebuild_encrypted_events_per_s": fold,
        "secure_vs_open_fold": fold / in_clear,
        "secure_vs_open_rebuild": 1 / (1 / fold + 1 / check) / in_clear,
    }


class Keys(SessionCipher):
    """A vault in which every session has a key, made of nothing but its id."""

    def key(self, identity: str) -> DataKey:
        """Return a key."""
        return DataKey(identity, identity.encode()[:KEY])


def encrypted(records: Iterator[Record]) -> Iterator[Record]:
    """Yield the records of a log as they lie there when every session has a key."""
    vault = Keys()
    for record in records:
        event = decode_event(record.value)
        kind, _, session = event.subject.partition("/")
        keyid = f"{session}.00000000" if kind == "session" else ""
        yield record._replace(value=encode(vault.seal(event, event_of(event), keyid)))
