"""The secret of a home's brokers, which authenticates clients and brokers.

Both prove that they have it (SCRAM, RFC 5802), so that it never travels: a program of another user
that listens in a broker's place learns nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from autolearn.runtime.private_files import create_once, read_checked
from autolearn.schemas.errors import SettingsError

USER, MECHANISM = "autolearn", "SCRAM-SHA-512"
_FORM = re.compile(r"[A-Za-z0-9_-]{32,200}")


def credentials(secret: str) -> dict[str, str]:
    """Return the properties of a Kafka client with the secret, in librdkafka's names."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": MECHANISM,
        "sasl.username": USER,
        "sasl.password": secret,
    }


def secret_of(home: Path) -> str:
    """Return the secret of the brokers of a home; it is made on first use.

    A deleted file is made again, with another secret, at the broker's next start.

    Raises:
        SettingsError: others may read it, or it is malformed.
    """
    path = home / "keys" / "kafka.secret"
    if not path.exists():
        create_once(path, secrets.token_urlsafe(32).encode())
    title, anew = "The secret of Kafka is not safe", "another one is made at the next start."
    content = read_checked(path, f"or delete it: {anew}", title=title)
    text = content.decode("ascii", "replace").strip()
    if _FORM.fullmatch(text) is None:
        raise SettingsError(
            f"{path} holds something that is no secret.", title=title, advice=f"Delete it: {anew}"
        )
    return text


@contextlib.contextmanager
def announced(home: Path, addresses: Iterable[str]) -> Iterator[None]:
    """Announce, during the block, that brokers with the home's secret have these addresses.

    Clients learn it before the brokers run, which may have to wait for them.
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
    """Return whether brokers, `host:port,…`, are those of this home now."""
    return all(_is_announced(home / "brokers" / address) for address in brokers.split(","))


def _is_announced(file: Path) -> bool:
    try:
        os.kill(int(file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
