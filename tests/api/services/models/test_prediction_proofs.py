"""An answer is proved: to whom may see it, with what they may see, and computed again."""

import io
import zipfile
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from autolearn import AutoLearn, BadArgument, Problem
from autolearn.operations.chain.prediction_check import ProvedPrediction, check_prediction
from autolearn.operations.chain.prediction_rerun import answer_again
from autolearn.operations.chain.proof import ProofRefused
from autolearn.runtime.uuid7 import uuid7
from autolearn.schemas.codec import from_json
from autolearn.schemas.records.prediction_proof import PredictionProof
from autolearn.security.signing_keys import SigningKey
from tests.api.services.models.test_router import WINE, post
from tests.api.services.models.test_truths import kept, kind_of, published
from tests.support.people import People
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


def proved(known: People, model: str, request: str, who: str = "owner") -> ProvedPrediction:
    """The checked proof of an answer, as soon as all of its events are signed for."""
    at = f"{model}/prediction-log/{request}/proof"

    def asked() -> httpx.Response | None:
        answer = known.ask(who, "GET", at)
        return None if answer.status_code == 409 else answer

    sent = until(asked)
    assert sent.status_code == 200, sent.text
    return check_prediction(from_json(sent.content, PredictionProof), key(known).public())


def key(known: People) -> SigningKey:
    return SigningKey.load(known.folder / "home" / "keys" / "signing.pem")


def test_an_answer_is_proved_and_computed_again(known: People, tmp_path: Path):
    model = published(known, kept(known, "logistic-regression", "wine"))
    name = model.rpartition("/")[2]
    post(known, f"{model}/share", {"user": "other", "may": "predict"})
    mine, others = (post(known, f"{model}/predict", WINE, who) for who in ("owner", "other"))
    request = mine.json()["request"]

    found = proved(known, model, request)
    assert found.statement.content.outputs["prediction"] == [
        mine.json()["predictions"][0]["prediction"]
    ]
    said = "\n".join(found.proved)
    for words in ("because it was the champion", "Trained on wine", "DatasetRegistered"):
        assert words in said
    export = known.ask("owner", "GET", f"{model}/versions/1/export?as=python")
    zipfile.ZipFile(io.BytesIO(export.content)).extractall(tmp_path / "export")
    assert "bit for bit (1 row, 4 columns)" in answer_again(found, tmp_path / "export")
    other = {**found.statement.content.outputs, "probability_class_0": [0.5]}
    content = replace(found.statement.content, outputs=other)
    lie = found._replace(statement=replace(found.statement, content=content))
    with pytest.raises(ProofRefused, match="row 0, probability_class_0: recorded"):
        answer_again(lie, tmp_path / "export")
    (tmp_path / "export" / "profile.json").write_text("{}")
    with pytest.raises(ProofRefused, match="not those of the artifact"):
        answer_again(found, tmp_path / "export")

    less = proved(known, model, others.json()["request"], "other")
    assert sum("the experiment was not shared" in words for words in less.unproved) == 2
    assert {one.record.subject for one in less.events} == {f"model/{name}"}

    at = f"{model}/prediction-log"
    for who, asked, problem in (
        ("other", request, (404, "request-unknown")),
        ("owner", uuid7(1_700_000_000_000), (404, "request-unknown")),
        ("owner", "nonsense", (422, "malformed-id")),
    ):
        assert kind_of(known.ask(who, "GET", f"{at}/{asked}/proof")) == problem

    with AutoLearn(str(known.nobody.base_url), token=known.tokens["owner"]) as al:
        file = al.model(name).prove(request, tmp_path / "proof.json")
        again = from_json(file.read_bytes(), PredictionProof)
        assert check_prediction(again, key(known).public()).record == found.record
        with pytest.raises(BadArgument, match="exists"):
            al.model(name).prove(request, file)
        with pytest.raises(Problem, match="no version or alias '9'"):
            al.model(name).predict(WINE, others=[9], combine="vote")

    known.log.append(known.topics.keys.name, None, key=found.record.keyid)
    known.log.flush(10)
    until(lambda: known.ask("owner", "GET", f"{at}/{request}/proof").status_code == 410)
    shredded = known.ask("owner", "GET", f"{at}/{request}/proof")
    assert kind_of(shredded) == (410, "unreadable")
    assert "key of its month was shredded" in shredded.text
    post(known, f"{model}/delete")
    gone = known.ask("owner", "GET", f"{at}/{request}/proof")
    assert kind_of(gone) == (410, "model-deleted")
