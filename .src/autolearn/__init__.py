"""AutoLearn: a Kafka-native, event-sourced system for the life cycle of machine-learning models.

    import autolearn

    al = autolearn.connect()

Public is what this module, `autolearn.plugins` and `autolearn.testing` export (docs/public.md).
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for true; typing's takes longer to import than this

if TYPE_CHECKING:
    from autolearn.client.sdk.client import AsyncAutoLearn, AutoLearn
    from autolearn.client.sdk.connect import connect, connect_async
    from autolearn.client.sdk.errors import (
        BadArgument,
        EvaluationFailed,
        NotLoggedIn,
        PipelineFailed,
        PredictionFailed,
        Problem,
        StudyFailed,
        TimedOut,
        TrainingFailed,
        Unreachable,
    )

    __version__: str

_MODULES = {
    "AsyncAutoLearn": "client",
    "AutoLearn": "client",
    "BadArgument": "errors",
    "EvaluationFailed": "errors",
    "NotLoggedIn": "errors",
    "PipelineFailed": "errors",
    "PredictionFailed": "errors",
    "Problem": "errors",
    "StudyFailed": "errors",
    "TimedOut": "errors",
    "TrainingFailed": "errors",
    "Unreachable": "errors",
    "connect": "connect",
    "connect_async": "connect",
}
"""The module of each name in the client's room."""

__all__ = [
    "AsyncAutoLearn",
    "AutoLearn",
    "BadArgument",
    "EvaluationFailed",
    "NotLoggedIn",
    "PipelineFailed",
    "PredictionFailed",
    "Problem",
    "StudyFailed",
    "TimedOut",
    "TrainingFailed",
    "Unreachable",
    "connect",
    "connect_async",
    "__version__",
]


def __dir__() -> list[str]:
    """Return the public names, also those that are not loaded yet."""
    return __all__


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for: the command line needs none of them."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("autolearn-client")
        except PackageNotFoundError:  # a clone of the repository, installed in place
            return version("autolearn")
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"autolearn.client.sdk.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
