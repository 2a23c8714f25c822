"""What becomes of a process whose consumer group it cannot join."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from autolearn.agents.faust_app import instance_name
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.settings import load
from autolearn.schemas.topics import GROUPS, Topics
from tests.support.api_processes import Process


def test_it_ends_rather_than_wait_for_ever(kafka: str, tmp_path: Path):
    """The broker gives a static member that comes back the topic of those who had its name."""
    environment = {
        "AUTOLEARN_KAFKA": kafka,
        "AUTOLEARN_HOME": str(tmp_path),
        "AUTOLEARN_TOPIC_PREFIX": f"groups-{uuid.uuid4().hex[:8]}",
    }
    settings = load(environment)
    log = KafkaLog(kafka)
    log.create(Topics.of(settings).all())
    log.close()

    async def be_the_member_with_another_topic() -> None:
        member = AIOKafkaConsumer(
            Topics.of(settings).events.name,
            bootstrap_servers=kafka,
            group_id=f"{settings.kafka.topic_prefix}.{GROUPS['dispatch'].name}",
            group_instance_id=instance_name("dispatch", settings),
            session_timeout_ms=30_000,
        )
        await member.start()
        await member.getmany(timeout_ms=0)
        await member.stop()  # a static member does not leave its group

    asyncio.run(be_the_member_with_another_topic())
    dispatch = Process(tmp_path, "dispatch", environment, "autolearn.agents", "dispatch")
    try:
        assert dispatch.popen.wait(30) == 70
        assert "the consumer group cannot be kept" in dispatch.log.read_text()
    finally:
        dispatch.stop()
