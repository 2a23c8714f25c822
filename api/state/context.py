"""The components of one API process, and the order of their start and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autolearn.api.commands.answer_waiters import AnswerWaiters
from autolearn.api.commands.command_bus import Commands
from autolearn.api.identity.oidc import Provider
from autolearn.api.identity.passwords import Passwords
from autolearn.api.identity.principal import Authenticate, by_token
from autolearn.api.limits.disk_room import Uploads
from autolearn.api.limits.executors import Executors
from autolearn.api.limits.login_attempts import Logins
from autolearn.api.limits.quotas import Taken
from autolearn.api.limits.request_rate import Paces
from autolearn.api.state.audit_producer import AuditProducer
from autolearn.api.state.audit_trail import AuditTrailReader, Recent
from autolearn.api.state.dead_letters import DeadLetters
from autolearn.api.state.event_tail import EventTail
from autolearn.api.state.instruments import ApiInstruments, pressing
from autolearn.api.state.live_rebuild import Rebuilding
from autolearn.api.state.log_reader import LogReader
from autolearn.api.state.prediction_hours import PredictionHours
from autolearn.api.state.request_counts import Waiting
from autolearn.api.state.staleness import Staleness
from autolearn.api.state.system_status import SystemStatus
from autolearn.api.state.worker_heartbeats import Heartbeats
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.consumers.record_lookup import RecordLookup
from autolearn.eventlog.encryption.session_cipher import SessionCipher
from autolearn.eventlog.kafka.broker_health import Brokers
from autolearn.eventlog.kafka.cluster import Cluster
from autolearn.eventlog.log import Log
from autolearn.operations.status.inspector import StatusInspector
from autolearn.projections.queries.queries import ReadModelQueries
from autolearn.projections.read_models import ReadModels
from autolearn.projections.storage.store import Store
from autolearn.runtime.home import emptied
from autolearn.runtime.meter import Meter
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics
from autolearn.schemas.values import SessionId
from autolearn.security.wire_keys import WireKeys


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The ports and components of one process. Routers have it; a component has only what it uses.

    The process begins with `reader.start`, and ends with `lifetime`, which stops every member
    before those that it was made from.
    """

    settings: Settings
    topics: Topics
    log: Log
    artifacts: ArtifactStore
    vault: SessionCipher
    wire_keys: WireKeys
    queries: ReadModelQueries
    lookup: RecordLookup
    executors: Executors
    arrivals: AnswerWaiters
    brokers: Brokers
    reader: LogReader
    commands: Commands
    tail: EventTail
    heartbeats: Heartbeats
    dead_letters: DeadLetters
    inspection: SystemStatus
    rebuilding: Rebuilding
    measures: ApiInstruments
    staleness: Staleness
    audit: AuditProducer
    trail: AuditTrailReader
    hours: PredictionHours
    authenticate: Authenticate
    passwords: Passwords
    logins: Logins
    paces: Paces
    taken: Taken
    waiting: Waiting
    uploads: Uploads
    scratch: Path
    lifetime: AsyncExitStack


def make_context(
    settings: Settings,
    to: Log,
    store: Store,
    artifacts: ArtifactStore,
    home: Path,
    on_failure: Callable[[], None],
    cluster: Cluster | None = None,
    audit_log: Log | None = None,
    wire_keys: Path | None = None,
    vault: SessionCipher | None = None,
    kind: str = "api",
    models: type[ReadModels] = ReadModels,
) -> ApiContext:
    """Make the components of a process, which then owns the logs, the store and the cipher.

    `home` is the folder of the process; `on_failure` is called when it must end. Without a
    `cluster` the status has less. `audit_log` is a second connection to the log, for the behaviour
    log. `wire_keys` is the folder of the keys to which clients seal requests. `kind` is the type of
    the process, `models` the read models that it folds.
    """
    lifetime, topics, vault = AsyncExitStack(), Topics.of(settings), vault or SessionCipher()
    audit_log = audit_log or to

    def at_end(close: Callable[[], object]) -> None:
        lifetime.push_async_callback(asyncio.to_thread, close)

    queries = ReadModelQueries(store, vault.open_kept)
    at_end(lambda: queries.store.close())  # by then another one may be served
    for one in {to, audit_log}:
        at_end(one.close)
    at_end(vault.stop)
    vault.shredded = partial(_is_shredded, queries)
    scratch = emptied(home / "scratch")
    artifacts.clear_incoming()
    lookup = RecordLookup(to, topics.events.name)
    at_end(lookup.close)
    dead_letters = DeadLetters(to, topics.dead_letters.name, queries)
    at_end(dead_letters.close)
    looking = None if cluster is None else StatusInspector(cluster, to, settings)
    if looking is not None:
        at_end(looking.close)
    executors, identity = Executors(settings.limits), settings.identity
    at_end(executors.close)

    meter = Meter("api")  # a process that serves models has the same instruments
    arrivals = AnswerWaiters(partial(_observe_answer, meter))
    brokers = Brokers(to, topics.events.name)
    lifetime.callback(brokers.stop)
    reader = LogReader(
        to, topics, queries, vault, arrivals, brokers, executors.brokers, on_failure, models=models
    )
    lifetime.push_async_callback(reader.stop)
    reader.opened.append(brokers.start)
    heartbeats = Heartbeats(to, topics.workers.name, vault)
    at_end(heartbeats.stop)
    is_api = kind == "api"
    if is_api:
        reader.opened.append(heartbeats.start)

    recent = Recent(settings.observability.audit_memory)
    audit = AuditProducer(audit_log, topics.audit.name, settings, meter, recent.add, kind)
    lifetime.callback(audit.close)
    waiting = Waiting(settings.limits.max_waiting, settings.limits.max_pending)
    trail = AuditTrailReader(
        audit_log,
        topics,
        reader,
        executors.operators,
        home / "audit",
        recent,
        audit.instance,
        lambda: waiting.busy,
    )
    lifetime.push_async_callback(trail.stop)
    if audit.on:
        reader.opened += [audit.open, trail.start] if is_api else [audit.open]

    hours = PredictionHours(to, topics, reader, home / "hours")
    lifetime.push_async_callback(hours.stop)
    if is_api:
        reader.opened.append(hours.start)

    tail = EventTail(to, reader, arrivals, executors.tail, settings.limits.max_followers)
    lifetime.push_async_callback(tail.stop)
    rebuilding = Rebuilding(to, reader, home)
    lifetime.push_async_callback(rebuilding.stop)
    commands = Commands(
        to,
        topics.commands.name,
        queries,
        arrivals,
        settings=settings,
        available=lambda: brokers.answer,
        vault=vault,
    )
    staleness = Staleness(brokers, reader.holds)
    measures = ApiInstruments(meter, reader, tail)
    meter.watch(partial(pressing, waiting, commands, staleness))
    reader.preparing.append(measures.runs.begin)
    reader.taken.append(measures.taken)
    lifetime.callback(reader.stopped.set)  # first of all: what is not open yet is not opened
    return ApiContext(
        settings=settings,
        topics=topics,
        log=to,
        artifacts=artifacts,
        vault=vault,
        wire_keys=WireKeys(wire_keys or home / "keys"),
        queries=queries,
        lookup=lookup,
        executors=executors,
        arrivals=arrivals,
        brokers=brokers,
        reader=reader,
        commands=commands,
        tail=tail,
        heartbeats=heartbeats,
        dead_letters=dead_letters,
        inspection=SystemStatus(
            settings,
            reader,
            heartbeats,
            dead_letters,
            executors.operators,
            looking,
            lambda: dict(measures.runs.waiting),
        ),
        rebuilding=rebuilding,
        measures=measures,
        staleness=staleness,
        audit=audit,
        trail=trail,
        hours=hours,
        authenticate=Provider(identity).authenticate if identity.auth == "oidc" else by_token,
        passwords=Passwords(executors.passwords),
        logins=Logins(),
        paces=Paces(quota="requests" if is_api else "predictions"),
        taken=Taken(),
        waiting=waiting,
        uploads=Uploads(settings.limits, [scratch, *artifacts.folders_on_disk()]),
        scratch=scratch,
        lifetime=lifetime,
    )


def _is_shredded(queries: ReadModelQueries, name: str) -> bool:
    """Return whether a session, or dataset/<name>, has an end that shreds its key."""
    kind, _, identifier = name.rpartition("/")
    if kind == "pipeline":
        applied = queries.latest().pipelines.stored(identifier)
        return applied is not None and applied.deleted != ""
    if kind:
        row = queries.latest().catalog.dataset_owner(identifier)
        return row is not None and row.deleted != ""
    ended = queries.latest().sessions.ended(SessionId(name))
    return ended is not None and ended.how != "committed"


def _observe_answer(meter: Meter, answer: str, seconds: float) -> None:
    meter.observe("autolearn_command_duration_seconds", seconds, answer)
