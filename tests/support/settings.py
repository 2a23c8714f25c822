"""Settings by the names of their variables."""

from typing import Any

from autolearn.schemas.settings import PREFIX, Settings, load

FEW_PARTITIONS = {"partitions": 2, "task_partitions": 4}
"""Half and a quarter of what is usual: each costs the broker and the deciders some time."""


def variables_of(**values: Any) -> dict[str, str]:
    """The variables of settings."""
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def settings_of(**values: Any) -> Settings:
    """Settings from variables, whose names are in lower case and without the prefix."""
    return load(variables_of(**values))
