"""Proofs of predictions: each link is checked, and a file of which anything was changed is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from joserfc.jwk import OKPKey
from msgspec import UNSET, Raw
from msgspec.structs import replace

from autolearn.operations.chain.prediction_check import check_prediction
from autolearn.operations.chain.proof import ProofRefused, Wanted, prove
from autolearn.operations.chain.sources import LogSource
from autolearn.schemas import events
from autolearn.schemas.codec import EventRecord, encode, raw
from autolearn.schemas.confidentiality import clear_part, is_confidential
from autolearn.schemas.messages import Event, type_of
from autolearn.schemas.records.prediction import PredictionContent, PredictionRecord
from autolearn.schemas.records.prediction_proof import (
    STATEMENT_TYPE,
    PredictionProof,
    PredictionStatement,
)
from autolearn.security.signing_keys import SignatureRefused, SigningKey
from tests.support import chains, samples
from tests.support.chains import HERE, Record, log_of

KEY, OTHER = (SigningKey(OKPKey.generate_key("Ed25519")) for _ in range(2))
SESSION, MODEL, DATA = samples.SESSION, "model/m", "dataset/iris"
TOLD: tuple[tuple[str, Event], ...] = (
    (DATA, events.DatasetRegistered(samples.DATASET)),
    (SESSION, samples.training_requested("t1")),
    (SESSION, samples.training_completed("t1")),
    (MODEL, samples.version_registered(1, "t1", experiment=SESSION.partition("/")[2])),
    (MODEL, events.VersionPromoted(1, evidence=(samples.EVIDENCE,), reason="good")),
    (MODEL, events.VersionPromoted(1, "candidate")),
)
CONTENT = PredictionContent({"petal": [1.5]}, {"prediction": ["setosa"]})
RECORD = PredictionRecord(
    id="r1", time="2026-01-01T00:00:30Z", model="m", version=1, rows=1, keyid="k", salt="s",
    route="/v1/models/{model}/predict", data_base64="c2VhbGVk",
)  # fmt: skip


def records(told: tuple[tuple[str, Event], ...] = TOLD, *, sealed: bool = True) -> list[Record]:
    """The events on the log; those that are confidential are encrypted."""
    numbers: dict[str, int] = {}
    found = []
    for offset, (stream, event) in enumerate(told):
        numbers[stream] = numbers.get(stream, 0) + 1
        one = EventRecord(
            id=f"0-{offset}-1", source="", type=type_of(type(event)), subject=stream,
            time=f"2026-01-01T00:00:{offset:02}Z", sequence=numbers[stream], term=0,
            commandoffset=offset, prev=offset - 1, data=raw(event), actor="ann",
        )  # fmt: skip
        if sealed and is_confidential(type(event)):
            one = replace(one, data=UNSET, data_base64="c2VhbGVk", keyid="k", **clear_part(event))
        found.append(Record(encode(one)))
    return found


def proof(
    told: tuple[tuple[str, Event], ...] = TOLD,
    key: SigningKey = KEY,
    *,
    sealed: bool = True,
    left_out: int | None = None,
    **said: Any,
) -> PredictionProof:
    """A proof with a right chain, whose signer may say anything else in the statement."""
    written = records(told, sealed=sealed)
    tokens = chains.checkpoints(written, KEY, 4)
    source = LogSource(log_of(written, tokens), HERE)
    used = [at for at in range(len(written)) if at != left_out]
    ids = [written[at].event["id"] for at in used]
    statement = PredictionStatement(
        **{
            "time": "2026-01-01T00:02:00Z", "model": "m", "request": "r1", "partition": 0,
            "offset": 7, "appended": "2026-01-01T00:00:31Z",
            "record": msgspec.json.encode(RECORD).decode(), "content": CONTENT, "events": ids,
            "opened": {
                written[at].event["id"]: msgspec.to_builtins(told[at][1])
                for at in used if "data_base64" in written[at].event
            },
            "withheld": {}, "newest": 3,
        } | said
    )  # fmt: skip
    return PredictionProof(
        statement=key.sign(msgspec.json.encode(statement), STATEMENT_TYPE).decode(),
        events=[prove(source, Wanted(0, offset=at), KEY.public()) for at in used],
    )


def test_all_links_of_a_prediction_are_proved():
    for sealed in (True, False):
        found = check_prediction(proof(sealed=sealed), KEY.public())
        said = "\n".join(found.proved)
        assert [str(one.record.subject) for one in found.events] == [stream for stream, _ in TOLD]
        for words in (
            "record of the request r1", "m@1 is on the hash chain: VersionRegistered by ann",
            "It answered because it was the champion", "Reason: good", "Evidence: f1 >= champion",
            "from number 2 to number 3", "The training ended: RunCompleted", "Estimator decision",
            f"Trained on iris, version {samples.IRIS.version}",
            "version of the dataset is on the hash chain: DatasetRegistered",
        ):  # fmt: skip
            assert words in said
        assert found.source is not None
        assert found.source.artifact == samples.ARTIFACT
        assert ("encrypted events say" in "\n".join(found.unproved)) == sealed


def changed_everywhere(given: PredictionProof) -> dict[str, PredictionProof]:
    """The same file with one thing changed, in each of its parts."""
    header, payload, signature = given.statement.split(".")
    spot = len(payload) // 2
    flipped = "A" if payload[spot] != "A" else "B"
    found = {
        "the statement": replace(
            given, statement=f"{header}.{payload[:spot]}{flipped}{payload[spot + 1 :]}.{signature}"
        ),
        "another statement": replace(given, statement=proof(key=OTHER).statement),
        "an event less": replace(given, events=given.events[1:]),
        "an event twice": replace(given, events=[*given.events, given.events[0]]),
        "events swapped": replace(given, events=given.events[::-1]),
        "another event in its place": replace(given, events=[given.events[5], *given.events[1:]]),
    }
    for at, one in enumerate(given.events):
        fields = {
            "its text": {"event": one.event.replace("ann", "eve")},
            "the hash before it": {"before": "1" * 64},
            "those after it": {"after": [*one.after, "0" * 64]},
            "its checkpoint": {"checkpoint": chains.checkpoints(records(), OTHER, 4)[0].decode()},
            "its partition": {"partition": 1},
        }
        for what, field in fields.items():
            events_of = [*given.events]
            events_of[at] = replace(one, **field)  # type: ignore[arg-type]
            found[f"event {at}: {what}"] = replace(given, events=events_of)
    return found


def test_a_file_of_which_anything_was_changed_proves_nothing():
    given = proof()
    for name, forged in changed_everywhere(given).items():
        with pytest.raises((ProofRefused, SignatureRefused)):
            raise AssertionError(f"{name}: {check_prediction(forged, KEY.public()).statement}")
    with pytest.raises(SignatureRefused):
        check_prediction(given, OTHER.public())
    token = KEY.sign(msgspec.json.encode({"v": 1}), STATEMENT_TYPE).decode()
    with pytest.raises(ProofRefused, match="no statement"):
        check_prediction(replace(given, statement=token), KEY.public())
    with pytest.raises(SignatureRefused):  # a checkpoint is signed with the same key
        check_prediction(replace(given, statement=given.events[0].checkpoint), KEY.public())


def with_event(at: int, event: Event) -> Callable[[], PredictionProof]:
    """A proof over a log on which another event is in the place of one."""
    return lambda: proof((*TOLD[:at], (TOLD[at][0], event), *TOLD[at + 1 :]))


def with_record(**fields: Any) -> Callable[[], PredictionProof]:
    return lambda: proof(record=msgspec.json.encode(replace(RECORD, **fields)).decode())


BAD = replace(samples.EVIDENCE, candidate=replace(samples.EVIDENCE.candidate, value=0.5))
ELSE = replace(samples.ARTIFACT, digest="0" * 64)
SECOND = msgspec.to_builtins(samples.version_registered(2, "t1"))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (with_record(id="r2"), "the statement is about m/r1"),
        (with_record(version=2), "registers m@2"),
        (with_record(rows=2), "is of 2 rows"),
        (with_record(data=Raw(b'{"inputs":{},"outputs":{}}'), data_base64=UNSET), "other rows"),
        (with_record(shadow_of="r0"), "was not the version"),
        (with_record(time="2025-01-01T00:00:00Z"), "was not the version"),
        (lambda: proof(record="{"), "record cannot be read"),
        (with_event(4, events.VersionPromoted(2)), "was not the version"),
        (with_event(4, events.VersionPromoted(1, evidence=(BAD,))), "evidence does not hold"),
        (with_event(2, samples.training_completed("t2")), "another training"),
        (with_event(2, samples.training_completed("t1", artifact=ELSE)), "another artifact"),
        (with_event(1, samples.training_requested("t1", dataset=samples.WINE)), "another dataset"),
        (
            with_event(0, events.DatasetRegistered(replace(samples.DATASET, version="1" * 64))),
            "another version of iris",
        ),
        (lambda: proof(opened={"0-9-1": {}}), "no event of it"),
        (lambda: proof(opened={"0-3-1": SECOND}), "do not fit the event on the log"),
        (lambda: proof(opened={"0-3-1": {"number": "x"}}), "cannot be read"),
    ],
)  # fmt: skip
def test_a_signer_who_says_what_the_log_does_not_is_found_out(
    made: Callable[[], PredictionProof], words: str
):
    with pytest.raises(ProofRefused, match=words):
        check_prediction(made(), KEY.public())


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (0, "The registration of the dataset: no event"),
        (1, "The training's request: no event"),
        (2, "The training's end: no event"),
        (5, "1 events of the model from 3 to 3 are not in the file"),
    ],
)
def test_a_link_that_is_left_out_is_not_proved(left_out: int, words: str):
    found = check_prediction(proof(left_out=left_out), KEY.public())
    assert words in "\n".join(found.unproved)


def test_what_may_not_be_read_is_said_and_not_shown():
    found = check_prediction(
        proof(opened={}, withheld={"dataset": "The dataset is hidden."}), KEY.public()
    )
    assert found.source is None
    assert "The dataset is hidden." in found.unproved
    assert "another artifact" not in "\n".join(found.proved)
    assert "m@1 is on the hash chain" in "\n".join(found.proved), "numbers are in clear"
