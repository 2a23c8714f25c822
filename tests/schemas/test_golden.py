"""What was once written stays readable: golden records of every event and command."""

import json

import pytest

from autolearn.schemas import codec
from autolearn.schemas.commands import COMMANDS
from autolearn.schemas.events import EVENTS
from autolearn.schemas.upcasters import UPCASTERS
from autolearn.schemas.work_kinds import WORK, kind_of_run
from tests.golden import FOLDERS, command_record, event_record, path_of, type_named
from tests.support import samples

HOW = (
    "add one to tests/support/samples.py, then run `python -m tests.golden` and commit the new file"
)
GOLDEN_EVENTS = sorted(FOLDERS["events"].glob("*.json"))
GOLDEN_COMMANDS = sorted(FOLDERS["commands"].glob("*.json"))


def type_of_file(path):
    return type_named(f"autolearn.{path.stem}")


def present(name):
    """The type that records of this type are lifted to."""
    while name in UPCASTERS:
        name, _ = UPCASTERS[name]
    return name


def test_every_kind_of_work_has_a_golden_result():
    for folder in (samples.COMMANDS, samples.EVENTS):
        results = [one.result for one in folder.values() if hasattr(one, "result")]
        assert {kind_of_run(result) for result in results} == set(WORK), HOW


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_a_golden_file(name):
    assert path_of("events", name).exists(), f"{name} has no golden file: {HOW}"
    assert name in samples.EVENTS, f"{name} has no sample: {HOW}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_golden_file(name):
    assert path_of("commands", name).exists(), f"{name} has no golden file: {HOW}"
    assert name in samples.COMMANDS, f"{name} has no sample: {HOW}"


@pytest.mark.parametrize("path", GOLDEN_EVENTS, ids=lambda path: path.stem)
def test_an_event_of_any_time_can_be_read(path):
    record = codec.decode_event(path.read_bytes())
    assert record.type == type_of_file(path)
    assert type(codec.event_of(record)) is EVENTS[present(record.type)]


@pytest.mark.parametrize("name", UPCASTERS)
def test_an_event_of_an_old_version_says_what_the_present_one_does(name):
    record = codec.decode_event(path_of("events", name).read_bytes())
    assert name not in EVENTS
    assert codec.event_of(record) == samples.EVENTS[present(name)]
    assert codec.encode(record) == path_of("events", name).read_bytes()


@pytest.mark.parametrize("path", GOLDEN_COMMANDS, ids=lambda path: path.stem)
def test_a_command_of_any_time_can_be_read(path):
    record = codec.decode_command(path.read_bytes())
    assert type(codec.command_of(record)) is COMMANDS[type_of_file(path)]


@pytest.mark.parametrize("name", samples.EVENTS)
def test_an_event_is_read_and_written_as_it_was(name):
    value = path_of("events", name).read_bytes()
    record = codec.decode_event(value)
    assert codec.event_of(record) == samples.EVENTS[name]
    assert codec.encode(record) == value
    assert codec.encode(event_record(name, codec.event_of(record))) == value


@pytest.mark.parametrize("name", samples.COMMANDS)
def test_a_command_is_read_and_written_as_it_was(name):
    value = path_of("commands", name).read_bytes()
    record = codec.decode_command(value)
    assert codec.command_of(record) == samples.COMMANDS[name]
    assert codec.encode(record) == value
    assert codec.encode(command_record(name, codec.command_of(record))) == value


@pytest.mark.parametrize(
    "path", [*GOLDEN_EVENTS, *GOLDEN_COMMANDS], ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_record_is_a_cloud_event(path):
    """CloudEvents 1.0: required attributes, non-empty; names of lower-case letters and digits."""
    event = json.loads(path.read_bytes())
    assert event["specversion"] == "1.0"
    for name in ("id", "source", "type"):
        assert isinstance(event[name], str)
        assert event[name]
    assert event["datacontenttype"] == "application/json"
    assert isinstance(event["data"], dict)
    for name, value in event.items():
        assert name.isalnum()
        assert name.islower()
        if name != "data":
            assert isinstance(value, str | int)
            assert not isinstance(value, int) or -(2**31) <= value < 2**31
