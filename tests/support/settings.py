"""Settings by the names of their variables."""

from typing import Any

from autolearn.schemas.settings import PREFIX, Settings, load


def settings_of(**values: Any) -> Settings:
    """Settings from variables, whose names are in lower case and without the prefix."""
    return load({f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()})
