"""The Kafka jars: fetched once from Maven Central, kept in the user's cache, checked by SHA-256."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Lock

from platformdirs import user_cache_path

from autolearn.eventlog.embedded.errors import BrokerError

Progress = Callable[[str, int, int], None]
"""Called as (step, done, total): bytes over all jars, or zeros for a long step."""

_DOWNLOADS = 4
_ATTEMPTS = 2


@dataclass(frozen=True)
class _LockedJar:
    """One line of the lock file. `coordinate` is group:artifact:version, `size` is in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file's name in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True)
class Jars:
    """A complete, verified set of jars, and the JVM's start-up archive if there is one."""

    folder: Path
    files: tuple[Path, ...]
    archive: Path | None = None

    @property
    def classpath(self) -> str:
        """The argument of `java -cp`."""
        return os.pathsep.join(map(str, self.files))


def locked() -> tuple[_LockedJar, ...]:
    """The jars with which this version of AutoLearn was tested."""
    text = files("autolearn.eventlog.embedded").joinpath("kafka.lock.toml").read_text()
    return tuple(_LockedJar(**jar) for jar in tomllib.loads(text)["jar"])


def cache_folder() -> Path:
    """The folder of the jars. Named after the lock's content, so versions live side by side."""
    digest = hashlib.sha256("".join(jar.sha256 for jar in locked()).encode()).hexdigest()
    return user_cache_path("autolearn") / f"kafka-{digest[:12]}"


def fetch(progress: Progress | None = None) -> Jars:
    """Return the jars, downloading those that are missing.

    Safe to interrupt and to call from several processes at once. Jars already there are
    verified on every call (about 50 ms), and cost no network.

    Raises:
        BrokerError: a download failed, or a jar is not the one that was locked.
    """
    folder = cache_folder()
    wanted = locked()
    if any(not (folder / jar.name).exists() for jar in wanted):
        with exclusive(folder):
            missing = [jar for jar in wanted if not (folder / jar.name).exists()]
            _download(missing, folder, progress or (lambda *_: None))
    for jar in wanted:
        _verify(folder / jar.name, jar)
    return Jars(folder, tuple(folder / jar.name for jar in wanted))


@contextlib.contextmanager
def exclusive(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the folder's install lock; wait for another process that holds it, or yield False."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".install.lock").open("w")
    except OSError as error:
        raise BrokerError(
            f"the cache folder {folder} cannot be written",
            str(error),
            "make it writable, or point XDG_CACHE_HOME to a folder that is",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        # A former holder that was killed left these; nobody uses them now.
        for left in (*folder.glob(".partial-*"), *folder.glob(".training-*")):
            shutil.rmtree(left, ignore_errors=True)
        yield True


def _download(missing: list[_LockedJar], folder: Path, progress: Progress) -> None:
    total = sum(jar.size for jar in missing)
    done = 0
    lock = Lock()

    def fetch_one(jar: _LockedJar) -> None:
        nonlocal done
        _fetch_verified(jar, folder)
        with lock:
            done += jar.size
            progress(jar.name, done, total)

    progress("asking Maven Central", 0, max(total, 1))
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        for future in [pool.submit(fetch_one, jar) for jar in missing]:
            try:
                future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _fetch_verified(jar: _LockedJar, folder: Path) -> None:
    """Put one jar into the folder under its own name only when its bytes are the right ones."""
    for attempt in range(1, _ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
            try:
                part = _from_maven(jar, Path(partial))
                _verify(part, jar)
                part.replace(folder / jar.name)
            except Exception as error:  # jgo raises RuntimeError, requests its own kinds
                if attempt < _ATTEMPTS:
                    continue
                raise _download_failed(jar, error) from error
            return


def _from_maven(jar: _LockedJar, repository: Path) -> Path:
    # Imported here: a warm start must not pay for jgo and requests.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    group, artifact, version = jar.coordinate.split(":")
    context = MavenContext(
        repo_cache=repository,
        remote_repos={"central": MAVEN_CENTRAL_URL, **settings.repositories},
        timeout=30,
    )
    path: Path = context.project(group, artifact).at_version(version).artifact().resolve()
    return path


def _verify(path: Path, jar: _LockedJar) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise BrokerError(
            f"{path.name} is not the file that AutoLearn was tested with",
            f"its SHA-256 is {found}, the lock file says {jar.sha256}",
            f"delete {path} and run: python -m autolearn.eventlog.embedded install",
        )


def _download_failed(jar: _LockedJar, error: Exception) -> BrokerError:
    return BrokerError(
        f"could not download {jar.coordinate}",
        str(error),
        "check the network and run: python -m autolearn.eventlog.embedded install "
        "(it goes on where it stopped). Behind a mirror, name it in jgo's settings "
        "(~/.config/jgo.conf): [repositories] central = URL",
    )
