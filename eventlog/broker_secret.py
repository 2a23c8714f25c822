"""Who may use the brokers that a home runs: whoever can read the secret that lies in the home.

Brokers and clients prove to each other that they have it (SCRAM, RFC 5802), so that it never
travels: a program of another user that listens in a broker's place learns nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from autolearn.schemas.errors import SettingsError

__all__ = ["MECHANISM", "USER", "announced", "credentials", "runs_here", "secret_of"]

USER, MECHANISM = "autolearn", "SCRAM-SHA-512"
FORM = re.compile(r"[A-Za-z0-9_-]{32,200}")


def credentials(secret: str) -> dict[str, str]:
    """Return the properties of a Kafka client that has the secret, as librdkafka calls them."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": MECHANISM,
        "sasl.username": USER,
        "sasl.password": secret,
    }


def secret_of(home: Path) -> str:
    """Return the secret of the brokers of a home, which is made if need be.

    A file that is deleted is made again, with another secret, at the broker's next start.

    Raises:
        SettingsError: others may read it, or it was changed to something else.
    """
    path = home / "keys" / "kafka.secret"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # its mode is 0600
            file.write(secrets.token_urlsafe(32).encode())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.link(file.name, path)
    mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text().strip()
    if mode & 0o077:
        why, advice = (
            f"may be read by others (mode {mode:04o})",
            f"chmod 600 {shlex.quote(str(path))}; or delete it",
        )
    elif FORM.fullmatch(text) is None:
        why, advice = "holds something that is no secret", "Delete it"
    else:
        return text
    raise SettingsError(
        f"{path} {why}.",
        title="The secret of Kafka is not safe",
        advice=f"{advice}: another one is made at the next start.",
    )


@contextlib.contextmanager
def announced(home: Path, addresses: Iterable[str]) -> Iterator[None]:
    """Say for as long as the block lasts that brokers with the home's secret have these addresses.

    Clients are told before the brokers are there, which may have to wait for them.
    """
    files = [home / "brokers" / address for address in addresses]
    try:
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_text(str(os.getpid()))
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def runs_here(home: Path, brokers: str) -> bool:
    """Say whether brokers, `host:port,…`, are those that this home runs now."""
    return all(is_announced(home / "brokers" / address) for address in brokers.split(","))


def is_announced(file: Path) -> bool:
    """Say whether the process that announced a broker is there still: it may have been killed."""
    try:
        os.kill(int(file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
