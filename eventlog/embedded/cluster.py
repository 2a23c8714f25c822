"""Three Apache Kafka brokers on this machine, without Docker: a cluster to test against.

Every broker is a controller too, so any one of the three may be lost: with replication 3 and
min.insync.replicas 2, nothing that was acknowledged is, and appends go on.
"""

from __future__ import annotations

import secrets
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

from autolearn.eventlog.embedded.broker import EmbeddedBroker, new_cluster_id
from autolearn.eventlog.embedded.errors import BrokerError, PortTaken
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.embedded.jars import Jars
from autolearn.eventlog.embedded.probe import HeldPorts
from autolearn.eventlog.embedded.server_properties import QuorumMember

BROKERS, PORT_ATTEMPTS = 3, 3


class EmbeddedCluster:
    """Three brokers, their data in folders below `folder`.

    Each is an EmbeddedBroker and may be stopped, killed and started again by itself.

    Args:
        folder: made if missing. One cluster at a time may use it.
        port: of the first broker; the others have the next two. 0 picks free ones.
        secret: what clients must have (`client`); "": anybody on this machine may do everything.
        heap_mb: limit of each broker's Java heap, in MiB.
        jars: what to run; without it, `install()` is asked.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        secret: str = "",
        heap_mb: int = 256,
        jars: Jars | None = None,
    ) -> None:
        self.folder, self._heap_mb, self._jars = folder.absolute(), heap_mb, jars
        self._secret = secret
        self.ports = tuple(range(port, port + BROKERS)) if port else ()
        self.brokers: list[EmbeddedBroker] = []
        self._held: HeldPorts | None = None

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, `127.0.0.1:PORT,…`."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self, timeout: float = 120) -> Self:
        """Start the brokers at the same time; return when all answer. `timeout` is in seconds.

        Raises:
            BrokerError: one of them could not be started; the others are ended then.
        """
        jars = self._jars or install()
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._held = HeldPorts(*(self.ports or [0] * BROKERS), *[0] * BROKERS)
            self._held.lend()
            self.brokers = self._made(jars, self._held.numbers)
            try:
                self._start_all(timeout)
            except PortTaken:
                if attempt == PORT_ATTEMPTS:
                    raise
            else:
                break
        return self

    def _start_all(self, timeout: float) -> None:
        with ThreadPoolExecutor(BROKERS) as pool:
            starts = [pool.submit(broker.start, timeout) for broker in self.brokers]
            failed = [s for s in wait(starts, return_when=FIRST_EXCEPTION).done if s.exception()]
            for broker in self.brokers if failed else ():
                broker.abandon()
        if failed:
            self.kill()
            failed[0].result()

    def stop(self) -> None:
        """End all brokers in good order. Idempotent."""
        if self.brokers:
            # At the same time: alone, the last two would look for a quorum that is gone.
            with ThreadPoolExecutor(BROKERS) as pool:
                list(pool.map(EmbeddedBroker.stop, self.brokers))

    def kill(self) -> None:
        """End all brokers at once. Idempotent."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _made(self, jars: Jars, ports: list[int]) -> list[EmbeddedBroker]:
        controllers, password = tuple(ports[BROKERS:]), secrets.token_urlsafe(32)
        return [
            EmbeddedBroker(
                jars,
                self.folder / f"broker-{number}",
                port=port,
                heap_mb=self._heap_mb,
                member=QuorumMember(number, controllers, password),
                secret=self._secret,
                cluster_id=self._cluster_id(),
            )
            for number, port in enumerate(ports[:BROKERS], 1)
        ]

    def _cluster_id(self) -> str:
        """The id that the first start chose, for a start that was cut off as well."""
        file = self.folder / "cluster.id"
        if not file.exists():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                file.write_text(new_cluster_id())
            except OSError as error:
                remedy = "make the folder writable, or choose another one"
                raise BrokerError(
                    f"cannot use the folder {self.folder}", str(error), remedy
                ) from error
        return file.read_text()
