"""Shreds the keys of ended sessions, datasets and models, and deletes their artifacts.

The ended ones are folded from `events`, their keys from `keys`: while there is a key of a session
that was discarded, expired or deleted, it is shredded. So it is done at least once, whatever ended
in between, also for a key that comes late. The key goes first: nobody can read the artifacts
without it. Their folders are remembered until they are deleted, which may take as long as the
artifact store is away. Unused sessions get a proposal to expire.
"""

from __future__ import annotations

import math
import re
import time
from typing import NamedTuple

import structlog

from autolearn.agents.command_client import CommandClient, command_id
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.encryption.keyring import KeyRing, session_of
from autolearn.projections.work.session_retention import Draft, SessionRetention, since_1970, whose
from autolearn.runtime.meter import Meter
from autolearn.runtime.timestamps import text
from autolearn.schemas.codec import EventRecord
from autolearn.schemas.commands import ExpireSession, ProposeExpiry
from autolearn.schemas.errors import LogError
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.topics import Topics

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_REPEAT = 60.0
"""Seconds after which a proposal to an unexpired session is repeated."""
ROUND = 100
"""Folders that are deleted in one go."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0
"""Seconds after which a failed deletion of a folder is tried again: doubled each time."""
MOST_FAILING = 1000
"""Folders that may fail at a time: with so many, the store fails, and others wait."""
OVERDUE = 600.0
"""Seconds for which a folder may fail, before it needs attention."""
logger = structlog.get_logger(__name__)


class _Failing(NamedTuple):
    """A folder that could not be deleted: since when, and the time and pause of the next try."""

    since: float
    again: float
    pause: float


class KeyShredder:
    """Shreds and expires; no master key is needed for that.

    Of several such processes one acts at a time; two would do no harm. `grace` is for how many
    seconds a session is expiring before it is gone.
    """

    def __init__(
        self,
        commands: CommandClient,
        topics: Topics,
        drafts: SessionRetention,
        ring: KeyRing,
        artifacts: ArtifactStore,
        meter: Meter,
        grace: float = _REPEAT,
        prediction_days: float = 400.0,
    ) -> None:
        self.commands, self.drafts, self.ring, self.grace = commands, drafts, ring, grace
        self.artifacts, self.meter = artifacts, meter
        self.prediction_days = prediction_days
        self.segment = int(topics.keys.config["segment.ms"]) / 1000
        self.expiring: dict[str, Draft] = {}
        self.asked: dict[str, float] = {}
        self.lost: dict[str, float] = {}
        """Sessions of which nothing is kept, and a key may be there; since when that is known."""
        self.failing: dict[bytes, _Failing] = {}
        self.next = b""
        """Where the next round over the folders to delete goes on."""
        # For keys that were shredded before the start.
        self.rolls = [0.0, time.monotonic() + self.segment + 1]
        ring.on_key, ring.on_master = self.on_key, self._roll_later

    def begin(self) -> None:
        """Check the sessions that have a key, or may expire, once all is folded and read."""
        for session in {_owner(session_of(keyid)) for keyid in self.ring.all()}:
            self.note(session)
        for session in self.drafts.unkept():
            self.note(session)

    def on_key(self, keyid: str) -> None:
        """Check a key that is on the log: its session may have ended before it came."""
        name = session_of(keyid)
        draft = self.drafts.get(_owner(name))
        if draft is not None and draft.lost:
            self.lost.setdefault(name, time.monotonic())

    def _roll_later(self) -> None:
        """Schedule compaction of the topic's present records: a tombstone, or other wrappings.

        A segment is closed by the first append after its time.
        """
        self.rolls += [time.monotonic() + self.segment * times + 1 for times in (1, 2)]

    def on_events(self, records: list[EventRecord]) -> None:
        """Check the sessions of these events."""
        for record in records:
            session = whose(record.subject)
            if session is not None:
                self.note(session)

    def note(self, session: str) -> None:
        """Check the present state of a session."""
        draft = self.drafts.get(session)
        self.expiring.pop(session, None)
        if draft is None:
            return
        if draft.lost:
            for name in (session, *self._months_of(session)):
                self.lost.setdefault(name, time.monotonic())
        elif draft.expires and not draft.ended:
            self.expiring[session] = draft

    def overdue(self, now: float, within: float) -> tuple[int, int]:
        """Count the overdue sessions with keys, and the folders that stay."""
        keys = sum(now - since > within for since in list(self.lost.values()))
        return keys, sum(now - one.since > OVERDUE for one in list(self.failing.values()))

    def expire(self, now: float) -> None:
        """Propose that unused sessions expire, and end those whose time has come.

        `now` is in milliseconds since 1970.
        """
        for session, draft in self.expiring.items():
            since, wanted = (draft.expiring, 0) if draft.expiring else (draft.used, draft.expires)
            old = (now - since_1970(since, now)) / 1000
            if old < wanted or draft.active or now < self.asked.get(session, 0.0):
                continue
            self.asked[session] = now + min(_REPEAT, self.grace) * 1000
            command: ExpireSession | ProposeExpiry
            if draft.expiring:
                command = ExpireSession(draft.runs, text(int(now)))
            else:
                command = ProposeExpiry(draft.runs, text(int(now + self.grace * 1000)))
            name = stream("session", session)
            self.commands.post(name, command, command_id(name, command))
            logger.info("a session is not used", session=session, since=draft.used)
        self.asked = {session: at for session, at in self.asked.items() if at > now}

    def _months_of(self, model: str) -> list[str]:
        """Return the months of which there is a key of a model's predictions."""
        if not model.startswith("model/"):
            return []
        return [name for name in self.ring.owners() if name.startswith(f"{model}/")]

    def end_months(self, now: float) -> None:
        """Have the keys of predictions shredded whose time is over; `now` is in milliseconds."""
        for name in self.ring.owners():
            month = name.removeprefix(_owner(name))[1:]
            model = self.drafts.get(_owner(name)) if month else None
            days = min((model and model.days) or math.inf, self.prediction_days)
            if month and now > _end_of(month) + days * 86_400_000:
                self.lost.setdefault(name, time.monotonic())

    def shred_keys(self) -> None:
        """Shred the keys of all ended sessions, and close due segments (blocks).

        Failures are tried again the next time.
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
        """Shred a session's keys until none is left.

        Raises:
            LogError: Kafka does not acknowledge it.
        """
        keys = self.ring.of_session(session)
        for keyid in keys:
            self.ring.shred(keyid)
            self._roll_later()
            self.meter.count("autolearn_shredded_keys_total")
            logger.info("a key was shredded", session=session)
        if not keys:
            since = self.lost.pop(session)
            if self.ring.of_session(session):  # it came in between: `on_key` was too early
                self.lost[session] = since

    def delete_folders(self, now: float) -> None:
        """Delete some of the artifacts of ended sessions (blocks, as long as the store does).

        A folder that cannot be deleted is tried again after longer and longer pauses, and delays no
        other; when very many cannot, nothing else is tried before they are.
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
        """Delete a folder; return whether it is gone."""
        try:
            dataset = at.startswith(b"doomed\0dataset/")
            gone = self.artifacts.delete_blob if dataset else self.artifacts.delete_folder
            if gone(folder):
                logger.info("an artifact was deleted", folder=folder)
        except Exception as error:  # noqa: BLE001 - each kind of store has errors of its own
            since, _, pause = self.failing.get(at, _Failing(now, 0.0, FIRST_PAUSE / 2))
            pause = min(2 * pause, LONGEST_PAUSE)
            self.failing[at] = _Failing(since, now + pause, pause)
            logger.warning("a model is not deleted yet", folder=folder, why=str(error))
            return False
        self.failing.pop(at, None)
        return True


def _owner(name: str) -> str:
    """Return the session, dataset or model to which the owner of a key belongs."""
    return "/".join(name.split("/")[:2])


def _end_of(month: str) -> float:
    """Return the end of a month (2026-11) in milliseconds since 1970; infinity for others."""
    if not _MONTH.fullmatch(month):
        return math.inf
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    return since_1970(f"{year:04}-{number + 1:02}-01T00:00:00Z", math.inf)
