"""kill -9 and restart of brokers under load: the only one, or one of three."""

from __future__ import annotations

import json
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.cluster import EmbeddedCluster
from tests.faults.ground import Ground

WHICH = ("leader", "controller", "any")


def restart_broker(ground: Ground, broker: EmbeddedBroker) -> None:
    """Kill the only broker; it is back when every partition is answered."""
    time.sleep(ground.random.random())
    since, killed = ground.probe.places(), time.monotonic()
    broker.kill()
    time.sleep(ground.random.random())
    broker.start(120)
    up = time.monotonic()
    seconds = ground.probe.answered(since, killed, 180)
    ground.tally.counts["broker_restarts"] += 1
    ground.tally.recovered("kill -9 of the broker: all partitions decide", seconds)
    since_up = time.monotonic() - up
    ground.tally.recovered("the broker answers again: all partitions decide", since_up)
    ground.fleet.until_ready(180)


def kill_one_of_three(ground: Ground, cluster: EmbeddedCluster, which: str) -> None:
    """Kill a broker of the cluster; the others go on, and it comes back."""
    time.sleep(ground.random.random())
    number = {
        "leader": lambda: leader(ground),
        "controller": lambda: active_controller(cluster.folder),
        "any": lambda: ground.random.randint(1, len(cluster.brokers)),
    }[which]()
    broker = cluster.brokers[number - 1]
    since, killed = ground.probe.places(), time.monotonic()
    broker.kill()
    seconds = ground.probe.answered(since, killed, 180)
    ground.tally.counts["one_of_three"] += 1
    ground.tally.recovered(f"kill -9 of one broker of three ({which}): all decide", seconds)
    broker.start(120)
    ground.fleet.until_ready(180)


def leader(ground: Ground) -> int:
    """The broker that leads a random partition of `commands`."""
    topic = f"{ground.prefix}.commands"
    about = AdminClient({"bootstrap.servers": ground.kafka}).list_topics(topic, 30).topics[topic]
    return max(1, about.partitions[ground.random.randrange(len(about.partitions))].leader)


def active_controller(folder: Path) -> int:
    """The broker whose controller the brokers themselves say is the leader of the quorum."""
    states = [
        json.loads(file.read_text())
        for file in folder.glob("broker-*/data/__cluster_metadata-0/quorum-state")
    ]
    newest = max(states, key=lambda state: (state["leaderEpoch"], state["leaderId"]))
    return max(1, int(newest["leaderId"]))
