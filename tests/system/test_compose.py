"""docker-compose.yml and the Dockerfile, as far as they can be checked without Docker."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML  # check-jsonschema brings it

from autolearn.agents.process import TYPES
from autolearn.eventlog.embedded.lock_jars import KAFKA
from autolearn.schemas.settings import load

ROOT = Path(__file__).parents[2]
PROCESSES = {"api", "serve", *TYPES}


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe").load(ROOT / "docker-compose.yml")


@pytest.fixture(scope="module")
def ours(compose: Any) -> dict[str, Any]:
    return {name: one for name, one in compose["services"].items() if name != "kafka"}


def test_the_file_follows_the_compose_schema(compose):
    # The schema that check-jsonschema vendors, but not its program: 0.38 needs click 8.4, and
    # Faust needs an older one. find_spec does not import the package.
    found = find_spec("check_jsonschema")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(file.read_text())
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    assert not validator.is_valid({"services": {"x": {"imagee": "typo"}}})


def test_every_process_type_is_a_service_and_the_other_way_round(ours):
    assert {name: service["command"] for name, service in ours.items()} == {
        name: f"autolearn run {name}" for name in PROCESSES
    }


def test_every_service_waits_for_kafka_and_knows_it(ours):
    for service in ours.values():
        assert service["depends_on"] == {"kafka": {"condition": "service_healthy"}}
        assert service["environment"]["AUTOLEARN_KAFKA"] == "kafka:9092"


def test_the_settings_are_known(ours):
    for service in ours.values():
        settings = load(service["environment"])
        assert (settings.home, settings.artifacts) == ("/data", "file:///data/artifacts")


def test_services_can_be_scaled(compose):
    assert not [name for name, one in compose["services"].items() if "container_name" in one]
    published = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}
    assert published == {"api": ["127.0.0.1:8321:8321"]}


def test_kafka_has_the_version_that_the_tests_use(compose):
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA.rpartition(':')[2]}"


def test_the_image_gets_what_the_wheel_is_made_of():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    rooms = {link.name for link in (ROOT / ".src" / "autolearn").iterdir() if link.is_symlink()}
    assert kept == rooms | {"pyproject.toml", "README.md", "requirements", ".src"}
