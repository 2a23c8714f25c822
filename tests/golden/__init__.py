"""Golden files: the exact bytes of one record of every type, kept for ever.

`python -m tests.golden` writes those that are missing and never overwrites: what was shipped once
must stay readable, so a type that changes its meaning gets a new version and an upcaster.
"""

from pathlib import Path

from autolearn.schemas.codec import CommandRecord, EventRecord, encode, raw
from autolearn.schemas.messages import Command, Event
from tests.support import samples

__all__ = [
    "FOLDERS",
    "command_record",
    "event_record",
    "golden_records",
    "missing",
    "path_of",
    "type_named",
]

FOLDERS = {
    "events": Path(__file__).parent / "events",
    "commands": Path(__file__).parent / "commands",
}
ABOUT = {
    "id": "2-41-7",
    "time": "2026-01-02T03:04:05.678901Z",
    "subject": samples.SESSION,
    "actor": "ada",
    "fingerprint": "9f2c",
}


def type_named(name: str) -> str:
    """The type of the messages of a golden file: a type with results has one for each kind."""
    return name.partition("-")[0]


def event_record(name: str, event: Event) -> EventRecord:
    """The golden record of an event."""
    return EventRecord(
        source="autolearn/decide",
        type=type_named(name),
        sequence=3,
        causationid="8c4f6f0e-2a53-4f0f-9d0e-1f2d3c4b5a69",
        commandoffset=41,
        prev=39,
        term=7,
        data=raw(event),
        **ABOUT,
    )


def command_record(name: str, command: Command) -> CommandRecord:
    """The golden record of a command."""
    return CommandRecord(source="autolearn/api", type=type_named(name), data=raw(command), **ABOUT)


def path_of(folder: str, name: str) -> Path:
    """The file of a type, such as events/SessionOpened.v1.json for autolearn.SessionOpened.v1."""
    return FOLDERS[folder] / f"{name.removeprefix('autolearn.')}.json"


def missing() -> dict[Path, bytes]:
    """The golden files that should be there and are not, with what they should hold."""
    wanted = {
        path_of("events", name): encode(event_record(name, event))
        for name, event in samples.EVENTS.items()
    } | {
        path_of("commands", name): encode(command_record(name, command))
        for name, command in samples.COMMANDS.items()
    }
    return {path: value for path, value in wanted.items() if not path.exists()}


def golden_records() -> dict[str, bytes]:
    """The golden records that there are, old versions included, by name."""
    return {
        f"autolearn.{path.stem}": path.read_bytes()
        for folder in FOLDERS.values()
        for path in sorted(folder.glob("*.json"))
    }
