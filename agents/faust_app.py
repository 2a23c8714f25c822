"""Faust applications with the settings of the write path (see docs/architecture.md).

Faust gives each process its share of a topic's partitions and delivers their records in order. It
holds no state for us: no tables, no changelogs, no transactions, and reading starts where the log
itself says, not at the group's committed offsets.
"""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

from autolearn.agents.fail_stop import end_if_failed
from autolearn.eventlog.kafka.connect import client_of
from autolearn.eventlog.kafka.consumer_groups import ssl_context
from autolearn.runtime.home import home_of, state_folder
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import GROUPS

Position = Callable[[TP, Callable[[], bool]], Awaitable[int | None]]
"""Returns the first offset to read of a partition, or None once it is ours no more (the second
asks)."""


def make_app(name: str, settings: Settings, brokers: str, position: Position | None = None) -> Any:
    """Return the Faust application of a process type.

    With `position`, reading starts there whenever partitions are assigned.

    Raises:
        SettingsError: a security setting of the Kafka client is not supported by Faust's client.
    """
    folder = state_folder(settings, name)
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        f"{settings.kafka.topic_prefix}.{GROUPS[name].name}",
        broker="kafka://" + ";kafka://".join(brokers.split(",")),
        broker_credentials=credentials(client_of(settings, brokers)),
        datadir=folder / "faust",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.kafka.session_timeout,
        broker_heartbeat_interval=min(3.0, settings.kafka.session_timeout / 3),
        broker_rebalance_timeout=30.0,
        broker_max_poll_interval=300.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance_name(name, settings),
    )
    # create_consumer() takes the class from the transport.
    vars(app.transport)["Consumer"] = _consumer_class(position)
    return app


def consume(app: Any, topic: str, name: str, run: Callable[[Any], Awaitable[None]]) -> None:
    """Have a Faust agent `run` on a topic, with raw keys and values."""
    source = app.topic(topic, key_type=bytes, value_type=bytes, value_serializer="raw")
    app.agent(source, name=name, concurrency=1)(run)


def instance_name(name: str, settings: Settings) -> str:
    """Return the name by which the group recognises this process after a restart."""
    place = hashlib.sha256(f"{socket.gethostname()} {home_of(settings)}".encode()).hexdigest()[:12]
    return f"{name}-{settings.instance}-{place}"


def _consumer_class(position: Position | None) -> type[Consumer]:
    """Return Faust's consumer, except that it seeks to `position` after an assignment."""

    class SeekingConsumer(Consumer):
        """Faust may call perform_seek more than once, and before the assignment's signal.

        It may also run while partitions are revoked: `ours` has the remaining ones.
        """

        logger = logging.getLogger("faust.transport.consumer")
        ours: frozenset[TP] = frozenset()

        async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
            self.ours = frozenset(assigned)
            await super().on_partitions_assigned(assigned, generation_id)

        async def on_partitions_revoked(self, revoked: set[TP]) -> None:
            self.ours -= revoked
            await super().on_partitions_revoked(revoked)

        def _new_consumer_thread(self) -> _WatchedThread:
            return _WatchedThread(self, loop=self.loop, beacon=self.beacon)

        def has(self, tp: TP) -> bool:
            return tp in self.ours

        async def perform_seek(self) -> None:
            if position is None:
                await super().perform_seek()
                return
            for tp in self.ours:
                offset = await position(tp, partial(self.has, tp))
                if offset is not None:
                    await self.seek(tp, offset)

    return SeekingConsumer


class _WatchedThread(AIOKafkaConsumerThread):
    """Ends the process when its consumer can no longer take part in the group.

    aiokafka logs the failure of its coordination and raises it with the next record, which never
    comes to a consumer without partitions: the process would wait for ever.
    """

    async def on_start(self) -> None:
        await super().on_start()
        consumer: Any = self._consumer  # neither library has a public way to its coordination
        consumer._coordinator._coordination_task.add_done_callback(
            partial(end_if_failed, "the consumer group cannot be kept")
        )


def credentials(client: dict[str, str]) -> Any:
    """Return the security properties of librdkafka as Faust's credentials."""
    protocol = client.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return None
    context = None
    if protocol in ("SSL", "SASL_SSL"):
        context = ssl_context(client)
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    mechanism = client.get("sasl.mechanism", client.get("sasl.mechanisms", "PLAIN"))
    if mechanism not in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        raise SettingsError(
            f"AUTOLEARN_KAFKA_SASL_MECHANISM={mechanism!r} is not supported.",
            advice="Use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        )
    return faust.SASLCredentials(
        username=client.get("sasl.username"),
        password=client.get("sasl.password"),
        ssl_context=context,
        mechanism=mechanism,
    )
