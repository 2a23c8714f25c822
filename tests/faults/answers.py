"""What models answered, held against references, promotions and the raw prediction log.

It imports nothing of AutoLearn. Times are of one monotonic clock, in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.support.log_checker import Broken

Said = dict[str, Any]
"""The answer to a row, as JSON has it."""
References = Mapping[int, Sequence[tuple[Said, ...]]]
"""By version, what it says to the rows of each question."""


class Answer(NamedTuple):
    """A 200 that a client got: the number of its question, and what it was told of each row."""

    request: str
    version: int
    question: int
    said: tuple[Said, ...]
    sent: float
    received: float


class Promotion(NamedTuple):
    """A version was promoted: when that was first asked, and when it was confirmed."""

    version: int
    asked: float
    done: float


class Found(NamedTuple):
    """What was counted, when nothing was wrong."""

    answers: int
    decisive: int
    """Answers at times at which one version only might answer."""
    adoption: float
    """The longest time after a promotion at which a request was still answered by the old one."""


def check_answers(
    answers: Iterable[Answer],
    references: References,
    promotions: Sequence[Promotion],
    patience: float,
) -> Found:
    """Check that every answer is that of the version that it names, which answered at that time.

    A version may answer from when its promotion is asked, until `patience` seconds after the next
    one was confirmed.

    Raises:
        Broken: an answer is of no version, mixes two, or comes from one that was not promoted then.
    """
    ends = [after.done for after in promotions[1:]] + [float("inf")]
    count = decisive = 0
    adoption = 0.0
    for answer in answers:
        fits = [
            {
                version
                for version, known in references.items()
                if known[answer.question][row] == said
            }
            for row, said in enumerate(answer.said)
        ]
        if answer.said != references[answer.version][answer.question]:
            what = "is of another version than it says"
            if not all(fits):
                what = "is of no version"
            elif not set.intersection(*fits):
                what = "mixes versions"
            raise Broken(f"an answer {what}: {answer}")
        allowed = {
            promoted.version
            for promoted, end in zip(promotions, ends, strict=True)
            if promoted.asked <= answer.received and answer.sent <= end + patience
        }
        if answer.version not in allowed:
            raise Broken(f"version {answer.version} was not promoted then, but {allowed}: {answer}")
        late = [
            answer.sent - end
            for promoted, end in zip(promotions, ends, strict=True)
            if promoted.version == answer.version and promoted.asked <= answer.received
        ]
        adoption = max(adoption, min(late))
        count += 1
        decisive += len(allowed) == 1
    return Found(count, decisive, adoption)


def check_records(answers: Iterable[Answer], records: Iterable[Said], *, durable: bool) -> int:
    """Check that every answer has one record that says the same; return how many have none.

    Records that no client knows are allowed: their answer was lost on its way.

    Raises:
        Broken: an answer is recorded twice, or otherwise than given; or it is `durable` and lost.
    """
    found: dict[str, Said] = {}
    for record in records:
        if record["id"] in found:
            raise Broken(f"a request is on the prediction log twice: {record['id']}")
        found[record["id"]] = record
    lost = 0
    for answer in answers:
        known = found.get(answer.request)
        if known is None:
            lost += 1
            if durable:
                raise Broken(f"a durable answer is not on the prediction log: {answer}")
        elif (known["version"], said_in(known)) != (answer.version, answer.said):
            raise Broken(f"an answer is recorded otherwise: {answer}, {known}")
    return lost


def said_in(record: Said) -> tuple[Said, ...]:
    """Return what a record says that was answered to each row."""
    columns = record["data"]["outputs"]
    labels = [name for name in columns if name.startswith("probability_")]
    return tuple(
        {
            "prediction": label,
            "probabilities": {
                name.removeprefix("probability_"): columns[name][row] for name in labels
            },
        }
        for row, label in enumerate(columns["prediction"])
    )


def uncounted(hours: Iterable[Said], records: Iterable[Said]) -> int:
    """Return how many requests the hours do not count yet.

    Raises:
        Broken: they count more requests, or rows, than there are.
    """
    wanted: Counter[tuple[str, int, str, str]] = Counter()
    for record in records:
        hour = record["model"], record["version"], record["time"][:13]
        wanted[*hour, "requests"] += 1
        wanted[*hour, "rows"] += record["rows"]
    for row in hours:
        for what in ("requests", "rows"):
            at = row["model"], row["version"], row["hour"][:13], what
            if row[what] > wanted[at]:
                raise Broken(f"{row[what]} {what} are counted of {wanted[at]}: {at}")
            wanted[at] -= row[what]
    return sum(many for at, many in wanted.items() if at[-1] == "requests")
