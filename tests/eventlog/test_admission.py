"""The admission rule, clause by clause, and against any interleaving."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autolearn.eventlog.admission import TERM_STARTED, PartitionProgress
from autolearn.schemas.codec import EventRecord, raw
from autolearn.schemas.events import TermStarted


def answer(offset: int, prev: int, term: int, name: str = "") -> EventRecord:
    return EventRecord(
        id=name or f"0-{offset}-{term}",
        source="tests",
        type="autolearn.SessionOpened.v1",
        subject="session/s",
        time="",
        sequence=1,
        commandoffset=offset,
        prev=prev,
        term=term,
    )


def started(term: int) -> EventRecord:
    return EventRecord(
        id=f"term-{term}",
        source="tests",
        type=TERM_STARTED,
        subject="partition/0",
        time="",
        sequence=0,
        term=term,
        data=raw(TermStarted("tests")),
    )


AT = PartitionProgress(next=100, term=3, last=40, id="x")


@pytest.mark.parametrize(
    ("record", "admitted"),
    [
        (started(4), True),
        (started(9), True),
        (started(3), False),
        (started(2), False),
        (started(0), False),
        (answer(41, 40, 3), True),
        (answer(55, 40, 3), True),
        (answer(41, 40, 2), False),
        (answer(41, 40, 4), False),
        (answer(40, 40, 3), False),
        (answer(39, 40, 3), False),
        (answer(42, 41, 3), False),
        (answer(41, 39, 3), False),
        (answer(41, -1, 3), False),
    ],
    ids=[
        "a higher term",
        "a term may skip numbers",
        "a term once more",
        "an older term",
        "no term",
        "the next answer",
        "an answer after commands that were skipped",
        "of an older term",
        "of a term that was never started",
        "the last command once more",
        "an earlier command",
        "with a hole before it",
        "by someone who missed the last answer",
        "by someone who saw nothing",
    ],
)
def test_a_record_counts_or_not(record: EventRecord, admitted: bool):
    at = replace(AT)
    assert at.admit(record) is admitted
    if not admitted:
        assert at == AT, "what does not count changes nothing"
    elif record.type == TERM_STARTED:
        assert at == replace(AT, term=record.term)
    else:
        assert at == replace(AT, last=record.commandoffset)


def test_nothing_counts_before_the_first_term():
    at = PartitionProgress()
    assert not at.admit(answer(0, -1, 1))
    assert at.admit(started(1))
    assert at.admit(answer(0, -1, 1))


def admitted(records: list[EventRecord]) -> list[str]:
    at = PartitionProgress()
    return [record.id for record in records if at.admit(record)]


def true_story(random: Random) -> tuple[list[EventRecord], list[list[EventRecord]]]:
    """What the deciders in office wrote, and per tenure what it goes on to write as a zombie."""
    story: list[EventRecord] = []
    zombies: list[list[EventRecord]] = []
    last = -1
    for term in range(1, random.randint(2, 5)):
        story.append(started(term))
        for _ in range(random.randint(0, 5)):
            offset = last + random.randint(1, 3)
            story.append(answer(offset, last, term))
            last = offset
        late, prev = [started(term)], last
        for _ in range(random.randint(0, 5)):
            offset = prev + random.randint(1, 3)
            late.append(answer(offset, prev, term, f"zombie-{term}-{offset}"))
            prev = offset
        zombies.append(late)
    return story, zombies


@settings(max_examples=3 * settings.default.max_examples)
@given(st.randoms(use_true_random=False))
def test_zombies_interleaved_in_any_way_never_change_what_counts(random: Random):
    story, zombies = true_story(random)
    mixed: list[EventRecord] = []
    awake: list[list[EventRecord]] = []
    for record in story:
        if record.type == TERM_STARTED and record.term > 1:
            awake.append(zombies[record.term - 2])
        mixed.append(record)
        for zombie in awake:
            while zombie and random.random() < 0.5:
                mixed.append(zombie.pop(0))
        if random.random() < 0.3:
            mixed.append(random.choice(mixed))  # a record that is written twice
    assert admitted(mixed) == admitted(story) == [record.id for record in story]


@settings(max_examples=3 * settings.default.max_examples)
@given(
    st.lists(
        st.one_of(
            st.builds(started, st.integers(0, 4)),
            st.builds(answer, st.integers(0, 6), st.integers(-1, 6), st.integers(0, 4)),
        ),
        max_size=40,
    )
)
def test_whatever_lies_on_the_log_what_counts_is_a_chain(records: list[EventRecord]):
    at, term, last = PartitionProgress(), 0, -1
    for record in records:
        if not at.admit(record):
            continue
        if record.type == TERM_STARTED:
            assert record.term > term
            term = record.term
        else:
            assert (record.term, record.prev) == (term, last)
            assert record.commandoffset > last
            last = record.commandoffset
    assert (at.term, at.last) == (term, last)
