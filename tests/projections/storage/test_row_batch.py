"""What a batch of rows shows before it is stored."""

from autolearn.projections.rows.view_rows import IndexEntry
from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.store import key, prefix_of


def test_names_are_those_stored_and_pending_without_deleted_ones():
    rows, below = RowBatch(MemoryStore()), prefix_of("reader", "s")
    for user in ("stored", "gone"):
        rows.put(key("reader", "s", user), IndexEntry(user))
    rows.put(key("reader", "s2", "other"), IndexEntry("other"))
    rows.put(key("reader", "s"), IndexEntry("no reader"))
    assert rows.names(below) == [key("reader", "s", user) for user in ("gone", "stored")]
    rows.commit({})
    rows.delete(key("reader", "s", "gone"))
    assert rows.names(below) == [key("reader", "s", "stored")]
    rows.put(key("reader", "s", "new"), IndexEntry("new"))
    rows.put(key("reader", "s", "gone"), IndexEntry("back"))
    assert rows.names(below) == [key("reader", "s", user) for user in ("gone", "new", "stored")]
    rows.reset()
    assert rows.names(below) == []
