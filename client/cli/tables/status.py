"""Tables of the status of an installation."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from autolearn.client.cli.output import count, pairs, rows, short, when
from autolearn.schemas.reports.status import ChainState, Process, Status, WorkerState
from autolearn.schemas.work_kinds import OF_WORKERS
from autolearn.schemas.workers.labels import text_of

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def summary(status: Status) -> Iterator[RenderableType]:
    """Yield whether all is well, and a line each about processes, work, dead letters and disks."""
    yield from _findings(status)
    busy = sum(worker.busy for worker in status.workers)
    slots = sum(worker.slots for worker in status.workers)
    letters = status.dead_letters
    about = {
        "processes": ", ".join(
            f"{process.name} {len(process.members)}" for process in status.processes
        ),
        "work": f"{busy} of {slots} slots busy, {count(len(status.workers), 'worker')}"
        if status.workers
        else None,
        "dead letters": None if letters is None else str(letters.total),
        "disk": ", ".join(f"{at.what} {_size(at.used)}" for at in status.disk)
        + (f"; {_size(min(at.free for at in status.disk))} free" if status.disk else ""),
    }
    yield ""
    yield pairs(about)
    yield from _unconfined(status)


def parts(status: Status) -> Iterator[RenderableType]:
    """Yield the parts to print in order; unknown ones are left out."""
    yield from _findings(status)
    yield from _about_kafka(status)
    yield from _about_processes(status)
    yield from _about_work(status)
    if status.dead_letters is not None:
        letters = status.dead_letters
        known = "" if letters.open is None else f", {letters.open} of the newest are open"
        yield f"\nDead letters: {letters.total}{known}"
    if status.disk:
        lines = [(at.what, _size(at.used), _size(at.free), at.path) for at in status.disk]
        yield "\nDisk"
        yield rows(("folder", "used", "free", "where"), lines)


def _findings(status: Status) -> Iterator[RenderableType]:
    yield f"Status at {when(status.time)}, told by {status.told_by}"
    if status.findings:
        yield f"{count(len(status.findings), 'finding')}:"
        for finding in status.findings:
            yield f"  ! {finding.kind}: {finding.detail} {finding.advice}".rstrip()
    else:
        yield "Nothing needs attention."


def _about_kafka(status: Status) -> Iterator[RenderableType]:
    """Yield brokers and topics."""
    if status.brokers:
        lines = [(b.id, f"{b.host}:{b.port}", b.controller) for b in status.brokers]
        yield "\nBrokers"
        yield rows(("id", "address", "controller"), lines)
    if status.topics:
        heads = ("topic", "partitions", "copies", "too few", "no leader", "records", "on disk")
        yield "\nTopics"
        yield rows(
            heads,
            [
                (
                    topic.name,
                    topic.partitions,
                    topic.replication,
                    topic.under_replicated,
                    topic.leaderless,
                    topic.records,
                    None if topic.bytes is None else _size(topic.bytes),
                )
                for topic in status.topics
            ],
            leave=("copies", "partitions"),
        )


def _about_processes(status: Status) -> Iterator[RenderableType]:
    """Yield processes, their lag, and the deciders of partitions."""
    if status.processes:
        yield "\nProcesses"
        heads = ("type", "running", "reads", "behind", "oldest waits")
        yield rows(heads, [_line_of(process) for process in status.processes])
    if status.terms:
        yield "\nDeciders"
        lines = [(term.partition, term.term, term.holder or None) for term in status.terms]
        yield rows(("partition", "term", "held by"), lines)
    if status.chain:
        yield "\nChain"
        heads = ("partition", "events", "signed", "newest waits", "broken at")
        yield rows(heads, [_chain_line(one) for one in status.chain])


def _chain_line(one: ChainState) -> tuple[object, ...]:
    waiting = None if one.waiting is None else f"{one.waiting:.0f} s"
    return (one.partition, one.events, one.signed and when(one.signed), waiting, one.broken)


def _line_of(process: Process) -> tuple[object, ...]:
    lagging = {p: many for p, many in process.behind.items() if many}
    where = ", ".join(f"{many} on {p}" for p, many in lagging.items())
    names = ", ".join(member.name for member in process.members)
    waiting = None if process.waiting is None else f"{process.waiting:.1f} s"
    return (process.name, names or "nobody", process.topic, where or "0", waiting)


def _about_work(status: Status) -> Iterator[RenderableType]:
    if not status.workers:
        return
    yield "\nWorkers"
    heads = ("worker", "host", "kinds", "busy", "heard", "runs")
    yield rows(heads, [_worker_line(one) for one in status.workers], leave=("kinds", "heard"))
    for worker in status.workers:
        yield f"{worker.worker} has {text_of(worker.labels) or 'no labels'}"
    yield from _unconfined(status)


def _unconfined(status: Status) -> Iterator[str]:
    """Yield the protections that a worker's system lacks."""
    for host, what in sorted({(one.host, one.unconfined) for one in status.workers}):
        if what:
            yield f"On {host} the system does not keep runs from: {', '.join(what)}"


def _worker_line(worker: WorkerState) -> tuple[object, ...]:
    """Return a worker as a line."""
    runs = ", ".join(
        f"{run.kind} {short(run.run)} ({run.phase}, attempt {run.attempt}, since {when(run.since)})"
        for run in worker.runs
    )
    return (
        worker.worker,
        f"{worker.host} ({worker.pid})",
        "all" if {*worker.kinds} == {*OF_WORKERS} else ", ".join(worker.kinds),
        f"{worker.busy} of {worker.slots}",
        f"{worker.silent:.1f} s ago",
        runs or None,
    )


def _size(many: int) -> str:
    """Format a number of bytes."""
    amount, unit = float(many), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
