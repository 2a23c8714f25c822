"""The findings of a status: the rules behind the exit code of `autolearn status`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autolearn.runtime.disk_usage import too_little
from autolearn.schemas.records.heartbeat import Supervision
from autolearn.schemas.reports.status import Finding, Process, Status
from autolearn.schemas.settings import Settings
from autolearn.schemas.workers.labels import labels_in, lacking

_LONGEST_WAIT = 30.0
"""Seconds that a command may wait for its answer."""
_MOST_BEHIND = 10_000
"""Records that a reader may be behind; of tasks there may be any number."""
_LONGEST_UNSIGNED = 600.0
"""Seconds that an event may wait for a checkpoint; their interval is half of that at most."""
_MOST_LABELS = 5
"""Sets of labels that are findings of their own."""
_UNKNOWN = {"brokers": "Check that they run, and AUTOLEARN_KAFKA; the rest is as known here."}


def findings(status: Status, topics: Iterable[str], settings: Settings) -> list[Finding]:
    """Return the findings; `topics` are the expected ones.

    The `settings` bound a worker's silence, and the reserve of a disk.
    """
    found = [
        Finding(f"{part}-unknown", why, _UNKNOWN.get(part, "Ask again."))
        for part, why in status.unknown.items()
    ]
    if "brokers" not in status.unknown:
        found += [*_about_topics(status, topics)]
        for process in status.processes:
            found += _about_process(process)
    found += _about_chain(status)
    for worker in status.workers:
        if worker.silent > settings.workers.timeout:
            why = f"{worker.worker} has said nothing for {worker.silent:.0f} s."
            found.append(Finding("worker-silent", why, "Its runs are started again elsewhere."))
        if worker.disk_low:
            why = f"{worker.worker} takes no new run: {worker.disk_low}."
            advice = "Make room: runs that wait are taken then."
            found.append(Finding("worker-disk-low", why, advice))
    found += _about_labels(status)
    found += _about_supervision(status)
    if status.dead_letters is not None and status.dead_letters.recent:
        why = f"{status.dead_letters.recent} commands of the last day could not be decoded."
        found.append(Finding("dead-letters", why, "See `autolearn dead-letters list`."))
    for place in status.disk:
        folder = f"{place.path} ({place.what})"
        if low := too_little(settings.limits.disk_reserve, folder, place.free, place.total):
            advice = "Make room: uploads and runs are refused until then."
            found.append(Finding("disk-low", f"{low}.", advice))
    return found


def _about_topics(status: Status, names: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about topics."""
    there = {topic.name for topic in status.topics}
    if missing := [name for name in names if name not in there]:
        why = f"There is no topic {', '.join(missing)}."
        yield Finding("topic-missing", why, "Any process of AutoLearn makes it at its start.")
    for topic in status.topics:
        if topic.leaderless:
            why = f"{topic.leaderless} partitions of {topic.name} have no leader."
            yield Finding("partition-down", why, "Start the brokers that hold them.")
        elif topic.below_min:
            why = f"{topic.below_min} partitions of {topic.name} take no appends: too few copies."
            yield Finding("partition-down", why, "Start the brokers that hold the others.")
        elif topic.under_replicated:
            why = f"{topic.under_replicated} partitions of {topic.name} have too few copies."
            yield Finding("under-replicated", why, "Start the brokers that hold the others.")


def _about_chain(status: Status) -> Iterator[Finding]:
    for one in status.chain:
        if one.broken is not None:
            why = f"The chain of partition {one.partition} is broken at offset {one.broken}."
            yield Finding("chain-broken", why, "See `autolearn replay verify --chain`.")
        elif one.waiting is not None and one.waiting > _LONGEST_UNSIGNED:
            why = f"Events of partition {one.partition} are not signed after {one.waiting:.0f} s."
            yield Finding("checkpoints-late", why, "See the log of the decide processes.")


def _about_labels(status: Status) -> Iterator[Finding]:
    """Yield the labels that waiting runs ask for, and no present worker has."""
    workers = [worker.labels for worker in status.workers]
    wanted = ((many, labels_in(text)) for text, many in sorted(status.waiting.items()))
    unfit = [(many, why) for many, asked in wanted if (why := lacking(asked, workers))]
    advice = "Start one, or cancel them: see docs/workers.md."
    for many, why in unfit[:_MOST_LABELS]:
        runs = "1 run waits" if many == 1 else f"{many:,} runs wait"
        yield Finding("no-fitting-worker", f"{runs} for a worker with {why}.", advice)
    if more := unfit[_MOST_LABELS:]:
        why = f"{sum(many for many, _ in more):,} runs wait for other labels that no worker has."
        yield Finding("no-fitting-worker", why, advice)


def _about_supervision(status: Status) -> Iterator[Finding]:
    """Yield the failures of the supervising process."""
    said = status.supervision or Supervision()
    if said.overdue_keys:
        why = f"The keys of {said.overdue_keys} sessions that are not kept are not shredded in time"
        yield Finding("shredding-overdue", f"{why}.", "See the log of the supervise process.")
    if said.doubt:
        advice = "Set the clocks (NTP), and `message.timestamp.type=LogAppendTime` on `workers`."
        yield Finding("clocks-differ", f"{said.doubt}: nothing expires.", advice)
    if said.foreign_store:
        why = f"The artifact store is marked for another log ({said.foreign_store})."
        advice = "Nothing is collected in it: give each installation a store, AUTOLEARN_ARTIFACTS."
        yield Finding("store-of-another-log", why, advice)
    if said.overdue_models:
        why = f"{said.overdue_models} models that nobody can read any more could not be deleted."
        yield Finding("models-overdue", why, "See the log of the supervise process, and the store.")


def _about_process(process: Process) -> Iterator[Finding]:
    """Yield the findings about a process type."""
    if not process.members:
        why = f"No process of type {process.name} runs."
        yield Finding("nobody-runs", why, f"Start one: `autolearn run {process.name}`.")
    if process.waiting is not None and process.waiting > _LONGEST_WAIT:
        why = f"A command has waited {process.waiting:.0f} s for its answer."
        yield Finding("slow-decisions", why, "See the log of the decide processes.")
    behind = sum(process.behind.values())
    if behind > _MOST_BEHIND and process.name != "work":
        why = f"{process.name} is {behind} records behind on {process.topic}."
        yield Finding("behind", why, "Give it time, or start more processes of its type.")
