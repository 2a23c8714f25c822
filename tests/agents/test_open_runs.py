"""The runs that have not ended, as dispatch sees them."""

import msgspec
from msgspec import Raw

from autolearn.agents.open_runs import OpenRuns
from autolearn.projections.store import MemoryStore
from autolearn.schemas import upcasters
from autolearn.schemas.codec import event_of
from autolearn.schemas.events import TrainingRequested
from tests import samples
from tests.golden import event_record


def test_a_task_carries_the_request_in_its_present_version(monkeypatch):
    """Its process knows no upcasters, and the run may have been accepted before an upgrade."""
    event = samples.training_requested()
    old = msgspec.to_builtins(event)
    old["random_state"] = old.pop("seed")

    def lifted(data):
        return {("seed" if name == "random_state" else name): data[name] for name in data}

    monkeypatch.setitem(
        upcasters.UPCASTERS,
        "autolearn.TrainingRequested.v0",
        ("autolearn.TrainingRequested.v1", lifted),
    )
    record = msgspec.structs.replace(
        event_record("autolearn.TrainingRequested.v0", event), data=Raw(msgspec.json.encode(old))
    )
    assert event_of(record) == event
    runs = OpenRuns(MemoryStore())
    runs.fold(record, 0, 0)
    run = runs.get(samples.SESSION, event.run)
    assert msgspec.json.decode(run.request, type=TrainingRequested) == event
