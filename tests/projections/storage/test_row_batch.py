"""What a batch of rows shows before it is stored."""

from autolearn.projections.storage.memory import MemoryStore
from autolearn.projections.storage.row_batch import RowBatch
from autolearn.projections.storage.table import IndexEntry, Table

READERS, OTHERS = Table("reader", IndexEntry), Table("reader-other", IndexEntry)


def test_names_are_those_stored_and_pending_without_deleted_ones():
    rows = RowBatch(MemoryStore())
    for user in ("stored", "gone"):
        rows.put(READERS, IndexEntry(user), "s", user)
    rows.put(READERS, IndexEntry("other"), "s2", "other")
    rows.put(OTHERS, IndexEntry("no reader"), "s", "none")
    assert rows.names(READERS, "s") == ["gone", "stored"]
    rows.commit({})
    rows.delete(READERS, "s", "gone")
    assert rows.names(READERS, "s") == ["stored"]
    rows.put(READERS, IndexEntry("new"), "s", "new")
    rows.put(READERS, IndexEntry("back"), "s", "gone")
    assert rows.names(READERS, "s") == ["gone", "new", "stored"]
    rows.reset()
    assert rows.names(READERS, "s") == []


def test_a_row_that_is_deleted_and_put_again_in_one_batch_is_there():
    rows = RowBatch(MemoryStore())
    rows.put_once(READERS, IndexEntry("first"), "s", "back")
    rows.commit({})
    rows.delete(READERS, "s", "back")
    rows.put_once(READERS, IndexEntry("second"), "s", "back")
    rows.put_once(READERS, IndexEntry("third"), "s", "gone")
    rows.delete(READERS, "s", "gone")
    assert rows.names(READERS, "s") == ["back"]
    rows.commit({})
    assert rows.get(READERS, "s", "back") == IndexEntry("second")
    assert rows.get(READERS, "s", "gone") is None
