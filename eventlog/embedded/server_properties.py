"""The files that the embedded broker reads: its settings and its log's settings.

The broker runs with its folder as working directory and every path in them is relative, so a
folder's name needs no escaping, whatever is in it, and a folder can be moved.
"""

from pathlib import Path
from typing import NamedTuple

from autolearn.eventlog.embedded.probe import HOST, LAUNCHER
from autolearn.runtime.private_files import replace
from autolearn.security.broker_secret import MECHANISM, USER

_MAX_MESSAGE_BYTES = 8 * 1024 * 1024


class QuorumMember(NamedTuple):
    """A broker's place in its cluster: its number, from 1, and the controller ports of all.

    `password` authenticates controllers to each other, and the launcher.
    """

    number: int
    controllers: tuple[int, ...]
    password: str = ""


class Secrets(NamedTuple):
    """The secrets of clients, of the launcher, and of the controllers.

    The last two are drawn at each start. They are sent in clear (SASL/PLAIN), because a controller
    must authenticate before it can read anything; the first one is not (SCRAM).
    """

    clients: str
    launcher: str
    controllers: str


_INTERNAL_TOPICS = {
    "offsets.topic.num.partitions": 4,
    "offsets.retention.minutes": 10 * 365 * 24 * 60,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.num.partitions": 1,
}

_BEHAVIOUR = {
    "auto.create.topics.enable": "false",
    "message.max.bytes": _MAX_MESSAGE_BYTES,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    # A shredded key should leave the disk soon, so look for work more often than every 15 s.
    "log.cleaner.backoff.ms": 5000,
    # Default 500: it would append to the metadata log twice a second for ever.
    "metadata.max.idle.interval.ms": 5000,
}

_SMALL = {
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.replica.fetchers": 1,
    "log.cleaner.threads": 1,
    # 128 MB by default. 4 MB maps 170 000 keys in one pass of the cleaner.
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
}

_LOG4J = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = logs/broker.log
appender.file.filePattern = logs/broker.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %c{1}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
# Several hundred settings at every start, of which ours are in server.properties.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
"""


def write(folder: Path, port: int, member: QuorumMember, secrets: Secrets | None) -> None:
    """Write `server.properties` (mode 0600) and `log4j2.properties` into the folder.

    Without secrets, every process that reaches the ports may read and write everything.
    """
    controllers = [f"{HOST}:{controller}" for controller in member.controllers]
    settings = {
        "node.id": member.number,
        "process.roles": "broker,controller",
        "controller.quorum.voters": ",".join(f"{n}@{at}" for n, at in enumerate(controllers, 1)),
        "listeners": f"BROKER://{HOST}:{port},CONTROLLER://{controllers[member.number - 1]}",
        "advertised.listeners": f"BROKER://{HOST}:{port}",
        **_security(secrets),
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "data",
        **_INTERNAL_TOPICS,
        **_copies(len(controllers)),
        **_BEHAVIOUR,
        **_SMALL,
    }
    lines = [f"{key}={value}\n" for key, value in settings.items()]
    replace(folder / "server.properties", "".join(lines).encode())  # the old file may be readable
    (folder / "log4j2.properties").write_text(_LOG4J)
    (folder / "logs").mkdir(exist_ok=True)


def _security(secrets: Secrets | None) -> dict[str, str]:
    """The security settings for clients, launcher and controllers."""
    protocol = "SASL_PLAINTEXT" if secrets else "PLAINTEXT"
    protocols = {"listener.security.protocol.map": f"BROKER:{protocol},CONTROLLER:{protocol}"}
    if secrets is None:
        return protocols
    modules = "org.apache.kafka.common.security"
    plain, scram = f"{modules}.plain.PlainLoginModule", f"{modules}.scram.ScramLoginModule"
    broker, controller = "listener.name.broker", "listener.name.controller"
    as_client = f'username="{USER}" password="{secrets.clients}"'
    as_controller = f'username="controller" password="{secrets.controllers}"'
    return {
        **protocols,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"{broker}.sasl.enabled.mechanisms": f"{MECHANISM},PLAIN",
        f"{broker}.{MECHANISM.lower()}.sasl.jaas.config": f"{scram} required {as_client};",
        f"{broker}.plain.sasl.jaas.config": (
            f'{plain} required user_{LAUNCHER}="{secrets.launcher}";'
        ),
        f"{controller}.sasl.enabled.mechanisms": "PLAIN",
        f"{controller}.plain.sasl.jaas.config": (
            f'{plain} required {as_controller} user_controller="{secrets.controllers}";'
        ),
    }


def _copies(brokers: int) -> dict[str, int]:
    """The replication of Kafka's own topics, and the copies that must acknowledge an append."""
    copies, needed = min(brokers, 3), 2 if brokers >= 3 else 1
    return {
        "min.insync.replicas": needed,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": needed,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": needed,
    }
