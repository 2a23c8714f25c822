"""The command line of the embedded broker: `install`, and `run` in the foreground."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.errors import PORT_TAKEN, BrokerError, PortTaken
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.embedded.jars import Jars
from autolearn.eventlog.embedded.progress_bar import InstallBar
from autolearn.runtime.watchdog import teller
from autolearn.schemas.errors import SettingsError
from autolearn.security.broker_secret import secret_of

_EXIT_CODES = (
    "exit codes: 0 done, or stopped as asked; 1 could not start; 3 Kafka ended by itself, or hung; "
    f"{PORT_TAKEN} another program has its port"
)
_CHECK_INTERVAL = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the process's exit code, as EXIT_CODES says."""
    chosen = _parser().parse_args(arguments)
    try:
        with InstallBar() as bar:
            jars = install(bar)
        return 0 if chosen.command == "install" else _run(jars, chosen)
    except (BrokerError, SettingsError) as error:
        print(error.diagnostics(), file=sys.stderr)
        return PORT_TAKEN if isinstance(error, PortTaken) else 1
    except KeyboardInterrupt:
        return 0 if chosen.command == "run" else 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m autolearn.eventlog.embedded",
        description="Apache Kafka on this machine, without Docker.",
        epilog=_EXIT_CODES,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="download Kafka, once", epilog=_EXIT_CODES)
    run = commands.add_parser(
        "run", help="run a broker until SIGTERM or Ctrl-C", epilog=_EXIT_CODES
    )
    run.add_argument("--folder", type=Path, required=True, help="where its data live")
    run.add_argument("--port", type=int, default=0, help="of 127.0.0.1 (default: a free one)")
    run.add_argument(
        "--secret-of", type=Path, metavar="HOME", help="its clients must have the secret of a home"
    )
    run.add_argument("--heap-mb", type=int, default=256, help="limit of the Java heap, in MiB")
    run.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this ends"
    )
    return parser


def _run(jars: Jars, chosen: argparse.Namespace) -> int:
    parent = os.getppid()
    # One way out for both: start() and the wait below unwind, and the broker is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    secret = secret_of(chosen.secret_of) if chosen.secret_of else ""
    with EmbeddedBroker(
        jars, chosen.folder, port=chosen.port, secret=secret, heap_mb=chosen.heap_mb
    ) as broker:
        print(f"ready {broker.bootstrap}", flush=True)
        try:
            tell = teller()
            while broker.alive:
                tell()
                if broker.hangs():
                    print(
                        f"Kafka hangs; the stacks of its threads:\n{broker.stacks()}",
                        file=sys.stderr,
                    )
                    broker.kill()
                    return 3
                if chosen.with_parent and os.getppid() != parent:
                    return 0
                time.sleep(_CHECK_INTERVAL)
        finally:
            # An impatient second Ctrl-C must not cut the stop short.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(f"Kafka ended by itself; read {chosen.folder / 'logs' / 'broker.log'}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
