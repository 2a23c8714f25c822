"""The gate: the code can read all that was shipped, or is told what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec import Struct

from autolearn.eventlog.admission import TERM_STARTED
from autolearn.schemas import codec
from autolearn.schemas.upcasters import UPCASTERS
from tests.evolution.compatibility import faults, grown, unnoted
from tests.evolution.shapes import PATH, encoded, present, shape_of, shipped
from tests.golden import FOLDERS, path_of

ROOT = Path(__file__).parent.parent.parent


class Opened(Struct):
    """An event as it was."""

    title: str


class Renamed(Struct):
    """The same with another name of its field."""

    heading: str


def shapes(**events: type[Struct]):
    return {
        "commands": {},
        "events": {f"{name[:-1]}.v{name[-1]}": shape_of(kind) for name, kind in events.items()},
        "records": {},
    }


BEFORE = shapes(Opened1=Opened)


def test_every_record_ever_written_can_be_read():
    """If this fails, do what it says: docs/evolution.md. shapes.json is not edited by hand."""
    assert not faults(shipped(), present(), UPCASTERS)


def test_what_is_shipped_is_noted():
    assert not unnoted(shipped(), present())


def test_the_file_is_as_the_command_writes_it():
    assert PATH.read_text() == encoded(shipped())


def test_the_gate_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "tests.evolution"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "can be read" in done.stdout


def test_a_renamed_field_is_refused_with_what_to_do():
    (fault,) = faults(BEFORE, shapes(Opened1=Renamed), {})
    assert fault.startswith("Opened.v1 was changed:\n  - field title is gone (is it heading now?)")
    assert "heading is new and has no default" in fault
    assert "raise `version` of the class, add an upcaster" in fault
    assert "docs/evolution.md" in fault


def test_the_documentation_shows_what_the_gate_says():
    """The worked example, as if the field had been renamed in place."""
    now = present()
    fields = now["events"]["autolearn.SessionOpened.v1"]["$defs"]["SessionOpened"]
    fields["properties"]["name"] = fields["properties"].pop("title")
    fields["required"] = ["name"]
    (fault,) = faults(shipped(), now, {})
    assert f"```text\n{fault}\n```" in (ROOT / "docs" / "evolution.md").read_text()


@pytest.mark.parametrize("group", ["commands", "events", "records"])
def test_a_type_that_is_gone_is_refused(group):
    nothing = {"commands": {}, "events": {}, "records": {}}
    (fault,) = faults(nothing | {group: {"Opened.v1": shape_of(Opened)}}, nothing, {})
    assert "Opened.v1 was changed:\n  - it is gone" in fault


@pytest.mark.parametrize("group", ["commands", "records"])
def test_only_events_are_lifted(group):
    before, now = ({**BEFORE, group: shape} for shape in (BEFORE["events"], {}))
    assert faults(before, now | {"events": shapes(Opened2=Renamed)["events"]}, LIFTED)


LIFTED = {"Opened.v1": ("Opened.v2", dict)}


def test_a_new_version_with_an_upcaster_is_accepted():
    now = shapes(Opened2=Renamed)
    assert faults(BEFORE, now, LIFTED) == []
    assert [fault.split()[0] for fault in unnoted(BEFORE, now)] == ["Opened.v2"]
    after = grown(BEFORE, now)
    assert set(after["events"]) == {"Opened.v1", "Opened.v2"}
    assert after["events"]["Opened.v1"] == BEFORE["events"]["Opened.v1"]
    assert unnoted(after, now) == faults(after, now, LIFTED) == []


def test_an_upcaster_may_go_over_several_versions():
    before, now = shapes(Opened1=Opened, Opened2=Opened), shapes(Opened3=Renamed)
    steps = {"Opened.v1": ("Opened.v2", dict), "Opened.v2": ("Opened.v3", dict)}
    assert faults(before, now, steps) == []


@pytest.mark.parametrize(
    ("lifts", "now", "why"),
    [
        ({}, shapes(Opened2=Renamed), "it is gone, and nothing reads"),
        ({"Opened.v1": ("Opened.v3", dict)}, shapes(Opened2=Renamed), "leads to Opened.v3, which"),
        ({"Opened.v1": ("Opened.v1", dict)}, shapes(), "circle: Opened.v1 -> Opened.v1"),
        (LIFTED | {"Opened.v2": ("Opened.v1", dict)}, shapes(), "v1 -> Opened.v2 -> Opened.v1"),
        (LIFTED, shapes(Opened1=Opened, Opened2=Renamed), "is never used"),
        (LIFTED | {"Begun.v1": ("Opened.v2", dict)}, shapes(Opened2=Renamed), "never shipped"),
    ],
)
def test_an_upcaster_that_does_not_lift_is_refused(lifts, now, why):
    assert any(why in fault for fault in faults(BEFORE, now, lifts))


def test_the_event_that_the_admission_rule_names_has_one_version_for_ever():
    """A reader that does not know a TermStarted would pass over all that comes after it."""
    assert TERM_STARTED == "autolearn.TermStarted.v1"


@pytest.mark.parametrize("group", FOLDERS)
def test_golden_records_have_the_shapes_that_were_shipped(group):
    """So neither of the two can be changed alone."""
    records = [json.loads(path.read_bytes()) for path in FOLDERS[group].glob("*.json")]
    assert {record["type"] for record in records} == shipped()[group].keys()
    for record in records:
        Draft202012Validator(shipped()[group][record["type"]]).validate(record["data"])


@pytest.mark.parametrize("name", UPCASTERS)
def test_an_old_event_that_lacks_what_it_may_lack_is_lifted(name):
    shape = shipped()["events"][name]
    needed = shape["$defs"][shape["$ref"].rsplit("/", 1)[-1]]["required"]
    record = json.loads(path_of("events", name).read_bytes())
    record["data"] = {field: record["data"][field] for field in needed}
    codec.event_of(codec.decode_event(json.dumps(record).encode()))
