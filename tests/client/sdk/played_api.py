"""An API that a function plays, for tests of the Python client."""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from autolearn import AutoLearn
from autolearn.client.sdk.handles.run_parent import RunParent
from autolearn.client.sdk.handles.runs import AsyncTrainingHandle, TrainingHandle
from autolearn.client.sdk.sessions import AsyncSessionHandle, SessionHandle
from autolearn.schemas.rest.runs import Training

SESSION = {
    "id": "s1",
    "title": "",
    "created": "2026-01-01T00:00:00.000Z",
    "actor": "",
    "updated": "2026-01-01T00:00:00.000Z",
    "sequence": 1,
    "links": {},
    "counts": {},
    "running": [],
    "new_in_a_later_version": 1,
}
TRAINING = {
    "id": "t1",
    "session": "s1",
    "number": 2,
    "status": "open",
    "requested": "",
    "updated": "",
    "dataset": {"name": "iris", "version": "0"},
    "estimator": "svm",
    "task": "classification",
    "schema_hash": "0",
    "time_limit": 60.0,
    "memory_limit": 512,
    "library_version": "1",
    "target": "species",
    "hyperparameters": {},
    "split": {"test": 0.25, "stratify": True},
    "preprocessing": {"impute": "mean", "scale": "none", "encode": "ordinal"},
    "seed": 0,
    "defaults": {},
    "progress": None,
    "links": {},
}
Played = Callable[[httpx.Request], httpx.Response]


def session_of(client: Any) -> Any:
    """A session of a client, about which nothing was asked yet."""
    kind = SessionHandle if isinstance(client, AutoLearn) else AsyncSessionHandle
    return kind(client._http, RunParent("s1"), None)


def training_of(client: Any, **more: object) -> Any:
    """A training of that session."""
    kind = TrainingHandle if isinstance(client, AutoLearn) else AsyncTrainingHandle
    return kind(client._http, RunParent("s1"), msgspec.convert(TRAINING | more, Training))


def every(client: Any, listing: Any) -> Any:
    """All items of a list, with either client."""
    return list(listing) if isinstance(client, AutoLearn) else listing
