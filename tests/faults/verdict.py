"""What the raw topics say after a schedule. It imports nothing of AutoLearn.

`verify` reads `commands`, `events` and `tasks` from their starts and raises
`Broken` at the first thing that is wrong. What it knows of AutoLearn: the names of topics and
messages (docs/asyncapi.json), the admission rule (docs/decisions/0002), and the rules of a session.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.faults.model import Model
from tests.support import log_checker
from tests.support.log_checker import Broken

Event = dict[str, Any]
OF_PIPELINE = re.compile(r" \d{4}-\d\d-\d\d \d\d:\d\d$")
"""The end of the title of a session that a run of a pipeline has opened."""
ENDS = ("RunCompleted", "RunFailed", "RunCancelled")


class Receipt(NamedTuple):
    """A 2xx that a client has seen: what it had asked, and what it was told."""

    what: str
    """open, train, evaluate, cancel, commit or discard."""
    session: str
    key: str
    status: int
    body: dict[str, Any]


class Verdict(NamedTuple):
    """What was found, when nothing was wrong."""

    commands: int
    events: int
    zombies: int
    """Answers on the log that the admission rule ignores."""
    repeats: int
    """Commands that came again and were not answered again."""
    terms: int
    runs: int
    lost_workers: int
    """Attempts that were opened because a worker was gone."""
    receipts: int


class Log(NamedTuple):
    """The records of four topics, and the admitted events in the order of each partition."""

    commands: log_checker.Topic
    events: log_checker.Topic
    tasks: list[Event]
    admitted: dict[int, list[Event]]

    @classmethod
    def read(
        cls, bootstrap: str, prefix: str, client: Mapping[str, str] = log_checker.NO_SECRET
    ) -> Log:
        """Read the events first: what they answer, and what was handed out, is there then."""
        events = log_checker.read_topic(bootstrap, f"{prefix}.events", client)
        commands = log_checker.read_topic(bootstrap, f"{prefix}.commands", client)
        tasks = [
            json.loads(record.value or b"")
            for records in log_checker.read_topic(bootstrap, f"{prefix}.tasks", client).values()
            for record in records
        ]
        admitted = {p: log_checker.admitted(p, records)[0] for p, records in events.items()}
        return cls(commands, events, tasks, admitted)

    def all(self) -> list[Event]:
        return [event for events in self.admitted.values() for event in events]

    def going(self) -> int:
        """How many commands have no answer yet, and runs no end: nothing moves any more at 0."""
        asked = sum(
            len(log_checker.wanted_answers(records)[0]) for records in self.commands.values()
        )
        ends = ends_of(self.all())
        return asked - len(self.all()) + sum(1 for found in ends.values() if not found)

    def zombies(self) -> int:
        """How many answers are on the log that do not count."""
        answers = sum(
            json.loads(record.value or b"")["type"] != "autolearn.TermStarted.v1"
            for records in self.events.values()
            for record in records
        )
        return answers - len(self.all())


def name_of(kind: str) -> str:
    """`RunStarted` of `autolearn.RunStarted.v1`."""
    return kind.split(".")[1]


def ends_of(events: Iterable[Event]) -> dict[str, list[str]]:
    """The ends of every accepted run."""
    ends: dict[str, list[str]] = {}
    for event in events:
        name, data = name_of(event["type"]), event["data"]
        if name.endswith("Requested"):
            ends[data["run"]] = []
        elif name in ("SessionCommitted", "SessionDiscarded"):
            for run in data.get("cancelled", ()):
                ends[run].append(f"{name} cancelled it")
        elif name in ENDS:
            ends[data["run"]].append(name)
    return ends


def verify(log: Log, receipts: Iterable[Receipt], sent: Counter[tuple[str, str]]) -> Verdict:
    """Check everything; `sent` counts the different commands that clients sent, by what and where.

    Raises:
        Broken: something was lost, happened twice, or was decided otherwise than the rules say.
    """
    found = log_checker.check(log.commands, log.events)
    for partition, records in log.commands.items():
        check_rules(partition, records, log.admitted[partition])
    ends = ends_of(log.all())
    for run, how in ends.items():
        if len(how) != 1:
            raise Broken(f"run {run} has ended {len(how)} times: {how}")
    check_tasks(log)
    count = check_receipts(log, list(receipts), sent)
    lost = sum(name_of(event["type"]) == "RunLost" for event in log.all())
    terms = sum(found.terms.values())
    return Verdict(
        found.answered + found.skipped + found.malformed,
        found.answered,
        log.zombies(),
        found.skipped,
        terms,
        len(ends),
        lost,
        count,
    )


def check_rules(partition: int, records: list[log_checker.Record], answers: list[Event]) -> None:
    """Decide the commands one by one: each answer must be the one that was given."""
    model = Model()
    commands, _, _ = log_checker.wanted_answers(records)
    for (offset, command), event in zip(commands, answers, strict=True):
        kind, actor = name_of(command["type"]), command.get("actor", "")
        wanted = model.answer(command["subject"], kind, command["data"], actor)
        got = name_of(event["type"]), event["data"].get("reason", "")
        if wanted[0] != got[0] or (wanted[0] == "Refused" and wanted[1] != got[1]):
            raise Broken(f"p{partition}, command {offset} {command['type']}: {got}, not {wanted}")


def check_tasks(log: Log) -> None:
    """A run that was started had been handed out, and only what was requested is handed out."""
    handed = {(task["run"], task["attempt"]) for task in log.tasks}
    requested = set(ends_of(log.all()))
    conducted = {
        event["data"]["run"]
        for event in log.all()
        if name_of(event["type"]) == "PipelineRequested"  # which no worker takes
    }
    started = Counter(
        (event["data"]["run"], event["data"]["attempt"])
        for event in log.all()
        if name_of(event["type"]) == "RunStarted"
    )
    if twice := [at for at, count in started.items() if count > 1]:
        raise Broken(f"attempts that were started twice: {twice[:5]}")
    if unknown := {at for at in set(started) - handed if at[0] not in conducted}:
        raise Broken(f"attempts that were started without a task: {sorted(unknown)[:5]}")
    if stray := {run for run, _ in handed} - requested:
        raise Broken(f"tasks of runs that nobody requested: {sorted(stray)[:5]}")


EFFECT = {
    "open": "SessionOpened",
    "train": "TrainingRequested",
    "evaluate": "EvaluationRequested",
    "cancel": "RunCancelled",
    "commit": "SessionCommitted",
    "discard": "SessionDiscarded",
}


def check_receipts(log: Log, receipts: list[Receipt], sent: Counter[tuple[str, str]]) -> int:
    """Everything that a client was told is on the log, and no request had two effects."""
    accepted: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    causes = set()
    for event in log.all():
        accepted[event["subject"], name_of(event["type"])].append(event)
        causes.add(event["causationid"])
    for receipt in receipts:
        if not is_there(receipt, accepted, causes, log):
            raise Broken(f"a client saw {receipt.status}, and the log does not know: {receipt}")
    for (what, session), count in sent.items():
        effects = len(accepted[f"session/{session}", EFFECT[what]])
        if effects > count:
            raise Broken(f"{count} requests to {what} in {session} had {effects} effects")
    titles = Counter(
        event["data"]["title"]
        for event in log.all()
        if name_of(event["type"]) == "SessionOpened"
        and not OF_PIPELINE.search(event["data"]["title"])
    )
    if twice := [title for title, count in titles.items() if title and count > 1]:
        raise Broken(f"requests that opened two sessions: {twice[:5]}")
    return len(receipts)


def is_there(
    receipt: Receipt, accepted: dict[tuple[str, str], list[Event]], causes: set[str], log: Log
) -> bool:
    """Say whether the log has what a client was told."""
    body = receipt.body
    if "state" in body:  # the command's, not the resource's
        if body["state"] != "pending":
            return body["id"] in causes
        at = parse_qs(urlsplit(body["links"]["self"]).query)
        partition, offset = int(at["partition"][0]), int(at["offset"][0])
        command = json.loads(log.commands[partition][offset].value or b"")
        return command["id"] == body["id"] and body["id"] in causes
    session = body["id"] if receipt.what == "open" else receipt.session
    found = accepted.get((f"session/{session}", EFFECT[receipt.what]), [])
    if receipt.what in ("train", "evaluate", "cancel"):
        return sum(event["data"]["run"] == body["id"] for event in found) == 1
    if receipt.what == "open":
        return [event["data"]["title"] for event in found] == [receipt.key]
    return len(found) == 1
