"""Open the log of an installation from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autolearn.schemas.errors import LogError
from autolearn.schemas.settings import Settings
from autolearn.security.broker_secret import credentials, runs_here, secret_of

if TYPE_CHECKING:
    from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.runtime.home import home_of, running


def open_log(settings: Settings, *, gathers: bool = False) -> KafkaLog:
    """Return the log on the settings' brokers, or on those of `autolearn up` on this home.

    Raises:
        LogError: no broker is named and `autolearn up` does not run.
    """
    from autolearn.eventlog.kafka.log import KafkaLog  # a command of the client needs none of it

    return KafkaLog(*kafka_of(settings), gathers=gathers)


def kafka_of(settings: Settings) -> tuple[str, dict[str, str]]:
    """Return the brokers' addresses, and the properties of clients.

    Raises:
        LogError: no broker is named and `autolearn up` does not run.
        SettingsError: the secret of this home's brokers cannot be used.
    """
    address = brokers(settings)
    return address, client_of(settings, address)


def client_of(settings: Settings, address: str) -> dict[str, str]:
    """Return the properties of clients for brokers, `host:port,…`.

    Raises:
        SettingsError: they are brokers of this home, and its secret cannot be used.
    """
    home = home_of(settings)
    own = credentials(secret_of(home)) if runs_here(home, address) else {}
    return {**settings.kafka.client, **own}


def brokers(settings: Settings) -> str:
    """Return the brokers' addresses, `host:port,…`."""
    if settings.kafka.brokers:
        return settings.kafka.brokers
    up = running(home_of(settings))
    if up is None or not up.kafka:
        raise LogError(
            f"No Kafka is named, and `autolearn up` does not run on {home_of(settings)}.",
            advice="Start `autolearn up`, or set AUTOLEARN_KAFKA to host:port of your brokers.",
            title="There is no Kafka to talk to",
        )
    return up.kafka
