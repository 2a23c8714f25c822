"""Checks the write path by the raw records of its two topics, and imports nothing of AutoLearn.

It has an admission rule and an idea of a well-formed command of its own, so that a fault in ours
cannot hide itself. `check(commands, events)` returns what it counted, or raises `Broken`.
"""

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

NO_SECRET: Mapping[str, str] = {}
SUBJECT = re.compile(
    r"(estimator|metric|step|dataset|user|group|model|pipeline)/[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?"
    r"|session/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
COMMAND = re.compile(
    r"autolearn\.((Open|Rename|Annotate|Commit|Discard|Expire|Keep|Share|Unshare)Session|ProposeExpiry|ImportTraining|(Hold|Release|Delete)Experiment"
    r"|Register(Estimator|Metric|Step|Dataset)|(Share|Unshare|Delete)(Dataset|Model)|(Register|Retire)Version|Set(Alias|Traffic|Shadow|Recording)|Promote|ErasePredictions|RollBack(Traffic)?|(Add|Remove)Case|LabelRows|ExpectDataset"
    r"|(Apply|Remove|Share|Unshare)Pipeline|RecordStep|ForgetRuns"
    r"|Request(Training|Evaluation|Prediction|Study|Pipeline|Step)|(Start|Complete|Fail|Cancel)Run|ReportRunLost"
    r"|(Add|Disable|Enable)User|Set(Role|Password|Quota)|(Issue|Revoke)Token|RevokeTokens|(Create|Delete)Group|(Add|Remove)Member)\.v1"
)


class Broken(AssertionError):
    """The log does not say what it must."""


class Record(NamedTuple):
    """One record as it lies on a partition."""

    offset: int
    key: bytes | None
    value: bytes | None


Topic = dict[int, list[Record]]


class Found(NamedTuple):
    """What was counted, over all partitions."""

    answered: int
    ignored: int
    """Events that the admission rule leaves out."""
    skipped: int
    """Commands that came before."""
    malformed: int
    terms: dict[int, int]


def read_topic(bootstrap: str, topic: str, client: Mapping[str, str] = NO_SECRET) -> Topic:
    """All records that are on a topic now. `client`: properties for brokers that want a secret."""
    consumer = Consumer(
        {
            **client,
            "bootstrap.servers": bootstrap,
            "group.id": f"checker-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
        }
    )
    try:
        numbers = sorted(consumer.list_topics(topic, 10).topics[topic].partitions)
        places = [TopicPartition(topic, number, 0) for number in numbers]
        left = sum(consumer.get_watermark_offsets(place, 10)[1] for place in places)
        found: Topic = {number: [] for number in numbers}
        consumer.assign(places)
        while left > 0:
            message = consumer.poll(10)
            if message is None or message.error():
                raise Broken(f"{topic}: {message and message.error()}")
            found[message.partition()].append(
                Record(message.offset(), message.key(), message.value())
            )
            left -= 1
        return found
    finally:
        consumer.close()


def check(commands: Topic, events: Topic) -> Found:
    """Check every partition; raise `Broken` at the first thing that is wrong."""
    if set(commands) != set(events):
        raise Broken("commands and events have different partitions")
    answered = ignored = skipped = malformed = 0
    terms = {}
    for partition in commands:
        answers, left_out, terms[partition] = admitted(partition, events[partition])
        wanted, again, bad = wanted_answers(commands[partition])
        compare(partition, wanted, answers)
        answered += len(answers)
        ignored += left_out
        skipped += again
        malformed += bad
    return Found(answered, ignored, skipped, malformed, terms)


def admitted(partition: int, records: list[Record]) -> tuple[list[dict], int, int]:
    """The answers that count, the number of events that do not, and the last term."""
    term, last, ignored = 0, -1, 0
    answers: list[dict] = []
    for record in records:
        event = json.loads(record.value or b"")
        if event["subject"].encode() != record.key:
            raise Broken(f"p{partition}@{record.offset}: the key is not the subject")
        if event["type"] == "autolearn.TermStarted.v1":
            if event["term"] > term:
                term = event["term"]
            else:
                ignored += 1
        elif (event["term"], event["prev"]) == (term, last) and event["commandoffset"] > last:
            last = event["commandoffset"]
            answers.append(event)
        else:
            ignored += 1
    return answers, ignored, term


def wanted_answers(records: list[Record]) -> tuple[list[tuple[int, dict]], int, int]:
    """The commands that must be answered, with their offsets, in order; repeats; malformed ones."""
    wanted: list[tuple[int, dict]] = []
    seen: set[tuple[str, str]] = set()
    skipped = malformed = 0
    for record in records:
        command = well_formed(record)
        if command is None:
            malformed += 1
        elif (command["subject"], command["id"]) in seen:
            skipped += 1
        else:
            seen.add((command["subject"], command["id"]))
            wanted.append((record.offset, command))
    return wanted, skipped, malformed


def well_formed(record: Record) -> dict | None:
    """The command of a record, or None. Of the data, only those of OpenSession are looked at."""
    try:
        command = json.loads(record.value or b"")
        subject, identifier, kind = command["subject"], command["id"], command["type"]
        fits = (
            SUBJECT.fullmatch(subject) and COMMAND.fullmatch(kind) and 1 <= len(identifier) <= 200
        )
        title = command["data"].get("title", "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return command if fits and isinstance(title, str) and record.key == subject.encode() else None


def compare(partition: int, wanted: list[tuple[int, dict]], answers: list[dict]) -> None:
    """Compare the commands of one partition with their answers."""
    expected = [offset for offset, _ in wanted]
    got = [answer["commandoffset"] for answer in answers]
    if expected != got:
        missing, extra = sorted(set(expected) - set(got))[:5], sorted(set(got) - set(expected))[:5]
        raise Broken(
            f"p{partition}: {len(expected)} commands, {len(got)} answers; "
            f"unanswered {missing}, answered without cause {extra}"
        )
    sequences: defaultdict[str, int] = defaultdict(int)
    last, term = -1, 0
    for (offset, command), answer in zip(wanted, answers, strict=True):
        where = f"p{partition}, command {offset}"
        subject = command["subject"]
        if (answer["causationid"], answer["subject"]) != (command["id"], subject):
            raise Broken(f"{where}: answered by {answer['id']}, which is about another command")
        for name in ("time", "actor", "fingerprint"):
            if answer.get(name, "") != command.get(name, ""):
                raise Broken(f"{where}: {name} is not the command's")
        sequences[subject] += 1
        if answer["sequence"] != sequences[subject]:
            raise Broken(
                f"{where}: number {answer['sequence']} of {subject}, not {sequences[subject]}"
            )
        if answer["prev"] != last:
            raise Broken(f"{where}: prev is {answer['prev']}, not {last}")
        if answer["term"] < term:
            raise Broken(f"{where}: the term went back from {term} to {answer['term']}")
        last, term = offset, answer["term"]
