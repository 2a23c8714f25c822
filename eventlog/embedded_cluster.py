"""Three Apache Kafka brokers on this machine, without Docker: a cluster to test against.

Every broker is a controller too, so any one of the three may be lost: with replication 3 and
min.insync.replicas 2, nothing that was acknowledged is, and appends go on.
"""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

from autolearn.eventlog.broker_errors import BrokerError
from autolearn.eventlog.broker_files import Member
from autolearn.eventlog.embedded import EmbeddedBroker, install, new_cluster_id
from autolearn.eventlog.jars import Jars
from autolearn.eventlog.probe import HOST, free_ports, is_free

__all__ = ["EmbeddedCluster"]

BROKERS = 3


class EmbeddedCluster:
    """Three brokers, their data in folders below `folder`.

    Each is an EmbeddedBroker and may be stopped, killed and started again by itself.

    Args:
        folder: made if missing. One cluster at a time may use it.
        port: of the first broker; the others have the next two. 0 picks free ones.
        heap_mb: limit of each broker's Java heap, in MiB.
        jars: what to run; without it, `install()` is asked.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, heap_mb: int = 256, jars: Jars | None = None
    ) -> None:
        self.folder, self._heap_mb, self._jars = folder.absolute(), heap_mb, jars
        self.ports = tuple(range(port, port + BROKERS)) if port else ()
        self.brokers: list[EmbeddedBroker] = []

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, `127.0.0.1:PORT,…`."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self, timeout: float = 120) -> Self:
        """Start the brokers at the same time; return when all answer. `timeout` is in seconds.

        Raises:
            BrokerError: one of them could not be started; the others are ended then.
        """
        if taken := [port for port in self.ports if not is_free(port)]:
            raise BrokerError(
                f"port {taken[0]} of {HOST} is in use",
                "another program listens there",
                f"end that program, or choose another first port: {BROKERS} in a row are used",
            )
        self.brokers = self._made(self._jars or install())
        with ThreadPoolExecutor(BROKERS) as pool:
            starts = [pool.submit(broker.start, timeout) for broker in self.brokers]
            failed = [s for s in wait(starts, return_when=FIRST_EXCEPTION).done if s.exception()]
            for broker in self.brokers if failed else ():
                broker.abandon()
        if failed:
            self.kill()
            failed[0].result()
        return self

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

    def _made(self, jars: Jars) -> list[EmbeddedBroker]:
        # All at once, so that no port is given twice.
        free = free_ports(2 * BROKERS)
        ports, controllers = self.ports or free[:BROKERS], tuple(free[BROKERS:])
        return [
            EmbeddedBroker(
                self.folder / f"broker-{number}",
                port=port,
                heap_mb=self._heap_mb,
                jars=jars,
                member=Member(number, controllers),
                cluster_id=self._cluster_id(),
            )
            for number, port in enumerate(ports, 1)
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
