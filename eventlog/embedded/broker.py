"""A real Apache Kafka without Docker: one broker in KRaft mode, in a folder, on 127.0.0.1.

Command line: `python -m autolearn.eventlog.embedded install | run`.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from autolearn.eventlog.embedded import jvm, server_properties
from autolearn.eventlog.embedded.errors import BrokerError, PortTaken, ended_early, too_slow
from autolearn.eventlog.embedded.folder_lock import claimed
from autolearn.eventlog.embedded.jars import Jars
from autolearn.eventlog.embedded.probe import HOST, LAUNCHER, HeldPorts, answers
from autolearn.runtime.watchdog import Effort, Stall
from autolearn.security.broker_secret import USER, credentials

_PROBE_INTERVAL = 0.02
_STOP_LIMIT = 20.0
_ANSWER_LIMIT = 2.0
_STACKS_LIMIT = 1.0
_STACKS_BYTES = 1 << 20
_PORT_ATTEMPTS = 3
_ITERATIONS = 4096
"""SCRAM iterations, the fewest that Kafka allows: more would only help a guessable secret."""


class EmbeddedBroker:
    """One Kafka broker, its data in `folder`.

    The data survive `stop`, `kill` and a crash; `start` may follow each of them, and the port
    then stays the same. The broker ends when this process ends, however that happens. Use an
    object from one thread at a time.

    Args:
        jars: what to run (`install`).
        folder: made if missing. One broker at a time may use it.
        port: of 127.0.0.1; 0 picks a free one at the first start.
        secret: what clients must have (`client`); "": anybody on this machine may do everything.
        heap_mb: limit of the Java heap, in MiB.
        flags: more options for the JVM.
        member: its place in a cluster (`eventlog.embedded.cluster`); without it, it is alone.
        cluster_id: of that cluster.
    """

    def __init__(
        self,
        jars: Jars,
        folder: Path,
        *,
        port: int = 0,
        secret: str = "",
        heap_mb: int = 256,
        flags: Sequence[str] = (),
        member: server_properties.QuorumMember | None = None,
        cluster_id: str = "",
    ) -> None:
        self.folder = folder.absolute()
        self._port, self._secret, self._launcher = port, secret, ""
        self._heap_mb = heap_mb
        self._jars = jars
        self._flags = tuple(flags)
        self._member, self._cluster_id = member, cluster_id
        self._abandoned = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: HeldPorts | None = None
        self._stall: Stall | None = None
        self._answers = 0
        self._held = contextlib.ExitStack()

    @property
    def bootstrap(self) -> str:
        """The address for clients, `127.0.0.1:PORT`. With port 0, known after `start`."""
        return f"{HOST}:{self._port}"

    @property
    def client(self) -> dict[str, str]:
        """The connection properties of a client beside the address (names of librdkafka)."""
        return credentials(self._secret) if self._secret else {}

    @property
    def pid(self) -> int:
        """The JVM's process id. Raises RuntimeError when the broker was not started."""
        if self._process is None:
            raise RuntimeError("the broker is not running: call start() first")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the JVM is running."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 300) -> Self:
        """Start the broker; return when it answers clients. `timeout` is in seconds.

        Formats the folder on first use.

        Raises:
            BrokerError: the folder or the port is in use, or the broker ended or did not answer in
                time. The message has its last log lines.
            RuntimeError: it is started already.
        """
        if self._process is not None:
            raise RuntimeError("the broker was started already")
        self._abandoned.clear()
        deadline = time.monotonic() + timeout
        with contextlib.ExitStack() as held:
            held.enter_context(claimed(self.folder, deadline))
            for attempt in range(1, _PORT_ATTEMPTS + 1):
                try:
                    process = held.enter_context(self._launched(deadline))
                    break
                except PortTaken:
                    # A member's ports are known to the others: only its cluster can change them.
                    if self._member is not None or attempt == _PORT_ATTEMPTS:
                        raise
            self._process, self._held = process, held.pop_all()
        self._stall = Stall(Effort(process.pid), time.monotonic(), 2 * _ANSWER_LIMIT)
        return self

    def hangs(self) -> bool:
        """Probe the broker; return whether it hangs. To be called every second."""
        if self._stall is None:
            return False
        self._answers += answers(self._port, self._launcher, _ANSWER_LIMIT)
        return self._stall.hangs(time.monotonic(), self._answers)

    def stacks(self) -> str:
        """Have the JVM write the stacks of its threads; return its output of a second.

        A stopped JVM continues to do so: kill it afterwards.
        """
        out = self.folder / "logs" / "jvm.out"
        before = out.stat().st_size
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGQUIT)
            os.kill(self.pid, signal.SIGCONT)
        time.sleep(_STACKS_LIMIT)
        with out.open("rb") as file:
            file.seek(before)
            return file.read(_STACKS_BYTES).decode(errors="replace")

    def abandon(self) -> None:
        """Make a `start` in another thread fail soon."""
        self._abandoned.set()

    def stop(self, timeout: float = _STOP_LIMIT) -> None:
        """Stop the broker in order; after `timeout` seconds, kill it. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """Kill the broker, as `kill -9` does. Idempotent."""
        self._held.close()
        self._process = None

    def __enter__(self) -> Self:
        return self if self.alive else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @contextlib.contextmanager
    def _launched(self, deadline: float) -> Iterator[subprocess.Popen[bytes]]:
        port = self._prepare()
        self._format(deadline)
        java = jvm.command(self._jars, self._heap_mb, *self._flags)
        assert self._ports is not None
        self._ports.lend()
        with jvm.guarded([*java, "kafka.Kafka", "server.properties"], self.folder) as process:
            self._await_ready(process, port, deadline)
            if self._secret:
                self._let_clients_in(port, deadline)
            self._port = port
            yield process

    def _prepare(self) -> int:
        """Hold the ports and write the files; return the port for clients."""
        drawn = () if self._member else (0,)
        # Held until the next start, so that the port is still there after a crash.
        self._ports = HeldPorts(self._port, *drawn)
        port, *controllers = self._ports.numbers
        # A killed JVM leaves its unpacked native libraries behind.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        member = self._member or server_properties.QuorumMember(1, tuple(controllers))
        # Of a cluster, any broker may be the one that is asked to change something.
        password = member.password or secrets.token_urlsafe(32)
        self._launcher = password if self._secret else ""
        asked = server_properties.Secrets(self._secret, password, password)
        server_properties.write(self.folder, port, member, asked if self._secret else None)
        return port

    def _format(self, deadline: float) -> None:
        # Kafka writes this file last, so a format that was interrupted is done again.
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster_id = self._cluster_id or new_cluster_id()
        arguments = [
            *jvm.command(self._jars, self._heap_mb),
            *("kafka.tools.StorageTool", "format", "--ignore-formatted"),
            # With "=", because every 64th id begins with a dash.
            *(f"--cluster-id={cluster_id}", "--config=server.properties"),
        ]
        with jvm.guarded(arguments, self.folder) as process:
            try:
                code = process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired as error:
                raise too_slow(self.folder) from error
        if code:
            raise ended_early(self.folder, code)

    def _await_ready(self, process: subprocess.Popen[bytes], port: int, deadline: float) -> None:
        while not answers(port, self._launcher):
            code = process.poll()
            if code is not None:
                raise ended_early(self.folder, code)
            if time.monotonic() > deadline or self._abandoned.is_set():
                raise too_slow(self.folder)
            time.sleep(_PROBE_INTERVAL)

    def _let_clients_in(self, port: int, deadline: float) -> None:
        """Register the clients' secret with the cluster; return when the broker accepts it.

        The cluster stores it, so this is done once, and again for another secret.
        """
        known = self.folder / "secret.known"
        formatted = (self.folder / "data" / "meta.properties").read_bytes()
        wanted = hashlib.sha256(self._secret.encode() + formatted).hexdigest()
        if known.exists() and known.read_text() == wanted:
            return
        # Imported here: a warm start must not pay for a Kafka client.
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.admin._scram import (
            ScramCredentialInfo,
            ScramMechanism,
            UserScramCredentialUpsertion,
        )

        common: dict[str, str | int | float | bool] = {
            "bootstrap.servers": f"{HOST}:{port}",
            "log_level": 0,
            "reconnect.backoff.max.ms": 200,
        }
        launcher = {
            **credentials(self._launcher),
            "sasl.mechanism": "PLAIN",
            "sasl.username": LAUNCHER,
        }
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        change = UserScramCredentialUpsertion(USER, info, self._secret.encode())
        left = max(deadline - time.monotonic(), 1.0)
        try:
            admin = AdminClient({**common, **launcher})  # it must outlive its answer
            admin.alter_user_scram_credentials([change])[USER].result(left)
            AdminClient({**common, **self.client}).list_topics(timeout=left)
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(
                f"Kafka in {self.folder} does not learn the secret of its clients",
                str(error),
                f"read {self.folder / 'logs' / 'broker.log'}",
            ) from error
        known.write_text(wanted)


def new_cluster_id() -> str:
    """An id for a new cluster."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
