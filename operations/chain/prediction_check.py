"""Checks the proof of a prediction: every link is computed again, without a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.operations.chain.proof import ProofRefused, Proved, check_proof
from autolearn.operations.chain.version_choice import (
    SKEW,
    Explanation,
    ModelEvent,
    explain,
    is_combined,
    is_named,
)
from autolearn.runtime.timestamps import millis
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, event_of, from_json
from autolearn.schemas.confidentiality import clear_part, is_confidential, outline_of
from autolearn.schemas.errors import MalformedRecord, UnknownType
from autolearn.schemas.messages import Event
from autolearn.schemas.models.promotion import GateEvidence
from autolearn.schemas.models.versions import VersionSource
from autolearn.schemas.records.prediction import PredictionRecord
from autolearn.schemas.records.prediction_proof import (
    STATEMENT_TYPE,
    PredictionProof,
    PredictionStatement,
)
from autolearn.schemas.results import artifact_of
from autolearn.security.signing_keys import PublicKeys


class ProvedEvent(NamedTuple):
    """An event that is on the chain; `event` has its data, or only what is in clear of them."""

    proved: Proved
    event: Event
    opened: bool

    @property
    def record(self) -> EventRecord:
        """Its record on the log."""
        return self.proved.event

    def __str__(self) -> str:
        record, proved = self.record, self.proved
        kind = record.type.removeprefix("autolearn.").rpartition(".v")[0]
        who = f" by {record.actor}" if record.actor else ""
        return (
            f"{kind}{who} at {record.time} (event {proved.number} of partition "
            f"{proved.checkpoint.partition}, signed for at {proved.checkpoint.time})"
        )


class ProvedPrediction(NamedTuple):
    """The content of a proof: the statement, its record, and what is proved and what is not.

    `source` is what the version comes from, None if the proof does not say it. An imported version
    may be `unexportable` as python.
    """

    statement: PredictionStatement
    record: PredictionRecord
    events: tuple[ProvedEvent, ...]
    source: VersionSource | None
    unexportable: bool
    proved: tuple[str, ...]
    unproved: tuple[str, ...]


def check_prediction(given: PredictionProof, keys: PublicKeys) -> ProvedPrediction:
    """Check the proof of a prediction; nothing but the public keys is needed.

    Raises:
        SignatureRefused: the statement or a checkpoint is not signed by one of the keys.
        ProofRefused: a link does not hold.
    """
    statement = _statement_of(given, keys)
    record = _record_of(statement)
    found = tuple(_proved_events(given, statement, keys))
    links = _Links(statement, record, found)
    links.follow()
    return ProvedPrediction(
        statement,
        record,
        found,
        links.source,
        _has_no_export(links.version, links.source),
        tuple(links.proved),
        tuple(links.unproved),
    )


def _has_no_export(version: events.VersionRegistered, source: VersionSource | None) -> bool:
    """Return whether an imported version cannot be exported as python, as far as is known."""
    onnx = source is not None and source.imported and source.estimator == "onnx"
    return onnx or not version.experiment


def _statement_of(given: PredictionProof, keys: PublicKeys) -> PredictionStatement:
    payload = keys.open(given.statement.encode(), STATEMENT_TYPE)
    try:
        return from_json(payload, PredictionStatement)
    except MalformedRecord as error:
        raise ProofRefused(f"What was signed is no statement: {error.detail}") from None


def _record_of(statement: PredictionStatement) -> PredictionRecord:
    """Return the record, which must be the one that the statement is about."""
    try:
        record = from_json(statement.record.encode(), PredictionRecord)
    except MalformedRecord as error:
        raise ProofRefused(f"The record cannot be read: {error.detail}") from None
    if (record.model, record.id) != (statement.model, statement.request):
        raise ProofRefused(
            f"The record is that of {record.model}/{record.id}, and the statement is about "
            f"{statement.model}/{statement.request}."
        )
    if record.data is not UNSET:
        same = msgspec.json.decode(record.data) == msgspec.to_builtins(statement.content)
        if not same:
            raise ProofRefused("The record has other rows or answers than the statement.")
    sizes = {len(of) for of in (*statement.content.outputs.values(),)}
    if sizes - {record.rows}:
        raise ProofRefused(f"The record is of {record.rows} rows, and the answer of others.")
    return record


def _proved_events(
    given: PredictionProof, statement: PredictionStatement, keys: PublicKeys
) -> Iterator[ProvedEvent]:
    """Yield the events, each with its data, which must fit what is in clear on the log."""
    proofs = [check_proof(one, keys) for one in given.events]
    if [one.event.id for one in proofs] != statement.events:
        raise ProofRefused("The events of the file are not those that the statement names.")
    if len({*statement.events}) < len(proofs):
        raise ProofRefused("The file has an event twice.")
    if missing := statement.opened.keys() - {*statement.events}:
        raise ProofRefused(f"The statement has data of {min(missing)}, which is no event of it.")
    for proved in proofs:
        record = proved.event
        try:
            if record.data_base64 is UNSET:
                yield ProvedEvent(proved, event_of(record), True)
            elif record.id not in statement.opened:
                yield ProvedEvent(proved, outline_of(record), False)
            else:
                yield ProvedEvent(proved, _opened(record, statement.opened[record.id]), True)
        except (MalformedRecord, UnknownType) as error:
            raise ProofRefused(f"The event {record.id} cannot be read: {error.detail}") from None


def _opened(record: EventRecord, data: Any) -> Event:
    """Return an event with the data that the statement says were encrypted in it."""
    clear = replace(record, data=Raw(msgspec.json.encode(data)), data_base64=UNSET)
    event = event_of(clear)
    told = clear_part(event) if is_confidential(type(event)) else {}
    for name, value in told.items():
        if getattr(record, name) != value:
            raise ProofRefused(
                f"The data of the event {record.id} do not fit the event on the log: {name} is "
                f"{value!r}, and in clear on the log {getattr(record, name)!r}."
            )
    return event


class _Links:
    """Follows the links from the answer to the data, and writes down what is proved."""

    def __init__(
        self, statement: PredictionStatement, record: PredictionRecord, of: Sequence[ProvedEvent]
    ) -> None:
        self.statement, self.record = statement, record
        mine = f"model/{record.model}"
        self.model = sorted(
            (one for one in of if one.record.subject == mine), key=lambda one: one.record.sequence
        )
        self.others = [one for one in of if one.record.subject != mine]
        self.proved: list[str] = []
        self.unproved: list[str] = []
        self.registered = self._registered()
        version = self.registered.event
        assert isinstance(version, events.VersionRegistered)
        self.version = version
        self.source = version.source if self.registered.opened else None

    def follow(self) -> None:
        """Follow all links. Raises ProofRefused."""
        said, record, proved = self.statement, self.record, self.proved
        shadow = f" as the shadow of {record.shadow_of}" if record.shadow_of else ""
        who = f" to {record.actor}" if record.actor and not shadow else ""
        proved.append(
            f"The signer of this file has read the record of the request {record.id} at "
            f"{said.time}, on partition {said.partition} of `predictions`, at offset "
            f"{said.offset}, taken by the log at {said.appended}: {record.model}@{record.version} "
            f"answered{who}{shadow} at {record.time}, {_rows(record.rows)}."
        )
        if record.keyid:
            proved.append(
                f"It has decrypted rows and answer with the key {record.keyid}. They are authentic "
                "for this request (AES-GCM): who wrote them had the installation's keys."
            )
        self.unproved.append(
            "That the record was there before the file was signed, and unchanged: predictions are "
            "not in the hash chain. Who has the master key and may write to Kafka can write one."
        )
        proved.append(
            f"{record.model}@{record.version} is on the hash chain: {self.registered}. "
            f"{self._came_from()}"
        )
        self._decided()
        self._trained()
        if any(
            one.opened and one.record.data_base64 is not UNSET
            for one in (*self.model, *self.others)
        ):
            self.unproved.append(
                "That encrypted events say what is shown here: the chain proves their ciphertext, "
                "the signer says what is in it, and who has the master key can check that."
            )
        if is_combined(said.content):
            self.unproved.append(
                f"What the other versions of the combined answer are: only {record.model}@"
                f"{record.version} is proved."
            )
        self.unproved += sorted(said.withheld.values())

    def _registered(self) -> ProvedEvent:
        for one in self.model:
            event = one.event
            if isinstance(event, events.VersionRegistered) and event.number == self.record.version:
                return one
        raise ProofRefused(
            f"No event of the file registers {self.record.model}@{self.record.version}."
        )

    def _came_from(self) -> str:
        event = self.version
        if not event.experiment:
            digest = (
                f" with the artifact {event.source.artifact.digest}"
                if self.registered.opened
                else ""
            )
            return f"It was made elsewhere, and imported{digest}."
        return f"It is the training {event.training} of the experiment {event.experiment}."

    def _decided(self) -> None:
        """Say why the version has answered."""
        record, content = self.record, self.statement.content
        told = [ModelEvent(one.record, one.event) for one in self.model]
        found = explain(told, record, content)
        if found is None:
            raise ProofRefused(
                f"By the events of the file {record.model}@{record.version} was not the version "
                "that answers such a request at that time."
            )
        by = {one.record.sequence: one for one in self.model}
        self.proved.append(f"It answered because {found.words}.")
        for number in found.deciding:
            self.proved.append(f"Decided by: {by[number]}.{_why(by[number])}")
            self.proved += [_evidence(one) for one in _evidence_of(by[number].event)]
        self.unproved += found.unsure
        self._whole(found)
        if is_named(record) and "named" not in found.words:
            self.unproved.append(
                "Which word the request named it by: the record says only that it named one."
            )

    def _whole(self, found: Explanation) -> None:
        """Say whether another decision can lie between the deciding ones and the answer."""
        if not found.deciding:
            return
        first, last = min(found.deciding), self._end()
        numbers = {one.record.sequence for one in self.model}
        missing = sorted({*range(first, last + 1)} - numbers)
        if missing:
            self.unproved.append(
                f"That nothing else decided between: {len(missing)} events of the model from "
                f"{missing[0]} to {missing[-1]} are not in the file."
            )
        else:
            end = "the newest one when the file was signed"
            if millis(self._by_number(last).record.time) > millis(self.record.time):
                end = "which is later than the answer"
            self.proved.append(
                f"Nothing else decided: all events of the model from number {first} to number "
                f"{last}, {end}, are in the file."
            )

    def _end(self) -> int:
        """Return the number of the first event of the model after the answer, else the newest."""
        late = millis(self.record.time) + SKEW
        after = (one.record.sequence for one in self.model if millis(one.record.time) > late)
        return min(after, default=self.statement.newest)

    def _by_number(self, number: int) -> ProvedEvent:
        return next(one for one in self.model if one.record.sequence == number)

    def _trained(self) -> None:
        """Follow the version to its training, and that to its data."""
        version = self.version
        if not version.experiment:
            self.unproved.append("On which data it was trained: it was made elsewhere.")
            return
        mine = [one for one in self.others if one.record.subject == f"session/{version.experiment}"]
        imported = _only(mine, events.TrainingImported, version.training)
        completed = imported or _only(mine, events.RunCompleted, version.training)
        requested = _only(mine, events.TrainingRequested, version.training)
        source = self.source
        if completed is not None:
            event = completed.event
            assert isinstance(event, events.RunCompleted | events.TrainingImported)
            artifact = artifact_of(event.result)
            if artifact is None or (source and artifact.folder != source.artifact.folder):
                raise ProofRefused(
                    f"The training {version.training} has another artifact than the version."
                )
            same = f", which is that of the version ({source.artifact.digest})" if source else ""
            what = "The training ended" if imported is None else "The model was imported"
            self.proved.append(f"{what}: {completed}. Its artifact is {artifact.folder}{same}.")
        else:
            self._untold("training", "The training's end")
        if imported is not None:
            self.unproved.append("On which data it was trained: it was made elsewhere.")
            return
        dataset = source.dataset if source else None
        if requested is not None:
            self.proved.append(
                f"The training was requested: {requested}.{self._settings(requested)}"
            )
            if requested.opened:
                event = requested.event
                assert isinstance(event, events.TrainingRequested)
                if dataset is not None and not event.dataset.is_content_of(dataset):
                    raise ProofRefused("The training is of another dataset than the version says.")
                dataset = event.dataset
        else:
            self._untold("training", "The training's request")
        if dataset is None:
            self._untold("dataset", "The dataset")
            return
        self.proved.append(
            f"Trained on {dataset.name}, version {dataset.version} (SHA-256 of its file)."
        )
        for one in self.others:
            event = one.event
            if one.record.subject != f"dataset/{dataset.name}" or not isinstance(
                event, events.DatasetRegistered
            ):
                continue
            if (event.spec.stored or event.spec.version) != dataset.content:
                raise ProofRefused(
                    f"The file has another version of {dataset.name} than the training's."
                )
            self.proved.append(f"That version of the dataset is on the hash chain: {one}.")
            return
        self._untold("dataset", "The registration of the dataset")

    def _settings(self, one: ProvedEvent) -> str:
        event = one.event
        if not one.opened or not isinstance(event, events.TrainingRequested):
            return ""
        return f" Estimator {event.estimator}, seed {event.seed}."

    def _untold(self, link: str, words: str) -> None:
        if link not in self.statement.withheld:
            self.unproved.append(f"{words}: no event of the file says it.")


def _only(of: Sequence[ProvedEvent], kind: type[Event], run: str) -> ProvedEvent | None:
    """Return the only event of a kind that is about a run, None for none. Raises ProofRefused."""
    found = [one for one in of if isinstance(one.event, kind)]
    if any(getattr(one.event, "run", run) != run for one in found) or len(found) > 1:
        raise ProofRefused(f"The file has events of another training than {run}.")
    return found[0] if found else None


def _rows(number: int) -> str:
    return f"{number} {'row' if number == 1 else 'rows'}"


def _why(one: ProvedEvent) -> str:
    reason = getattr(one.event, "reason", "")
    return f" Reason: {reason}." if reason else ""


def _evidence_of(event: Event) -> tuple[GateEvidence, ...]:
    return event.evidence if isinstance(event, events.VersionPromoted) else ()


def _evidence(one: GateEvidence) -> str:
    """Describe evidence, which must hold. Raises ProofRefused."""
    value, other = one.candidate.value, one.other.value if one.other else 0.0
    if not one.requirement.holds(value, other):
        raise ProofRefused(
            f"The evidence does not hold: {one.requirement} with {value} and {other}."
        )
    beside = f" beside {other:g}" if one.other else ""
    return (
        f"Evidence: {one.requirement}: {value:g}{beside}, by the evaluation "
        f"{one.candidate.evaluation} on {one.candidate.dataset.name}."
    )


def as_document(found: ProvedPrediction, again: str = "") -> Mapping[str, Any]:
    """Return a checked proof as a document; `again` is proved by computing the answer again."""
    record, said = found.record, found.statement
    how = "`--artifact FOLDER` (an export of the version as python) computes it again, here."
    if found.unexportable:
        how = "it was imported, and has no export as python that could compute it again."
    rest = () if again else (f"That the version gives this answer: {how}",)
    return {
        "model": record.model,
        "version": record.version,
        "request": record.id,
        "time": record.time,
        "actor": record.actor,
        "shadow_of": record.shadow_of,
        "rows": record.rows,
        "inputs": said.content.inputs,
        "outputs": said.content.outputs,
        "signed": said.time,
        "artifact": None if found.source is None else found.source.artifact.digest,
        "dataset": None if found.source is None else found.source.dataset,
        "events": [
            {
                "id": one.record.id,
                "type": one.record.type,
                "stream": one.record.subject,
                "time": one.record.time,
                "partition": one.proved.checkpoint.partition,
                "number": one.proved.number,
                "signed": one.proved.checkpoint.time,
            }
            for one in found.events
        ],
        "computed_again": bool(again),
        "proved": [*found.proved, *([again] if again else [])],
        "not_proved": [*found.unproved, *rest],
    }
