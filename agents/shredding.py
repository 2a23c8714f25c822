"""Shredding: the keys of sessions that are not kept, and what lies in the artifact store for them.

What is to be shredded is folded from `events`, and what is there to be shredded from `keys`: as
long as there is a key of a session that was discarded, expired or deleted, it is shredded. So it is
done at least once, whatever ended in between, also for a key that comes late. Sessions that are not
used any more are asked to expire.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autolearn.agents.posting import post
from autolearn.artifacts.store import ArtifactStore
from autolearn.eventlog.admission import Progress
from autolearn.eventlog.keyring import KeyRing, session_of
from autolearn.eventlog.log import Log
from autolearn.eventlog.meter import Meter
from autolearn.eventlog.times import stamp
from autolearn.projections.rows import Rows
from autolearn.projections.store import Store, key, prefix_of
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.commands import ExpireSession
from autolearn.schemas.confidential import outline_of
from autolearn.schemas.errors import AutoLearnError, LogError
from autolearn.schemas.streams import stream
from autolearn.schemas.topics import Topics

__all__ = ["Drafts", "Shredding"]

REPEAT = 60.0
"""Seconds after which a session that has not expired is asked again to."""
logger = structlog.get_logger(__name__)


class Draft(Struct, frozen=True, omit_defaults=True):
    """A session as far as shredding knows it: nothing here is confidential.

    `used` is the time of its newest event that was no refusal; `runs` counts its runs and `active`
    those that have not ended; `ended` is how it ended.
    """

    used: str
    expires: int = 0
    runs: int = 0
    active: int = 0
    ended: str = ""

    @property
    def lost(self) -> bool:
        """Whether nothing of it is kept."""
        return self.ended not in ("", "committed")


class Folder(Struct, frozen=True):
    """That a folder of the artifact store is of a session: it is encrypted with its key."""


class Drafts:
    """Folds events into what may have to be shredded (`eventlog.follower.Projection`)."""

    def __init__(self, store: Store) -> None:
        self.rows = Rows(store)

    def get(self, session: str) -> Draft | None:
        """Return a session."""
        return self.rows.get(key("draft", session), Draft)

    def all(self) -> dict[str, Draft]:
        """Return all stored sessions."""
        return {
            at.rpartition(b"\0")[2].decode(): self.rows.decoder(Draft).decode(value)  # type: ignore[misc]
            for at, value in self.rows.store.scan(prefix_of("draft"))
        }

    def folders(self, session: str) -> list[str]:
        """Return the folders of a session's models that are stored."""
        found = self.rows.store.scan(prefix_of("folder", session))
        return [at.rpartition(b"\0")[2].decode() for at, _ in found]

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Take one admitted event in."""
        if not record.subject.startswith("session/"):
            return
        session = record.subject.partition("/")[2]
        at, event = key("draft", session), outline_of(record)
        if isinstance(event, events.SessionOpened):
            self.rows.put(at, Draft(record.time, event.expires))
            return
        draft = self.rows.get(at, Draft)
        if draft is not None and not isinstance(event, events.Refused | events.CommandFailed):
            self.rows.put(at, after(replace(draft, used=record.time), event))
        if isinstance(event, events.TrainingCompleted) and event.model.stored:
            self.rows.put_once(key("folder", session, event.model.stored), Folder())

    def commit(self, progress: Mapping[int, Progress]) -> None:
        """Write what was folded and how far that is, both or neither."""
        self.rows.commit(progress)

    def progress(self) -> Mapping[int, Progress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def reset(self) -> None:
        """Delete everything."""
        self.rows.reset()


def after(draft: Draft, event: object) -> Draft:
    """Return a session after an event."""
    match event:
        case events.RunRequested():
            return replace(draft, runs=draft.runs + 1, active=draft.active + 1)
        case events.RunCompleted() | events.RunFailed() | events.RunCancelled():
            return replace(draft, active=draft.active - 1)
        case events.SessionCommitted():
            return replace(draft, ended="committed", active=0)
        case events.SessionDiscarded():
            return replace(draft, ended="discarded", active=0)
        case events.SessionExpired():
            return replace(draft, ended="expired")
        case events.ExperimentDeleted():
            return replace(draft, ended="deleted")
    return draft


class Shredding:
    """Shreds and expires, whenever it is told to `look`; no master key is needed for that.

    Of several such processes one looks at a time; that two do so would do no harm.
    """

    def __init__(
        self,
        log: Log,
        topics: Topics,
        drafts: Drafts,
        ring: KeyRing,
        artifacts: ArtifactStore,
        meter: Meter,
    ) -> None:
        self.log, self.topics, self.drafts, self.ring = log, topics, drafts, ring
        self.artifacts, self.meter = artifacts, meter
        self.segment = int(topics.keys.config["segment.ms"]) / 1000
        self.expiring: dict[str, Draft] = {}
        self.asked: dict[str, float] = {}
        self.lost: dict[str, None] = {}
        """Sessions of which nothing is kept, and a key may be there."""
        # For what was shredded before the start.
        self.rolls = [0.0, time.monotonic() + self.segment + 1]
        ring.on_key = self.on_key

    def begin(self) -> None:
        """Look at all sessions as they stand, once they are folded and the keys are read."""
        for session in self.drafts.all():
            self.note(session)

    def on_key(self, keyid: str) -> None:
        """Look at a key that is on the log: its session may have ended before it came."""
        draft = self.drafts.get(session_of(keyid))
        if draft is not None and draft.lost:
            self.lost[session_of(keyid)] = None

    def on_events(self, records: list[EventRecord]) -> None:
        """Look at the sessions that events are about."""
        for record in records:
            if record.subject.startswith("session/"):
                self.note(record.subject.partition("/")[2])

    def note(self, session: str) -> None:
        """Look at a session as it stands now."""
        draft = self.drafts.get(session)
        self.expiring.pop(session, None)
        if draft is None:
            return
        if draft.lost:
            self.lost[session] = None
        elif draft.expires and not draft.ended:
            self.expiring[session] = draft

    async def look(self) -> None:
        """Do what is to be done now. What does not succeed is tried again at the next look.

        A session whose models cannot be deleted holds up no other.
        """
        self.expire(time.time() * 1000)
        try:
            for session in list(self.lost):
                await self.shred_if_possible(session)
            now = time.monotonic()
            if any(at <= now for at in self.rolls):
                await asyncio.to_thread(self.ring.roll)
                self.rolls = [at for at in self.rolls if at > now]
        except LogError as error:
            logger.warning("nothing can be shredded now", why=error.detail)

    async def shred_if_possible(self, session: str) -> None:
        """Shred a session, or say that it is not shredded yet.

        Raises:
            LogError: Kafka does not take it.
        """
        try:
            await asyncio.to_thread(self.shred, session)
        except LogError:
            raise
        except (AutoLearnError, OSError) as error:
            logger.warning("something is not shredded yet", session=session, why=str(error))

    def expire(self, now: float) -> None:
        """Ask the sessions to expire that were not used for too long."""
        for session, draft in self.expiring.items():
            old = (now - (stamp(draft.used) or now)) / 1000
            if old < draft.expires or draft.active or now < self.asked.get(session, 0.0):
                continue
            self.asked[session] = now + REPEAT * 1000
            name = stream("session", session)
            identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"expire {name} {draft.used}"))
            post(self.log, self.topics, name, ExpireSession(draft.runs), identity, "supervise")
            logger.info("a session is not used", session=session, since=draft.used)
        self.asked = {session: at for session, at in self.asked.items() if at > now}

    def shred(self, session: str) -> None:
        """Delete a session's models, then shred its keys; until then it is tried again (blocks)."""
        keys = self.ring.of_session(session)
        for folder in self.drafts.folders(session) if keys else ():
            if self.artifacts.delete_folder(folder):
                logger.info("an artifact was deleted", session=session, folder=folder)
        for keyid in keys:
            self.ring.shred(keyid)
            # A segment is closed by the first append after its time.
            self.rolls += [time.monotonic() + self.segment * times + 1 for times in (1, 2)]
            self.meter.count("autolearn_shredded_keys_total")
            logger.info("a key was shredded", session=session)
        if not keys:
            self.lost.pop(session, None)
            if self.ring.of_session(session):  # it came in between: `on_key` was too early
                self.lost[session] = None
