"""What can go wrong with the embedded broker."""

from pathlib import Path

_LINES = 12

# What Kafka or the JVM writes, and what a person can do about it.
_REMEDIES = {
    "Address already in use": "try again, or choose another port (0 picks a free one)",
    "No space left on device": "free disk space and start again; nothing acknowledged is lost",
    "Failed to acquire lock": "end the other broker on this folder, or choose another folder",
    "OutOfMemoryError": "give it more memory with heap_mb",
    "Permission denied": "make the folder and everything in it writable for this user",
}


class BrokerError(Exception):
    """The embedded broker could not be installed or started.

    Attributes say what happened, why, and what to do about it.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}\nWhat to do: {remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy


def ended_early(folder: Path, code: int) -> BrokerError:
    """The JVM ended with an exit code (negative: a signal) before it answered."""
    return _with_log(folder, f"Kafka in {folder} ended before it was ready (exit code {code})")


def too_slow(folder: Path) -> BrokerError:
    """The JVM runs and did not answer in time."""
    what = f"Kafka in {folder} was not ready in time"
    return _with_log(folder, what, "give it more time if the machine is busy, else ")


def _with_log(folder: Path, what: str, hint: str = "") -> BrokerError:
    lines = [*_tail(folder / "logs" / "jvm.out"), *_tail(folder / "logs" / "broker.log")]
    text = "\n".join(lines)
    fallback = f"{hint}read {folder / 'logs' / 'broker.log'}"
    remedy = next((help_ for sign, help_ in _REMEDIES.items() if sign in text), fallback)
    return BrokerError(what, "the last lines of its log:\n" + text, remedy)


def _tail(path: Path) -> list[str]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if not line.startswith("\tat ")][-_LINES:]
