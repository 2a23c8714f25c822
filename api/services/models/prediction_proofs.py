"""Makes the proof of a prediction: its record, and the events that lead to the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
from fastapi import APIRouter
from msgspec import UNSET
from msgspec.structs import replace
from starlette.responses import Response

from autolearn.api.commands.responses import json
from autolearn.api.http.openapi import answers
from autolearn.api.http.problems import Problem
from autolearn.api.identity.principal import Principal, Who
from autolearn.api.identity.visibility import Level, Visibility, model_access
from autolearn.api.services.models.erased_requests import ErasedRequests
from autolearn.api.services.models.prediction_records import clear_content
from autolearn.api.shared.models.checks import require_model
from autolearn.api.shared.predictions.request_times import request_times
from autolearn.api.state.context import ApiContext
from autolearn.eventlog.consumers.event_pages import FoundEvent, places_of
from autolearn.eventlog.log import Record
from autolearn.eventlog.read import read_between
from autolearn.operations.chain.prediction_check import check_prediction
from autolearn.operations.chain.proof import ProofRefused, Wanted, prove
from autolearn.operations.chain.sources import LogSource
from autolearn.operations.chain.version_choice import SKEW, ModelEvent, explain
from autolearn.projections.time_travel.stream_history import lies, read_stream
from autolearn.runtime.home import home_of
from autolearn.runtime.timestamps import millis, now, text
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of, from_json
from autolearn.schemas.confidentiality import outline_of
from autolearn.schemas.messages import Event
from autolearn.schemas.records.checkpoint import Proof
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord
from autolearn.schemas.records.prediction_proof import (
    STATEMENT_TYPE,
    PredictionProof,
    PredictionStatement,
)
from autolearn.schemas.stream_kinds import stream
from autolearn.schemas.values import StreamId
from autolearn.security.data_key import Unreadable
from autolearn.security.signing_keys import SignatureRefused, SigningKey, key_path

_MOST_RECORDS = 2_000_000
"""Records of the minutes around a request that are looked at."""
_MOST_EVENTS = 60
"""Events of a model in one proof."""
_BEFORE, _BEHIND = 20, 500
"""Checkpoints before and after an event's time among which those around it are."""


def add_proof_route(routes: APIRouter, context: ApiContext) -> None:
    """Add the route of the proof of a prediction."""

    @routes.get(
        "/{model}/prediction-log/{request_id}/proof", responses=answers({200: PredictionProof})
    )
    async def prove_prediction(model: str, request_id: str, who: Who) -> Response:
        """Prove an answer: its record, and the signed events that lead from it to the data.

        Those who may promote have a proof of any answer, others of what they asked themselves.
        `autolearn replay check-proof` checks the file without a log.
        """
        await require_model(context, who, model, Level.PREDICT)
        request_times(request_id)
        context.reader.require_brokers()
        return json(await context.executors.log.run(_Maker(context, who, model, request_id).proof))


class _Told(NamedTuple):
    """An event at its place, with its data as far as the principal may read them."""

    partition: int
    offset: int
    record: EventRecord
    event: Event
    data: msgspec.Raw | None


class _Around(LogSource):
    """The log, with only the checkpoints around the time of an event."""

    def __init__(self, log: LogSource, partition: int, at: int) -> None:
        self.log, self.events, self.checkpoints = log.log, log.events, log.checkpoints
        self.written = log.written
        begin, end = log.signed.get(partition, (0, 0))
        self.signed = {partition: (max(begin, at - _BEFORE), min(end, at + _BEHIND))}


class _Maker:
    """Makes one proof. All of it blocks."""

    def __init__(self, context: ApiContext, who: Principal, model: str, request: str) -> None:
        self.context, self.who, self.model, self.request = context, who, model, request
        self.sight = Visibility(who, context.queries)
        self.withheld: dict[str, str] = {}

    def proof(self) -> PredictionProof:
        """Return the proof.

        Raises:
            Problem: there is no such request for the principal (404), its content is gone (410), or
            an event of it is not signed for yet, or there is no signing key (409).
            LogError: the log cannot be read.
        """
        found, record, content = self._record()
        told, newest = self._deciding(record, content)
        told += self._behind(told[0])
        key = self._key()
        statement = PredictionStatement(
            time=now(),
            model=self.model,
            request=self.request,
            partition=found.partition,
            offset=found.offset,
            appended=text(found.time),
            record=found.content.decode(),
            content=content,
            events=[one.record.id for one in told],
            opened={
                one.record.id: msgspec.json.decode(one.data)
                for one in told
                if one.data is not None and one.record.data_base64 is not UNSET
            },
            withheld=self.withheld,
            newest=newest,
        )
        try:
            made = PredictionProof(
                statement=key.sign(msgspec.json.encode(statement), STATEMENT_TYPE).decode(),
                events=self._proved(told, key),
            )
            check_prediction(made, key.public())
        except (ProofRefused, SignatureRefused) as error:
            words = f"{error.detail} {error.advice}".strip()
            raise Problem(409, "not-proved", error.title, words) from None
        return made

    def _record(self) -> tuple[Record, PredictionRecord, PredictionContent]:
        """Return the record of the request, and its content."""
        level, _ = model_access(self.who, self.context.queries.latest(), self.model)
        found = self._found()
        record = None
        if found is not None and found.value is not None:
            record = from_json(found.content, PredictionRecord)
        mine = record is not None and (level >= Level.WORK or record.actor == self.who.name)
        if found is None or record is None or not mine:
            detail = f"No request of yours to {self.model} has the id {self.request}."
            if level >= Level.WORK:
                detail = f"No request to {self.model} has the id {self.request}."
            raise Problem(404, "request-unknown", "There is no such request", detail)
        registry = self.context.queries.latest().models
        if ErasedRequests(registry, self.model).of(self.request) is not None:
            words = "Rows of it were erased: what is left is not the answer that was given."
            raise Problem(410, "erased", "It cannot be proved any more", words)
        try:
            clear = clear_content(record, self.context.vault)
            return found, record, msgspec.json.decode(clear, type=PredictionContent)
        except (Unreadable, msgspec.DecodeError):
            words = "The key of its month was shredded, or it was erased: nobody can read its rows."
            raise Problem(410, "unreadable", "It cannot be read any more", words) from None

    def _found(self) -> Record | None:
        log, topic = self.context.log, self.context.topics.predictions.name
        begin, end = request_times(self.request)
        begins, late, ends = (
            log.offsets_at(topic, begin),
            log.offsets_at(topic, end),
            log.ends(topic),
        )
        ends = {p: min(ends[p], late[p]) for p in begins}
        if sum(max(0, ends[p] - begins[p]) for p in begins) > _MOST_RECORDS:
            words = f"More than {_MOST_RECORDS:,} answers were given in the minutes around it."
            raise Problem(409, "too-many-records", "There are too many records", words)
        key = f"{self.model}/{self.request}".encode()
        found = read_between(log, topic, begins, ends)
        return next((one for one in found if one.key == key), None)

    def _deciding(
        self, record: PredictionRecord, content: PredictionContent
    ) -> tuple[list[_Told], int]:
        """Return the event that has registered the version, first, and those that decided.

        And the number of the newest event of the model.
        """
        told = list(self._stream(stream("model", self.model)))
        registered = [one for one in told if _registers(one.event, record.version)]
        if not registered:
            detail = f"No event of {self.model} registers the version {record.version}."
            raise Problem(409, "not-proved", "That is not proved", detail)
        why = explain([ModelEvent(one.record, one.event) for one in told], record, content)
        numbers: set[int] = set()
        if why is not None and why.deciding:
            late = millis(record.time) + SKEW
            after = [one.record.sequence for one in told if millis(one.record.time) > late]
            last = min(after, default=told[-1].record.sequence)
            numbers = {*range(min(why.deciding), last + 1)}
            if len(numbers) > _MOST_EVENTS:
                numbers = {*why.deciding, last}
        chosen = [one for one in told if one.record.sequence in numbers and one != registered[0]]
        return [registered[0], *chosen], told[-1].record.sequence

    def _behind(self, registered: _Told) -> Iterator[_Told]:
        """Yield the events of the training and of its dataset, as far as they may be read."""
        version = registered.event
        assert isinstance(version, events.VersionRegistered)
        if not version.experiment:
            return
        session = stream("session", version.experiment)
        if self.sight.level(session) < Level.READ:
            self._withhold("training", "the experiment was not shared with who asked for the file")
            self._withhold("dataset", "the experiment was not shared with who asked for the file")
            return
        yield from self._stream(session, lambda event: _is_of(event, version.training))
        if registered.data is None:
            self._withhold("dataset", "the registration of the version cannot be read")
            return
        if version.source.imported:
            return
        dataset = version.source.dataset
        if self.sight.level(stream("dataset", dataset.name)) < Level.READ:
            self._withhold("dataset", "it was deleted, or not shared with who asked for the file")
            return
        wanted = self._stream(
            stream("dataset", dataset.name),
            lambda event: (
                isinstance(event, events.DatasetRegistered)
                and dataset.content in (event.spec.stored, event.spec.version)
            ),
        )
        yield from [*wanted][:1]

    def _withhold(self, link: str, why: str) -> None:
        self.withheld[link] = f"The events of the {link} are not in the file: {why}."

    def _stream(
        self, name: StreamId, wanted: Callable[[Event], bool] = lambda _: True
    ) -> Iterator[_Told]:
        """Yield the events of a stream whose part in clear is wanted."""
        at = lies(self.context.queries.now(), name)
        partitions = dict.fromkeys(range(self.context.topics.events.partitions))
        start = places_of({}, partitions)
        while True:
            page = read_stream(
                self.context.lookup, at, start, 500, lambda event: wanted(outline_of(event))
            )
            for one in page.found:
                yield self._told(one)
            reached = page.places[at.partition].next
            if not at.offsets or reached > at.offsets[-1] or reached == start[at.partition].next:
                return
            start = page.places

    def _told(self, one: FoundEvent) -> _Told:
        place = (one.behind.partition, one.behind.next - 1)
        data: msgspec.Raw | None = None
        event = outline_of(one.record)
        said = msgspec.json.decode(self.sight.shown(one))
        if "withheld" not in said and self.sight.level(one.record.subject) >= Level.READ:
            data = msgspec.Raw(msgspec.json.encode(said["data"]))
            event = event_of(replace(one.record, data=data, data_base64=UNSET))
        return _Told(*place, one.record, event, data)

    def _key(self) -> SigningKey:
        path = key_path(self.context.settings.chain, home_of(self.context.settings))
        if not path.exists():
            words = (
                f"There is no signing key at {path}: deciders make one at their first start. "
                "AUTOLEARN_SIGNING_KEY names another file."
            )
            raise Problem(409, "no-signing-key", "There is no signing key", words)
        return SigningKey.load(path)

    def _proved(self, told: Iterable[_Told], key: SigningKey) -> list[Proof]:
        """Return the proof of each event on the chain. Raises ProofRefused, SignatureRefused."""
        source, found = LogSource(self.context.log, self.context.settings), []
        for one in told:
            at = self.context.log.offsets_at(source.checkpoints, millis(one.record.time))
            near = _Around(source, one.partition, at.get(one.partition, 0))
            found.append(prove(near, Wanted(one.partition, offset=one.offset), key.public()))
        return found


def _registers(event: Event, number: int) -> bool:
    return isinstance(event, events.VersionRegistered) and event.number == number


def _is_of(event: Event, training: str) -> bool:
    """Return whether an event is the request of a training, or its end."""
    kinds = (events.TrainingRequested, events.RunCompleted, events.TrainingImported)
    return isinstance(event, kinds) and event.run == training
