"""Shredding: the keys of sessions that are not kept, and what lies in the artifact store for them.

What is to be shredded is folded from `events`, and what is there to be shredded from `keys`: as
long as there is a key of a session that was discarded, expired or deleted, it is shredded. So it is
done at least once, whatever ended in between, also for a key that comes late. The key goes first:
nobody can read the models without it. Their folders are remembered until they are deleted, which
may take as long as the artifact store is away. Sessions that are not used are asked to expire.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import structlog
from msgspec import Struct
from msgspec.structs import replace

from autolearn.agents.posting import post
from autolearn.agents.referrers import reference_of
from autolearn.artifacts.store import ArtifactStore
from autolearn.eventlog.admission import Progress
from autolearn.eventlog.keyring import KeyRing, session_of
from autolearn.eventlog.log import Log
from autolearn.eventlog.meter import Meter
from autolearn.eventlog.times import millis, text
from autolearn.projections.rows import Rows
from autolearn.projections.store import Store, key, prefix_of
from autolearn.schemas import events
from autolearn.schemas.actors import SUPERVISE
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.commands import ExpireSession, ProposeExpiry
from autolearn.schemas.confidential import outline_of
from autolearn.schemas.errors import LogError
from autolearn.schemas.streams import stream
from autolearn.schemas.topics import Topics

__all__ = ["Drafts", "Shredding"]

REPEAT = 60.0
"""Seconds after which a session that has not expired is asked again to."""
ROUND = 100
"""Folders that are deleted in one go."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0
"""Seconds after which a folder that could not be deleted is tried again: doubled each time."""
MOST_FAILING = 1000
"""Folders that may fail at a time: with so many, it is the store that fails, and others wait."""
OVERDUE = 600.0
"""Seconds for which a folder may fail, before somebody should look."""
logger = structlog.get_logger(__name__)

UNCHANGED = events.Refused | events.CommandFailed | events.CommandQuarantined
"""What a session is not used by: nothing came of the command."""


class Draft(Struct, frozen=True, omit_defaults=True):
    """A session as far as shredding knows it: nothing here is confidential.

    `used` is the time of its newest event that was no refusal; `runs` counts its runs and `active`
    those that have not ended; `ended` is how it ended. `expiring` is when it may expire, if that
    was said and it was not used since.
    """

    used: str
    expires: int = 0
    runs: int = 0
    active: int = 0
    expiring: str = ""
    ended: str = ""

    @property
    def lost(self) -> bool:
        """Whether nothing of it is kept."""
        return self.ended not in ("", "committed")


class Mark(Struct, frozen=True):
    """That something is so: a key that says it all.

    `referrer`: that content of the artifact store is a session's or a dataset's; `doomed`: such
    content that is encrypted with its key, to be deleted; `unkept`: an open session that may
    expire.
    """


class Referred(Struct, frozen=True):
    """Content of the artifact store that a session or a dataset refers to.

    `kind` is its folder there; what is `sealed` is encrypted, and nobody else's.
    """

    kind: str
    sealed: bool


class Drafts:
    """Folds events into what may have to be shredded (`eventlog.follower.Projection`)."""

    def __init__(self, store: Store) -> None:
        self.rows = Rows(store)
        self.lock = threading.Lock()
        """Held while the store is written."""

    def get(self, session: str) -> Draft | None:
        """Return a session."""
        return self.rows.get(key("draft", session), Draft)

    def unkept(self) -> list[str]:
        """Return the open sessions that expire when they are not used."""
        return [named(at) for at, _ in self.rows.store.scan(prefix_of("unkept"))]

    def doomed(self, after: bytes) -> Iterator[tuple[bytes, str]]:
        """Yield the stored folders to delete, with the keys of their rows, past such a key."""
        for at, _ in self.rows.store.scan(prefix_of("doomed"), after=after):
            yield at, named(at)

    def forget(self, done: Iterable[bytes]) -> None:
        """Forget folders that are deleted, by the keys of their rows."""
        with self.lock:
            self.rows.store.write(dict.fromkeys(done))

    def fold(self, record: EventRecord, _: int, __: int, /) -> None:
        """Take one admitted event in."""
        session = whose(record.subject)
        if session is None:
            return
        at, event = key("draft", session), outline_of(record)
        if (found := reference_of(event)) is not None:
            self.rows.put(
                key("referred", session, found.digest), Referred(found.kind, found.sealed)
            )
            self.rows.put(key("referrer", found.kind, found.digest, session), Mark())
        if isinstance(event, events.DatasetRegistered):
            if self.rows.get(at, Draft) is None:
                self.rows.put(at, Draft(record.time))
            return
        if isinstance(event, events.SessionOpened):
            self.rows.put(at, Draft(record.time, event.expires))
            if event.expires:
                self.rows.put(key("unkept", session), Mark())
            return
        draft = self.rows.get(at, Draft)
        if draft is None or isinstance(event, UNCHANGED):
            return
        now = after(draft, event, record.time)
        self.rows.put(at, now)
        if now.ended and not draft.ended and draft.expires:
            self.rows.delete(key("unkept", session))
        if now.lost and not draft.lost:
            for at in self.rows.names(prefix_of("referred", session)):
                row = self.rows.get(at, Referred)
                assert row is not None, "it is there by its name"
                self.rows.delete(at)
                self.rows.delete(key("referrer", row.kind, named(at), session))
                if row.sealed:
                    self.rows.put_once(key("doomed", session, named(at)), Mark())

    def refers(self, kind: str, digest: str) -> bool:
        """Say whether something that is kept refers to content, as far as is stored."""
        return (
            next(iter(self.rows.store.scan(prefix_of("referrer", kind, digest))), None) is not None
        )

    def commit(self, progress: Mapping[int, Progress]) -> None:
        """Write what was folded and how far that is, both or neither."""
        with self.lock:
            self.rows.commit(progress)

    def progress(self) -> Mapping[int, Progress]:
        """Return how far the stored content has come, per partition."""
        return self.rows.progress()

    def reset(self) -> None:
        """Delete everything."""
        self.rows.reset()


def whose(stream: str) -> str | None:
    """Return whose keys the events of a stream are about, as `session_of` has it; or None."""
    kind, _, name = stream.partition("/")
    return {"session": name, "dataset": stream}.get(kind)


def since_1970(time: str, unknown: float) -> float:
    """Return an RFC 3339 time in milliseconds since 1970; `unknown` for what is none."""
    try:
        return millis(time)
    except ValueError:  # whoever writes commands by hand may write anything
        return unknown


def named(at: bytes) -> str:
    """Return the last part of a row's key."""
    return at.rpartition(b"\0")[2].decode()


def after(draft: Draft, event: object, time: str) -> Draft:
    """Return a session after an event of a time."""
    if isinstance(event, events.SessionExpiring):
        return replace(draft, expiring=event.until)
    draft = replace(draft, used=time, expiring="")
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
        case events.ExperimentDeleted() | events.DatasetDeleted():
            return replace(draft, ended="deleted")
    return draft


class Failing(NamedTuple):
    """A folder that could not be deleted: since when, and when it is tried again, after a pause."""

    since: float
    again: float
    pause: float


class Shredding:
    """Shreds and expires; no master key is needed for that.

    Of several such processes one looks at a time; that two do so would do no harm. `grace` is for
    how many seconds a session is expiring before it is gone.
    """

    def __init__(
        self,
        log: Log,
        topics: Topics,
        drafts: Drafts,
        ring: KeyRing,
        artifacts: ArtifactStore,
        meter: Meter,
        grace: float = REPEAT,
    ) -> None:
        self.log, self.topics, self.drafts, self.ring = log, topics, drafts, ring
        self.grace = grace
        self.artifacts, self.meter = artifacts, meter
        self.segment = int(topics.keys.config["segment.ms"]) / 1000
        self.expiring: dict[str, Draft] = {}
        self.asked: dict[str, float] = {}
        self.lost: dict[str, float] = {}
        """Sessions of which nothing is kept, and a key may be there; since when that is known."""
        self.failing: dict[bytes, Failing] = {}
        self.next = b""
        """Where the next round over the folders to delete goes on."""
        # For what was shredded before the start.
        self.rolls = [0.0, time.monotonic() + self.segment + 1]
        ring.on_key, ring.on_master = self.on_key, self.roll_later

    def begin(self) -> None:
        """Look at the sessions that have a key, or may expire, once all is folded and read."""
        for session in {session_of(keyid) for keyid in self.ring.all()}:
            self.note(session)
        for session in self.drafts.unkept():
            self.note(session)

    def on_key(self, keyid: str) -> None:
        """Look at a key that is on the log: its session may have ended before it came."""
        draft = self.drafts.get(session_of(keyid))
        if draft is not None and draft.lost:
            self.lost.setdefault(session_of(keyid), time.monotonic())

    def roll_later(self) -> None:
        """See to it that what is on the topic now is compacted: a tombstone, or other wrappings.

        A segment is closed by the first append after its time.
        """
        self.rolls += [time.monotonic() + self.segment * times + 1 for times in (1, 2)]

    def on_events(self, records: list[EventRecord]) -> None:
        """Look at the sessions that events are about."""
        for record in records:
            session = whose(record.subject)
            if session is not None:
                self.note(session)

    def note(self, session: str) -> None:
        """Look at a session as it stands now."""
        draft = self.drafts.get(session)
        self.expiring.pop(session, None)
        if draft is None:
            return
        if draft.lost:
            self.lost.setdefault(session, time.monotonic())
        elif draft.expires and not draft.ended:
            self.expiring[session] = draft

    def overdue(self, now: float, within: float) -> tuple[int, int]:
        """Count the sessions whose keys should be shredded by now, and the folders that stay."""
        keys = sum(now - since > within for since in list(self.lost.values()))
        return keys, sum(now - one.since > OVERDUE for one in list(self.failing.values()))

    def expire(self, now: float) -> None:
        """Say of sessions that are not used that they expire, and have those end that do.

        `now` is in milliseconds since 1970.
        """
        for session, draft in self.expiring.items():
            since, wanted = (draft.expiring, 0) if draft.expiring else (draft.used, draft.expires)
            old = (now - since_1970(since, now)) / 1000
            if old < wanted or draft.active or now < self.asked.get(session, 0.0):
                continue
            self.asked[session] = now + min(REPEAT, self.grace) * 1000
            command: ExpireSession | ProposeExpiry
            if draft.expiring:
                command = ExpireSession(draft.runs, text(int(now)))
            else:
                command = ProposeExpiry(draft.runs, text(int(now + self.grace * 1000)))
            name = stream("session", session)
            identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {command}"))
            post(self.log, self.topics, name, command, identity, SUPERVISE)
            logger.info("a session is not used", session=session, since=draft.used)
        self.asked = {session: at for session, at in self.asked.items() if at > now}

    def shred_keys(self) -> None:
        """Shred the keys of all that is not kept, and close segments that are due (blocks).

        What does not succeed is done the next time.
        """
        try:
            for session in list(self.lost):
                self.shred(session)
            now = time.monotonic()
            if due := [at for at in self.rolls if at <= now]:
                self.ring.roll()
                for at in due:  # one by one: the ring's thread may add some meanwhile
                    self.rolls.remove(at)
        except LogError as error:
            logger.warning("nothing can be shredded now", why=error.detail)

    def shred(self, session: str) -> None:
        """Shred a session's keys; it is done when none is left.

        Raises:
            LogError: Kafka does not take it.
        """
        keys = self.ring.of_session(session)
        for keyid in keys:
            self.ring.shred(keyid)
            self.roll_later()
            self.meter.count("autolearn_shredded_keys_total")
            logger.info("a key was shredded", session=session)
        if not keys:
            since = self.lost.pop(session)
            if self.ring.of_session(session):  # it came in between: `on_key` was too early
                self.lost[session] = since

    def delete_folders(self, now: float) -> None:
        """Delete some of the models that are not kept (blocks, as long as the store does).

        A folder that cannot be deleted is tried again after longer and longer pauses, and holds up
        no other; when very many cannot, nothing else is tried before they are.
        """
        done, looked = [], 0
        for at, folder in self.drafts.doomed(self.next):
            self.next, looked = at, looked + 1
            failing = self.failing.get(at)
            if failing is None and len(self.failing) >= MOST_FAILING:
                continue
            tried = failing is None or failing.again <= now
            if tried and self.delete(at, folder, now):
                done.append(at)
            if looked >= ROUND:
                break
        else:
            self.next = b""
        if done:
            self.drafts.forget(done)

    def delete(self, at: bytes, folder: str, now: float) -> bool:
        """Delete a folder; say whether it is gone."""
        try:
            dataset = at.startswith(b"doomed\0dataset/")
            gone = self.artifacts.delete_blob if dataset else self.artifacts.delete_folder
            if gone(folder):
                logger.info("an artifact was deleted", folder=folder)
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            since, _, pause = self.failing.get(at, Failing(now, 0.0, FIRST_PAUSE / 2))
            pause = min(2 * pause, LONGEST_PAUSE)
            self.failing[at] = Failing(since, now + pause, pause)
            logger.warning("a model is not deleted yet", folder=folder, why=str(error))
            return False
        self.failing.pop(at, None)
        return True
