"""Faults of the network between some of our processes and the broker.

The broker has a second listener that it advertises at the proxy's port: who came through the proxy
is told to come back through it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.probe import HOST, free_ports
from tests.faults.ground import SESSION_TIMEOUT, Ground
from tests.faults.kinds.proxy import Proxy


class BehindProxy(EmbeddedBroker):
    """A broker with a second door, at which it says that it lives at `proxy_port`."""

    proxy_port = 0
    back_port = 0

    def _prepare(self) -> int:
        port = super()._prepare()
        file = self.folder / "server.properties"
        words = file.read_text()
        for name, there in (
            ("listeners", self.back_port),
            ("advertised.listeners", self.proxy_port),
        ):
            words = words.replace(f"\n{name}=BROKER", f"\n{name}=PROXIED://{HOST}:{there},BROKER")
        protocols = "listener.security.protocol.map="
        file.write_text(words.replace(protocols, f"{protocols}PROXIED:PLAINTEXT,"))
        return port


@contextlib.contextmanager
def behind_proxy(folder: Path) -> Iterator[tuple[EmbeddedBroker, Proxy]]:
    """A broker with a proxy before its second door."""
    (back_port,) = free_ports(1)
    proxy = Proxy(back_port)
    broker = BehindProxy(folder)
    broker.back_port, broker.proxy_port = back_port, proxy.port
    try:
        with broker:
            yield broker, proxy
    finally:
        proxy.close()


def slow(proxy: Proxy) -> None:
    """200 ms each way, for a while."""
    proxy.latency = 0.2
    time.sleep(5)


def cut(proxy: Proxy) -> None:
    """Every connection is cut, again and again."""
    for _ in range(6):
        proxy.drop()
        time.sleep(0.5)


def silence(proxy: Proxy) -> None:
    """Nothing goes through, for longer than the group waits for its members."""
    proxy.silence()
    time.sleep(2.5 * SESSION_TIMEOUT)


FAULTS = {"latency of 200 ms": slow, "dropped connections": cut, "half-open": silence}


def disturb(ground: Ground, proxy: Proxy, fault: str) -> None:
    """Disturb the processes behind the proxy; then all is well again."""
    try:
        FAULTS[fault](proxy)
    finally:
        since, healed = ground.probe.places(), time.monotonic()
        proxy.heal()
    seconds = ground.probe.answered(since, healed, 120)
    ground.tally.recovered(f"network, {fault}: all partitions decide", seconds)
    ground.fleet.until_ready(180)
    ground.tally.counts["network_faults"] += 1
