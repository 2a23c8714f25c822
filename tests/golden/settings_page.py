"""The committed list of settings: docs/settings.md. `python -m tests.golden` writes it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import fields

from autolearn.schemas import settings
from autolearn.schemas.settings import GROUP_OF, PREFIX, Settings

PATH = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = f"""# Settings

`python -m tests.golden` generates this page from `schemas/settings.py`: do not edit it.

Each setting is an environment variable, and may also be in `.env` in the home; the environment
takes precedence. Times are in seconds, memory in MiB, sizes in bytes.
`{settings.KAFKA_PREFIX}<PROPERTY>` passes a property to the Kafka client, such as
`{settings.KAFKA_PREFIX}SECURITY_PROTOCOL=SASL_SSL` for `security.protocol`.
"""


def text() -> str:
    """The page as it is committed."""
    return "\n".join(
        [HEAD, *(line for group in dict.fromkeys(GROUP_OF.values()) for line in table(group))]
    )


def table(group: str) -> Iterator[str]:
    kind = type(getattr(Settings(), group)) if group else Settings
    said, words = inspect.getdoc(kind) or "", docs_of(kind)
    yield f"## {said.removesuffix('.') if group else 'The installation'}\n"
    yield "| variable | default | meaning |\n|---|---|---|"
    for one in fields(kind):
        if GROUP_OF.get(one.encode_name) == group:
            default = "" if one.default == "" else f"`{one.default}`"
            yield f"| `{PREFIX}{one.encode_name.upper()}` | {default} | {words.get(one.name, '')} |"
    yield ""


def docs_of(kind: type[Struct]) -> dict[str, str]:
    """What is written below each field."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(ast.literal_eval(said.value).split())
        for field, said in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(said, ast.Expr)
    }
