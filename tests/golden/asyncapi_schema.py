"""The committed AsyncAPI document: docs/asyncapi.json. `python -m tests.golden` writes it."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autolearn.schemas.asyncapi.document import document
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from tests.evolution.shapes import shipped
from tests.golden import golden_records

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def made() -> dict[str, Any]:
    """The document of the code, with the default settings."""
    examples = map(json.loads, golden_records().values())
    return document(Topics.of(Settings()), version("autolearn"), shipped()["events"], examples)


def text() -> str:
    """The document as it is committed."""
    return json.dumps(made(), indent=1, ensure_ascii=False) + "\n"


def committed() -> dict[str, Any]:
    """The document as it lies in docs."""
    return json.loads(PATH.read_text())
