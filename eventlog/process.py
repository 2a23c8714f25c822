"""What every process of ours does at its start: settings, folder, lock, logs, the log itself."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import msgspec
from platformdirs import user_data_path

from autolearn.eventlog.broker_secret import credentials, runs_here, secret_of
from autolearn.runtime.child_process import child_environment, python_command
from autolearn.runtime.variables import variables
from autolearn.schemas.errors import AlreadyRunning, LogError, SettingsError
from autolearn.schemas.settings import Settings, load

if TYPE_CHECKING:
    from autolearn.eventlog.kafka import KafkaLog

__all__ = [
    "Child",
    "Running",
    "brokers",
    "child",
    "client_of",
    "configure_logs",
    "emptied",
    "end_with_parent",
    "home_of",
    "kafka_of",
    "lock",
    "open_log",
    "read_settings",
    "require_writable",
    "running",
    "say_ready",
]


PROBE = 1 << 20
"""Bytes that a home must have room for, when `autolearn up` starts."""
FULL = (errno.ENOSPC, errno.EDQUOT)


class Running(msgspec.Struct, frozen=True):
    """What `autolearn up` writes to `<home>/up.json` for as long as it runs."""

    pid: int
    url: str
    kafka: str


def read_settings() -> Settings:
    """Return the settings from the environment and the files `.env` (`runtime.variables`).

    Raises:
        SettingsError: a variable is unknown, or its value does not fit; a `.env` cannot be read.
    """
    return load(variables())


class Child(NamedTuple):
    """How a module of ours is run as a process of its own."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def child(module: str, *arguments: str) -> Child:
    """Return how a module is run with our settings: in the home, whatever folder we are in.

    Paths among the arguments must be absolute.
    """
    given = variables()
    folder = home_of(load(given))
    return Child(python_command(module, *arguments), child_environment(given), folder)


def home_of(settings: Settings) -> Path:
    """Return the folder of all data on this machine, made if need be: for this user only.

    Raises:
        SettingsError: it cannot be made, or is none.
    """
    home = Path(settings.home) if settings.home else user_data_path("autolearn")
    try:
        home = home.expanduser()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return home.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody, who is not there
        raise _unusable(home, error) from None


def require_writable(home: Path) -> None:
    """Check that a home can be written, and that its disk is not full.

    Raises:
        SettingsError: it cannot.
    """
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(bytes(PROBE))
    except OSError as error:
        raise _unusable(home, error) from None


def _unusable(home: Path, error: OSError | RuntimeError) -> SettingsError:
    """Return the error of a home that cannot be used, or of a file in it."""
    why = (error.strerror if isinstance(error, OSError) else str(error)) or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        why = "it is a file, or lies below one, and not a folder"
    full = isinstance(error, OSError) and error.errno in FULL
    return SettingsError(
        f"{home} cannot be used: {why}.",
        title="The home cannot be used",
        advice=(
            "Make room on its disk, or name"
            if full
            else "Make it a folder that this user may write, or name"
        )
        + " another one: AUTOLEARN_HOME, or --home of `autolearn up`.",
    )


def running(home: Path) -> Running | None:
    """Return what `autolearn up` says about itself, or None when it does not run on this home."""
    try:
        with lock(home / "up.lock", ""):
            return None
    except AlreadyRunning:
        pass
    try:
        return msgspec.json.decode((home / "up.json").read_bytes(), type=Running)
    except FileNotFoundError:
        return None


def open_log(settings: Settings, *, gathers: bool = False) -> KafkaLog:
    """Return the log on the brokers of the settings, or on those of `autolearn up` on this home.

    Raises:
        LogError: no broker is named and `autolearn up` does not run.
    """
    from autolearn.eventlog.kafka import KafkaLog  # a command of the client needs none of it

    return KafkaLog(*kafka_of(settings), gathers=gathers)


def kafka_of(settings: Settings) -> tuple[str, dict[str, str]]:
    """Return where Kafka is, and the properties of its clients.

    Raises:
        LogError: no broker is named and `autolearn up` does not run.
        SettingsError: the secret of this home's brokers cannot be used.
    """
    address = brokers(settings)
    return address, client_of(settings, address)


def client_of(settings: Settings, address: str) -> dict[str, str]:
    """Return the properties of Kafka's clients for brokers, `host:port,…`.

    Raises:
        SettingsError: they are brokers of this home, and its secret cannot be used.
    """
    home = home_of(settings)
    own = credentials(secret_of(home)) if runs_here(home, address) else {}
    return {**settings.kafka_client, **own}


def brokers(settings: Settings) -> str:
    """Return where Kafka is, as `host:port,…`."""
    if settings.kafka:
        return settings.kafka
    up = running(home_of(settings))
    if up is None or not up.kafka:
        raise LogError(
            f"No Kafka is named, and `autolearn up` does not run on {home_of(settings)}.",
            advice="Start `autolearn up`, or set AUTOLEARN_KAFKA to host:port of your brokers.",
            title="There is no Kafka to talk to",
        )
    return up.kafka


@contextmanager
def lock(path: Path, what: str) -> Iterator[TextIO]:
    """Hold a file's lock: one process at a time has it; it is free again when the process ends.

    Raises:
        AlreadyRunning: another process holds it; `what` says what that is.
        SettingsError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise _unusable(path, error) from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(
                f"{what} (process {file.read().strip() or 'unknown'}) holds {path}.",
                advice="Stop it first, or choose another folder (AUTOLEARN_HOME) or another "
                "instance name (AUTOLEARN_INSTANCE).",
            ) from None
        try:
            file.truncate(0)
            os.write(file.fileno(), str(os.getpid()).encode())
        except OSError as error:
            raise _unusable(path, error) from None
        yield file


def emptied(folder: Path) -> Path:
    """Return a folder for temporary files of this process (mode 0700), with nothing in it.

    What one that was killed has left there may be in clear, and outlive its key.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class Seldom(logging.Filter):
    """Passes what a library says again and again once in PAUSE seconds, with how often it did.

    A Kafka client without brokers would fill the disk: some 30 lines a second.
    """

    PAUSE, MOST = 10.0, 1000

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is shown; what we say ourselves always is."""
        if not isinstance(record.msg, str):
            return True
        about, now = (record.name, record.msg), time.monotonic()
        at, more = self.said.get(about, (-self.PAUSE, 0))
        if now - at < self.PAUSE:
            self.said[about] = (at, more + 1)
            return False
        if len(self.said) >= self.MOST:
            self.said.clear()
        self.said[about] = (now, 0)
        if more:
            record.msg += f" ({more} more like this since)"
        return True


def configure_logs(settings: Settings) -> None:
    """Send structured logs to standard error, one line an event, as the settings ask."""
    import structlog  # as above

    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # first: what is not shown should cost nothing
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer)
    )
    root = logging.getLogger()
    handler.addFilter(Seldom())
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("autolearn").setLevel(settings.log_level.upper())


def say_ready(what: str = "") -> None:
    """Tell whoever started this process that it is ready: one line on standard output."""
    print(f"ready {what}".rstrip(), flush=True)


def end_with_parent() -> None:
    """End this process by SIGTERM when the one that started it ends, however it ends.

    The parent holds the other end of standard input; the system closes it with the parent.
    """

    def wait_for_end() -> None:
        # Of a socket in which the parent left something unread, the end is a reset connection.
        with suppress(ConnectionResetError):
            while os.read(0, 4096):
                continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_end, name="end-with-parent", daemon=True).start()
