"""The errors of the embedded broker."""

from pathlib import Path

from autolearn.schemas.errors import AutoLearnError, ExitCode

PORT_TAKEN = 4
"""The exit code of a broker's process that could not have its port."""
_LINES = 12
_TAKEN = "Address already in use"
# Every Java program of Kafka logs this first: what stands above it is of an earlier run.
_FIRST = "type=kafka.Log4jController"

# Messages of Kafka or the JVM, and their remedies.
_REMEDIES = {
    _TAKEN: "try again, or choose another port (0 picks a free one)",
    "No space left on device": "free disk space and start again; nothing acknowledged is lost",
    "Failed to acquire lock": "end the other broker on this folder, or choose another folder",
    "OutOfMemoryError": "give it more memory with heap_mb",
    "Permission denied": "make the folder and everything in it writable for this user",
}


class BrokerError(AutoLearnError):
    """The embedded broker could not be installed or started."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(why, title=what, advice=remedy)

    def __str__(self) -> str:
        """Title, detail and advice: a test run or a thread shows nothing else."""
        return self.diagnostics()


class PortTaken(BrokerError):
    """Another process has a port that the broker needs."""

    exit_code = ExitCode.REFUSED


def ended_early(folder: Path, code: int) -> BrokerError:
    """The JVM ended with an exit code (negative: a signal) before it answered."""
    return _with_log(folder, f"Kafka in {folder} ended before it was ready (exit code {code})")


def too_slow(folder: Path) -> BrokerError:
    """The JVM runs and did not answer in time."""
    what = f"Kafka in {folder} was not ready in time"
    return _with_log(folder, what, "give it more time if the machine is busy, else ")


def _with_log(folder: Path, what: str, hint: str = "") -> BrokerError:
    logs = [_lines(folder / "logs" / name) for name in ("jvm.out", "broker.log")]
    # Not the last lines alone: behind the reason comes everything that it closes.
    text = "\n".join(line for log in logs for line in log)
    fallback = f"{hint}read {folder / 'logs' / 'broker.log'}"
    remedy = next((help_ for sign, help_ in _REMEDIES.items() if sign in text), fallback)
    kind = PortTaken if _TAKEN in text else BrokerError
    last = "\n".join(line for log in logs for line in log[-_LINES:])
    return kind(what, "the last lines of its log:\n" + last, remedy)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(errors="replace").rpartition(_FIRST)[2]
    except OSError:
        return []
    return [line for line in text.splitlines() if not line.startswith("\tat ")]
