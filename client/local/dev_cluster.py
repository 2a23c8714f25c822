"""The three-broker cluster in the foreground, until a signal ends it."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from autolearn.client.local.system import install_kafka
from autolearn.eventlog.embedded.cluster import EmbeddedCluster
from autolearn.eventlog.embedded.errors import BrokerError
from autolearn.security.broker_secret import announced, secret_of

_LOOK = 0.5
"""Seconds between two checks that every broker is alive."""


def run_cluster(folder: Path, port: int, home: Path) -> None:
    """Run the cluster until Ctrl-C or SIGTERM, and stop it then. Its secret is the home's.

    Raises:
        BrokerError: it could not be started.
        CannotStart: Kafka could not be installed.
    """
    install_kafka()
    # One way out for both: the start and the wait below unwind, and the brokers are stopped.
    # A shell that starts this in the background would have it ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        _say(f"Three brokers start in {folder}")
        with (
            EmbeddedCluster(folder, port=port, secret=secret_of(home)) as cluster,
            announced(home, cluster.bootstrap.split(",")),
        ):
            print(f"export AUTOLEARN_KAFKA={cluster.bootstrap}")
            print("export AUTOLEARN_REPLICATION=3 AUTOLEARN_MIN_INSYNC_REPLICAS=2", flush=True)
            pids = ", ".join(str(broker.pid) for broker in cluster.brokers)
            _say(f"Ready: processes {pids}. Ctrl-C stops them.")
            _say(f"For whom AUTOLEARN_HOME is {home}, whose secret they ask for.")
            try:
                _watch(cluster)
            finally:
                # An impatient second Ctrl-C must not cut the stop short.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                _say("Stopping …")
    _say("Stopped.")


def _watch(cluster: EmbeddedCluster) -> None:
    """Restart every broker that ends by itself, for ever."""
    while True:
        time.sleep(_LOOK)
        for number, broker in enumerate(cluster.brokers, 1):
            hangs = broker.alive and broker.hangs()
            if hangs or not broker.alive:
                what = f"hangs:\n{broker.stacks()}\n" if hangs else "has ended"
                _say(f"Broker {number} {what}; it is started again.")
                broker.kill()
                try:
                    broker.start()
                except BrokerError as error:
                    _say(error.diagnostics())
                else:
                    _say(f"Broker {number} is back: process {broker.pid}.")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
