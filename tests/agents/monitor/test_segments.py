"""Segments that hold records are closed by an append, once in a while."""

from autolearn.agents.monitor.segments import Segments
from autolearn.eventlog.memory.log import MemoryLog
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

TOPICS = Topics.of(Settings())


def test_an_append_closes_each_segment_with_records():
    log, name = MemoryLog(), TOPICS.predictions.name
    log.create(TOPICS.all())
    segments = Segments(log, (TOPICS.predictions, TOPICS.truths))
    segments.roll()
    assert not any(log.ends(name).values()), "an empty partition has nothing to compact"
    log.append(name, b"{}", key="wine/1", partition=2)
    segments.roll()
    assert log.ends(name)[2] == 1, "it is not time yet"
    segments.due[name] = 0.0
    segments.roll()
    assert log.ends(name) == {0: 0, 1: 0, 2: 2, 3: 0}
    assert log.topics[name][2][-1].value is None
