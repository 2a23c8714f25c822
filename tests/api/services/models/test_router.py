"""Models: registered from experiments, promoted on evidence, and kept from being lost."""

import hashlib
import io
import json
import uuid
import zipfile
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from autolearn.agents.command_client import CommandClient
from autolearn.agents.policies.traffic import end_traffic
from autolearn.schemas.actors import SERVE
from autolearn.schemas.models.traffic import GuardBreach
from tests.ml.imports.samples import pipeline, rows, zipped
from tests.support.api_assertions import problem
from tests.support.log_checker import read_topic
from tests.support.people import People
from tests.support.waiting import until

pytestmark = pytest.mark.kafka
WAIT = {"Prefer": "wait=60"}
GUARD = "errors <= 1% over 200"


def post(known: People, path: str, body: object = None, who: str = "owner") -> httpx.Response:
    return known.ask(who, "POST", path, json=body or {}, headers=WAIT)


def trained(known: People, session: str, estimator: str, **more: object) -> str:
    """The id of a training with its evaluation on held-out rows."""
    body = {"estimator": estimator, "dataset": "wine", **more}
    training = post(known, f"{session}/trainings", body).json()["id"]
    done = post(known, f"{session}/evaluations", {"training": training, "metrics": ["f1"]})
    assert done.json()["status"] == "completed", done.text
    return training


@pytest.fixture(scope="module")
def experiment(known: People) -> tuple[str, str, str, str]:
    """An experiment: its path; a good training, a poor one, and one with other held-out rows."""
    session = known.session("cultivars")
    good = trained(known, session, "random-forest")
    poor = trained(known, session, "dummy")
    other = trained(known, session, "random-forest", seed=7)
    return post(known, f"{session}/commit").headers["location"], good, poor, other


@pytest.fixture
def model(known: People, experiment: tuple[str, str, str, str]) -> str:
    """The path of a model with the three trainings as versions; the poor one answers."""
    path = f"/v1/models/m-{uuid.uuid4().hex[:8]}"
    for training in experiment[1:]:
        made = post(known, f"{path}/versions", {"training": training, "note": "secret note"})
        assert made.status_code == 201, made.text
    assert made.json()["source"]["metrics"].keys() == {"f1"}
    assert made.headers["location"] == f"{path}/versions/3"
    promoted = post(known, f"{path}/promote", {"version": 2})
    assert promoted.status_code == 200
    # The process that answers reads the log by itself: wait until it has read the promotion.
    after = {"AutoLearn-After": promoted.headers["AutoLearn-Reached"]}
    assert known.ask("owner", "GET", f"{path}/schema", headers=after).status_code == 200
    return path


def test_what_is_not_kept_yet_is_not_registered(known: People):
    session = known.session("open")
    training, _ = known.trained(session)
    refused = post(known, "/v1/models/early/versions", {"training": training})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "session-open")
    assert "commit it first" in refused.json()["detail"]
    assert known.ask("owner", "GET", "/v1/models/early").status_code == 404


def test_the_gate_lets_a_better_version_pass_and_keeps_the_evidence(known: People, model: str):
    body = {"version": 1, "require": ["f1 >= champion + 0.1", "f1 > 0.5"], "reason": "better"}
    passed = post(known, f"{model}/promote", body)
    assert (passed.status_code, passed.json()["champion"]) == (200, 1), passed.text
    poor, good = known.ask("owner", "GET", f"{model}/timeline").json()["items"]
    assert (poor["version"], poor["until"]) == (2, good["since"])
    assert (good["version"], good["before"], good["reason"]) == (1, 2, "better")
    assert (good["actor"], good["until"]) == ("owner", None)
    first = good["evidence"][0]
    assert first["candidate"]["value"] >= first["other"]["value"] + 0.1
    assert first["candidate"]["rows_sha256"] == first["other"]["rows_sha256"] != ""
    back = post(known, f"{model}/rollback", {"reason": "complaints"})
    assert back.json()["champion"] == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"version": 1, "require": ["f1 >= champion + 0.99"]}, "gate-closed"),
        ({"version": 3, "require": ["f1 >= champion"]}, "other-rows"),
        ({"version": 1, "require": ["recall:9 >= 0.1"]}, "evidence-missing"),
        ({"version": 1, "require": ["f1 >= best"]}, "version-unknown"),
        ({"version": 1, "require": ["f1 is good"]}, "invalid-body"),
        ({"version": 1, "require": ["f1 < 1e400"]}, "invalid-body"),
        ({"version": "newest"}, "version-unknown"),
        ({"version": 9}, "version-unknown"),
        ({"version": 0}, "invalid-body"),
        ({"version": 2}, "alias-unchanged"),
        ({"version": 1, "alias": "No Alias"}, "invalid-body"),
    ],
)
def test_what_is_refused_changes_nothing(known: People, model: str, body: object, kind: str):
    refused = post(known, f"{model}/promote", body)
    assert refused.status_code in (409, 422), refused.text
    assert refused.json()["type"].rpartition(":")[2] == kind, refused.text
    assert known.ask("owner", "GET", model).json()["champion"] == 2


def test_an_experiment_lives_as_long_as_a_version_needs_it(known: People):
    session = known.session("short-lived")
    known.trained(session)
    kept = post(known, f"{session}/commit").headers["location"]
    path = f"/v1/models/m-{uuid.uuid4().hex[:8]}"
    post(known, f"{path}/versions", {"training": kept.rpartition("/")[2]})
    refused = post(known, f"{kept}/delete")
    name = path.rpartition("/")[2]
    assert refused.status_code == 409, refused.text
    assert f"autolearn model retire {name} 1" in refused.json()["detail"]
    retired = post(known, f"{path}/versions/1/retire", {"reason": "over"})
    assert (retired.json()["reason"], retired.json()["retired_by"]) == ("over", "owner")
    early = post(known, f"{kept}/delete")
    assert early.json()["type"].rpartition(":")[2] == "held-just-now", early.text


def test_a_name_belongs_to_who_took_it(known: People, model: str):
    session = known.session("of another")
    name = model.rpartition("/")[2]
    training, _ = known.trained(session)
    post(known, f"{session}/commit")
    taken = post(known, f"{model}/versions", {"training": training}, who="other")
    assert (taken.status_code, taken.json()["title"]) == (409, "The name is taken")
    assert known.ask("other", "GET", model).status_code == 404
    body = {"user": "other", "may": "predict"}
    assert post(known, f"{model}/share", body).status_code == 200
    shown = known.ask("other", "GET", model).json()
    assert (shown["may"], shown["champion"]) == ("predict", 2)
    mine = known.ask("other", "GET", "/v1/models?shared=true").json()["items"]
    assert name in [one["name"] for one in mine]
    refused = post(known, f"{model}/promote", {"version": 1}, who="other")
    assert refused.status_code == 403
    assert post(known, f"{model}/unshare", {"user": "other"}, who="other").status_code == 200
    assert known.ask("other", "GET", model).status_code == 404


def test_the_past_of_a_model_and_its_end(known: People, model: str):
    then = datetime.now(UTC).isoformat()
    post(known, f"{model}/promote", {"version": 1})
    past = known.ask("owner", "GET", model, params={"as_of": then})
    assert (past.json()["champion"], past.status_code) == (2, 200), past.text
    deleted = post(known, f"{model}/delete")
    assert deleted.status_code == 200
    assert known.ask("owner", "GET", model).status_code == 410
    again = post(known, f"{model}/versions", {"training": "0" * 8})
    assert again.status_code == 410


def test_requests_are_shared_until_that_is_ended(known: People, model: str):
    post(known, f"{model}/alias", {"alias": "challenger", "version": 1})
    body = {
        "routes": {"champion": 90, "challenger": 10},
        "sticky": "secret column",
        "guards": ["errors<=1% over 200"],
        "reason": "secret canary",
    }
    shared = post(known, f"{model}/traffic", body)
    assert shared.status_code == 200, shared.text
    now = shared.json()["traffic"]
    assert (now["routes"], now["revision"]) == (body["routes"], 1)
    assert (now["guards"], now["salt"]) == (["errors <= 1% over 200"], model.rpartition("/")[2])
    assert (now["sticky"], now["actor"], now["reason"]) == (
        *("secret column", "owner", "secret canary"),
    )
    then = datetime.now(UTC).isoformat()
    assert post(known, f"{model}/alias", {"alias": "challenger"}).status_code == 409
    assert (
        post(known, f"{model}/shadow", {"version": "challenger"}).json()["shadow"] == "challenger"
    )
    ended = post(known, f"{model}/traffic", {"routes": None})
    assert ended.json()["traffic"] is None
    past = known.ask("owner", "GET", model, params={"as_of": then}).json()
    assert (past["traffic"], past["shadow"]) == (now, "")
    items = known.ask("owner", "GET", f"{model}/timeline").json()["items"]
    first, shadow, last = [one for one in items if not one["alias"]]
    assert (first["kind"], first["routes"], first["until"]) == (
        *("traffic-set", body["routes"], last["since"]),
    )
    assert (shadow["kind"], shadow["version"], shadow["until"]) == ("shadow-set", 1, None)
    assert (last["kind"], last["routes"], last["until"]) == ("traffic-set", {}, None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"routes": {"champion": 90, "1": 9}}, "traffic-unfit"),
        ({"routes": {"champion": 90, "best": 10}}, "version-unknown"),
        ({"routes": {"champion": 99.5, "1": 0.5}}, "invalid-body"),
        ({"routes": {}}, "invalid-body"),
        ({}, "traffic-unchanged"),
        ({"routes": {"1": 100}, "guards": ["errors are few"]}, "guard-unfit"),
        ({"routes": {"1": 100}, "sticky_header": "Authorization"}, "traffic-unfit"),
        ({"routes": {"1": 100}, "sticky_header": "no header"}, "invalid-body"),
        ({"routes": {"1": 100}, "sticky": "a", "sticky_header": "B"}, "traffic-unfit"),
        ({"routes": None}, "traffic-unchanged"),
    ],
)
def test_traffic_that_does_not_fit_changes_nothing(
    known: People, model: str, body: object, kind: str
):
    refused = post(known, f"{model}/traffic", body)
    assert refused.status_code in (409, 422), refused.text
    assert refused.json()["type"].rpartition(":")[2] == kind, refused.text
    assert known.ask("owner", "GET", model).json()["traffic"] is None


def test_a_breach_that_two_processes_see_ends_the_traffic_once(known: People, model: str):
    body = {"routes": {"champion": 90, "1": 10}, "guards": [GUARD]}
    revision = post(known, f"{model}/traffic", body).json()["traffic"]["revision"]
    name = model.rpartition("/")[2]
    for process, requests in enumerate((57, 61)):
        system = CommandClient(known.log, known.topics, SERVE, f"serve-{process}")
        breach = GuardBreach(1, GUARD, 3, requests)
        ended = end_traffic(name, revision, breach)
        system.post(ended.stream, ended.command, ended.id)
    assert until(lambda: known.ask("owner", "GET", model).json()["traffic"] is None)
    again = post(known, f"{model}/traffic", body)
    assert again.json()["traffic"]["revision"] == revision + 1, "it is not ended a second time"
    items = known.ask("owner", "GET", f"{model}/timeline").json()["items"]
    (ended,) = [one for one in items if one["kind"] == "traffic-rolled-back"]
    assert ended["breach"] == {"version": 1, "guard": GUARD, "bad": 3, "requests": 57}
    assert (ended["actor"], ended["version"]) == ("agent serve", 1)


def test_a_grant_says_how_much_is_asked_in_a_second(known: People, model: str):
    body = {"user": "other", "may": "predict", "requests_per_second": 10, "rows_per_second": 200}
    (grant,) = post(known, f"{model}/share", body).json()["items"]
    assert grant.items() >= body.items()
    refused = post(known, f"{model}/share", {**body, "rows_per_second": 0})
    assert refused.status_code == 422


def test_nothing_of_what_was_said_is_in_clear(known: People, model: str):
    post(known, f"{model}/promote", {"version": 1, "reason": "secret reason"})
    shares = {"routes": {"1": 100}, "sticky": "secret column", "reason": "secret canary"}
    post(known, f"{model}/traffic", shares)
    bootstrap = known.environment["AUTOLEARN_KAFKA"]
    topics = [
        read_topic(bootstrap, one.name) for one in (known.topics.events, known.topics.commands)
    ]
    content = b"".join(
        record.value or b"" for topic in topics for found in topic.values() for record in found
    )
    name = model.rpartition("/")[2].encode()
    assert name in content
    for secret in (b"secret note", b"secret reason", b"secret column", b"secret canary"):
        assert secret not in content


WINE = {
    "alcohol": 13.2,
    "malic_acid": 1.78,
    "ash": 2.14,
    "alcalinity_of_ash": 11.2,
    "magnesium": 100,
    "total_phenols": 2.65,
    "flavanoids": 2.76,
    "nonflavanoid_phenols": 0.26,
    "proanthocyanins": 1.28,
    "color_intensity": 4.38,
    "hue": 1.05,
    "od280_od315_of_diluted_wines": 3.4,
    "proline": 1050,
}


def test_the_champion_answers_and_a_promotion_switches_it(known: People, model: str):
    said = post(known, f"{model}/predict", WINE)
    assert said.status_code == 200, said.text
    assert (said.json()["version"], said.json()["model"]) == (2, model.rpartition("/")[2])
    assert len(set(said.json()["predictions"][0]["probabilities"].values())) > 1
    post(known, f"{model}/promote", {"version": 1})

    def switched() -> bool:
        answer = post(known, f"{model}/predict", {"records": [WINE, WINE]}).json()
        assert answer["version"] in (1, 2), "one of both, never an error"
        sure = answer["predictions"][0]["probabilities"]
        assert (max(sure.values()) > 0.9) is (answer["version"] == 1), "never mixed"
        return answer["version"] == 1

    assert until(switched, "the new version answers")
    assert until(lambda: post_elsewhere(known, model) == 1, "by the other process as well")
    assert post(known, f"{model}/versions/2/predict", WINE).json()["version"] == 2


def post_elsewhere(known: People, model: str) -> int:
    answer = known.ask("owner", "POST", f"{model}/predict", known.elsewhere, json=WINE)
    version: int = answer.json()["version"]
    return version


def test_every_answer_is_in_the_prediction_log_and_encrypted(known: People, model: str):
    name = model.rpartition("/")[2]
    post(known, f"{model}/share", {"user": "other", "may": "predict"})
    said = [post(known, f"{model}/predict", WINE, who).json() for who in ("owner", "other")]
    tensors = [
        {"name": column, "datatype": "FP64", "shape": [1], "data": [value]}
        for column, value in WINE.items()
    ]
    other = known.ask("other", "POST", f"/v2/models/{name}/infer", json={"inputs": tensors}).json()
    ids = [one["request"] for one in said] + [other["id"]]
    shown = known.ask("owner", "GET", f"{model}/prediction-log").json()["items"]
    assert [one["request"] for one in shown] == ids[::-1], "newest first, and no other's"
    assert [one["actor"] for one in shown] == ["other", "other", "owner"]
    assert shown[2]["inputs"] == {column: [value] for column, value in WINE.items()}
    assert shown[2]["outputs"]["prediction"] == [said[0]["predictions"][0]["prediction"]]
    mine = known.ask("other", "GET", f"{model}/prediction-log").json()["items"]
    assert [one["request"] for one in mine] == ids[:0:-1], "of others nothing is shown"
    one = known.ask("owner", "GET", f"{model}/prediction-log?request={ids[0]}").json()["items"]
    assert [each["request"] for each in one] == [ids[0]]
    first = known.ask("owner", "GET", f"{model}/prediction-log?limit=1").json()
    rest = known.ask("owner", "GET", f"{model}/prediction-log?limit=9&page={first['next']}").json()
    assert [each["request"] for each in (*first["items"], *rest["items"])] == ids[::-1]
    on_log = read_topic(known.environment["AUTOLEARN_KAFKA"], known.topics.predictions.name)
    records = [one for of_partition in on_log.values() for one in of_partition]
    ours = [one for one in records if one.key and one.key.startswith(f"{name}/".encode())]
    assert len(ours) == 3
    assert not any(b"proline" in one.value or b"class" in one.value for one in ours)


def test_several_versions_are_one_answer(known: People, model: str):
    def asked(query: str) -> httpx.Response:
        return known.ask("owner", "POST", f"{model}/predict?{query}", json=WINE)

    name = model.rpartition("/")[2]
    each = asked(f"with=1,{name}@3&combine=each").json()
    parts = {part["version"]: part["predictions"][0] for part in each["parts"]}
    assert [*parts] == [2, 1, 3]
    assert each["predictions"] == [parts[2]]
    mean = asked("with=1&with=3&combine=mean").json()["predictions"][0]
    labels = parts[1]["probabilities"]
    assert mean["probabilities"] == pytest.approx(
        {of: sum(part["probabilities"][of] for part in parts.values()) / 3 for of in labels}
    )
    assert mean["prediction"] == max(mean["probabilities"], key=mean["probabilities"].__getitem__)
    vote = asked("with=1,3&combine=vote").json()
    assert vote["predictions"][0]["prediction"] == parts[1]["prediction"], "1 and 3 are forests"
    log = known.ask("owner", "GET", f"{model}/prediction-log?request={vote['request']}").json()
    assert log["items"][0]["outputs"][f"{name}@1.prediction"] == [parts[1]["prediction"]]
    for query, words in (
        ("combine=vote", "Combine 2 to 10 versions"),
        ("with=1&combine=best", "vote|mean|each"),
        ("with=9&combine=vote", "no version or alias"),
        ("a=1&" * 101, "more than 100 fields"),
    ):
        refused = asked(query)
        assert refused.status_code in (404, 422), refused.text
        assert words in refused.json()["detail"]


def test_the_hours_of_a_model_are_shown_to_who_may_promote(known: People, model: str):
    post(known, f"{model}/share", {"user": "other", "may": "predict"})
    post(known, f"{model}/shadow", {"version": "1"})
    said = [post(known, f"{model}/predict", WINE).json() for _ in range(3)]
    post(known, f"{model}/versions/1/predict", WINE)

    def shown() -> list[dict[str, Any]] | None:
        items = known.ask("owner", "GET", f"{model}/hours").json()["items"]
        return items if sum(one["requests"] for one in items) == 7 else None

    hours = until(shown, "all of it is counted")
    counted: Counter[tuple[int, bool]] = Counter()
    for one in hours:  # the hour may have ended meanwhile
        counted[one["version"], one["shadow"]] += one["requests"]
        assert one["requests"] == one["rows"] == sum(one["labels"].values())
        assert one["p50"] <= one["p99"]
        assert all(sum(of["counts"]) == one["rows"] for of in one["features"].values())
    assert counted == {(2, False): 3, (1, True): 3, (1, False): 1}
    label = said[0]["predictions"][0]["prediction"]
    assert {*next(one for one in hours if one["version"] == 2)["labels"]} == {str(label)}
    only = known.ask("owner", "GET", f"{model}/hours?version=2").json()["items"]
    assert {one["version"] for one in only} == {2}
    first = known.ask("owner", "GET", f"{model}/hours?limit=1").json()
    rest = known.ask("owner", "GET", f"{model}/hours?page={first['next']}").json()
    assert [*first["items"], *rest["items"]] == hours
    later = known.ask("owner", "GET", f"{model}/hours?since=2999-01-01T00:00:00Z").json()
    assert later == {"items": [], "next": None}
    problem(known.ask("owner", "GET", f"{model}/hours?since=soon"), 422, "bad-time", "no time")
    problem(known.ask("other", "GET", f"{model}/hours"), 403, "forbidden")


def test_rows_come_as_csv_too_and_are_refused_by_number_and_column(known: People, model: str):
    header, row = ",".join(WINE), ",".join(map(str, WINE.values()))
    headers = {"content-type": "text/csv"}
    text = f"\ufeff{header}\r\n{row}\r\n{row.replace('1050', 'NA')}\r\n"
    path = f"{model}/predict"
    said = known.ask("owner", "POST", path, content=text.encode(), headers=headers).json()
    assert len(said["predictions"]) == 2
    assert [(one["row"], one["column"], one["kind"]) for one in said["warnings"]] == [
        (1, "proline", "gap")
    ]
    bad = f"{header}\n{row}\n{row.replace('1050', 'much')}\n"
    refused = known.ask("owner", "POST", path, content=bad.encode(), headers=headers)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": "#/records/1/proline", "detail": 'a number is wanted; got "much"'}
    ]


WIDE = json.dumps([{f"c{row}-{column}": 1 for column in range(20)} for row in range(300)]).encode()
"""Each of its rows has other columns."""


@pytest.mark.parametrize(
    ("content", "media", "status", "words"),
    [
        (b"{", "application/json", 400, "cannot be read as JSON"),
        (b"[]", "application/json", 422, "There is no row"),
        (b"[1]", "application/json", 422, "A row is an object"),
        (b'{"a":' * 99 + b"1" + b"}" * 99, "application/json", 422, "nested too deeply"),
        (b'{"records":[' + b"{}," * 1000 + b"{}]}", "application/json", 422, "at most 1,000"),
        (WIDE, "application/json", 422, "at most 1,000,000 values"),
        (b"a,a\n1,2\n", "text/csv", 422, "twice"),
        (b"a,b\n1\n", "text/csv", 422, "row 0 has 1 fields"),
        (b"\xff", "text/csv", 400, "not CSV"),
        (b"<rows/>", "application/xml", 415, "neither JSON nor CSV"),
    ],
)
def test_what_is_no_row_is_refused(
    known: People, model: str, content: bytes, media: str, status: int, words: str
):
    headers = {"content-type": media}
    refused = known.ask("owner", "POST", f"{model}/predict", content=content, headers=headers)
    assert refused.status_code == status, refused.text
    assert words in refused.text


def test_what_does_not_answer_says_why(known: People, model: str):
    name = f"m-{uuid.uuid4().hex[:8]}"
    unknown = post(known, f"/v1/models/{name}/predict", WINE)
    assert unknown.status_code == 404
    assert post(known, f"{model}/versions/9/predict", WINE).status_code == 404
    post(known, f"{model}/versions/3/retire")
    retired = post(known, f"{model}/versions/3/predict", WINE)
    assert (retired.status_code, "never answers again" in retired.text) == (410, True)


def test_an_export_is_for_those_who_may_read_its_experiment(
    known: People, experiment: tuple[str, str, str, str], model: str
):
    name, at = model.rpartition("/")[2], f"{model}/versions"
    session, python = experiment[0].replace("experiments", "sessions"), {"as": "python"}
    post(known, f"{model}/share", {"user": "other", "may": "promote"})
    refused = known.ask("other", "GET", f"{at}/champion/export", params=python)
    assert refused.status_code == 403
    assert "who may read the experiment as well" in refused.json()["detail"]
    post(known, f"{session}/share", {"user": "other"})
    sent = known.ask("other", "GET", f"{at}/champion/export", params=python)
    assert sent.status_code == 200, sent.text
    assert sent.headers["content-disposition"] == f'attachment; filename="{name}-2.zip"'
    assert sent.headers["etag"] == f'"{hashlib.sha256(sent.content).hexdigest()}"'
    with zipfile.ZipFile(io.BytesIO(sent.content)) as packed:
        assert f"{name}@2" in packed.read("requirements.txt").decode()
        assert {"predict.py", "model.skops", "training.json"} <= {*packed.namelist()}
    post(known, f"{session}/unshare", {"user": "other"})
    assert known.ask("other", "GET", f"{at}/2/export", params=python).status_code == 403


def test_what_cannot_be_exported_is_refused(known: People, model: str):
    at = f"{model}/versions"
    onnx = known.ask("owner", "GET", f"{at}/1/export", params={"as": "onnx"})
    assert onnx.status_code == 200, onnx.text
    refused = known.ask("owner", "GET", f"{at}/champion/export", params={"as": "onnx"})
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "ONNX cannot hold DummyClassifier: there is no converter for it. Export it as python.",
    )
    unknown = known.ask("owner", "GET", f"{at}/1/export", params={"as": "pmml"})
    assert unknown.status_code == 422, unknown.text
    post(known, f"{at}/3/retire")
    gone = known.ask("owner", "GET", f"{at}/3/export", params={"as": "python"})
    assert (gone.status_code, gone.json()["title"]) == (410, "The version is retired")


def put(
    known: People, path: str, content: bytes, who: str = "owner", **more: str
) -> httpx.Response:
    headers = {**WAIT, "Content-Type": "application/zip"}
    return known.ask(who, "PUT", f"{path}/versions", content=content, params=more, headers=headers)


def test_a_model_that_was_made_elsewhere_answers_like_the_file_that_was_sent(known: People):
    made, path = pipeline(), f"/v1/models/i-{uuid.uuid4().hex[:8]}"
    sent = put(known, path, zipped(made), note="of the old team")
    assert (sent.status_code, sent.headers["location"]) == (201, f"{path}/versions/1"), sent.text
    shown = known.ask("owner", "GET", f"{path}/versions/1").json()
    assert (shown["imported"], shown["note"]) == (True, "of the old team")
    assert shown["source"]["estimator"] == "RandomForestClassifier"
    assert put(known, path, zipped(made), "reader").status_code == 409, "it is the owner's"
    assert post(known, f"{path}/promote", {"version": 1}).json()["champion"] == 1

    data = rows(8).dropna()
    answer = post(known, f"{path}/predict", {"records": data.to_dict("records")})
    assert answer.status_code == 200, answer.text
    said = [one["prediction"] for one in answer.json()["predictions"]]
    assert said == made.predict(data).tolist()
    strange = post(known, f"{path}/predict", data.to_dict("records")[0] | {"plan": "gold"})
    assert (strange.status_code, "'gold'" in strange.json()["detail"]) == (422, True)
    tensors = [
        {"name": name, "shape": [1], "datatype": kind, "data": [data.iloc[0][name]]}
        for name, kind in (("age", "FP64"), ("income", "FP64"), ("plan", "BYTES"))
    ]
    answer = post(known, f"/v2/models/{path.rpartition('/')[2]}/infer", {"inputs": tensors})
    assert answer.json()["outputs"][0]["data"] == said[:1], answer.text

    refused = put(known, path, zipped(made, examples="age,income,plan\n1,2,gold\n"))
    assert refused.json()["type"].endswith("import-refused"), refused.text
    assert known.ask("owner", "GET", path).json()["versions"] == 1
    assert post(known, f"{path}/delete").status_code == 200


def test_named_cases_are_asked_at_each_promotion_and_changes_are_kept(known: People, model: str):
    label = post(known, f"{model}/versions/1/predict?purpose=showroom", WINE).json()
    right = label["predictions"][0]["prediction"]
    typical = post(known, f"{model}/cases", {"row": WINE, "name": "typical", "expect": right})
    assert (typical.status_code, typical.json()["number"]) == (201, 1), typical.text
    short = post(known, f"{model}/cases", {"row": {"proline": None, "alcohol": 13}})
    assert short.json()["name"] == "case-2"
    for body, status, kind in (
        ({"row": WINE, "name": "typical"}, 409, "case-exists"),
        ({"row": {"x": "y" * 900} | {f"c{n}": "y" * 900 for n in range(22)}}, 422, "invalid-body"),
        ({"row": {}}, 422, "invalid-body"),
        ({"row": {"proline": [1]}}, 422, "invalid-body"),
        ({"row": WINE, "name": "7"}, 422, "invalid-body"),
    ):
        problem(post(known, f"{model}/cases", body), status, kind)
    problem(post(known, f"{model}/cases/none/remove"), 404, "case-unknown")
    after = {"AutoLearn-After": short.headers["AutoLearn-Reached"]}
    run = known.ask("owner", "GET", f"{model}/versions/1/cases", headers=after).json()
    assert [one.get("as_expected") for one in run["answers"]] == [True, None]
    assert "malic_acid: the column is missing" in run["answers"][1]["failed"]
    shown = known.ask("owner", "GET", f"{model}/prediction-log").json()["items"]
    assert [one["request"] for one in shown] == [label["request"]], "cases are no predictions"
    promoted = post(known, f"{model}/promote", {"version": 1})
    assert promoted.status_code == 200, promoted.text
    left = post(known, f"{model}/cases/1/remove").json()["items"]
    assert [one["name"] for one in left] == ["case-2"]
    assert post(known, f"{model}/rollback").status_code == 200
    first, better, back = known.ask("owner", "GET", f"{model}/timeline").json()["items"]
    assert first["cases"] is None
    compared = better["cases"]
    assert (compared["before"], compared["version"], compared.get("not_run")) == (2, 1, None)
    case, failing = compared["cases"]
    assert (case["after"], case["expect"], case["name"]) == (right, right, "typical")
    assert case["before"] != right, "the dummy says what is most frequent"
    assert failing["failed"] == failing["failed_before"] != ""
    assert (back["cases"]["before"], back["cases"]["version"]) == (1, 2)
    assert [one["name"] for one in back["cases"]["cases"]] == ["case-2"]
    on_log = read_topic(known.environment["AUTOLEARN_KAFKA"], known.topics.events.name)
    key = f"model/{model.rpartition('/')[2]}".encode()
    ours = [one.value for of in on_log.values() for one in of if one.key == key and one.value]
    assert len(ours) > 6
    assert not any(b"proline" in one or b"typical" in one for one in ours)


def test_what_is_asked_of_a_training_is_asked_of_a_model_that_was_made_elsewhere(known: People):
    """Its experiment has the evaluation for the gate, the predictions, and the artifact."""
    made, path = pipeline(), f"/v1/models/i-{uuid.uuid4().hex[:8]}"
    data = rows(40).assign(churn=lambda found: made.predict(found))
    name = f"d-{uuid.uuid4().hex[:8]}"
    table = data.to_csv(index=False).encode()
    added = known.ask("owner", "PUT", f"/v1/catalog/datasets/{name}?target=churn", content=table)
    assert added.status_code == 201, added.text
    imported = put(known, path, zipped(made)).json()
    links, batch = imported["links"], {"dataset": name, "form": "jsonl"}
    assert imported["source"]["artifact"]["stored"], (
        "it is encrypted with the key of the experiment"
    )
    refused = post(known, f"{links['experiment']}/delete")
    assert refused.json()["type"].endswith("experiment-held"), refused.text

    done = post(known, f"{path}/versions/1/predictions", batch)
    said = known.ask("owner", "GET", f"{done.json()['links']['self']}/rows").text.splitlines()
    assert [json.loads(one)["prediction"] for one in said] == data["churn"].tolist()
    lacking = {"training": imported["training"], "metrics": ["f1"]}
    refused = post(known, f"{links['experiment']}/evaluations", lacking)
    assert refused.json()["type"].endswith("dataset-missing"), refused.text
    done = post(known, f"{links['experiment']}/evaluations", {**lacking, "dataset": name})
    assert done.json()["results"]["f1"] == 1.0, done.text
    for require, status in (("f1 > 1", 409), ("f1 >= 1", 200)):
        gate = post(known, f"{path}/promote", {"version": 1, "require": [require]})
        assert gate.status_code == status, gate.text

    began = datetime.now(UTC).isoformat()
    asked = json.loads(data.dropna().drop(columns="churn").to_json(orient="records"))
    assert post(known, f"{path}/predict", {"records": asked}).status_code == 200
    replayed = post(known, f"{path}/backtests", {"version": 1, "since": began}).json()
    assert (replayed["rows"], replayed["comparison"]["equal"]) == (len(asked), len(asked))
    listed = known.ask("owner", "GET", f"{path}/backtests").json()["items"]
    assert [one["id"] for one in listed] == [replayed["id"]]

    at = f"{path}/versions/1/export"
    sent = known.ask("owner", "GET", at, params={"as": "python"})
    with zipfile.ZipFile(io.BytesIO(sent.content)) as packed:
        assert "was imported" in packed.read("requirements.txt").decode()
    refused = known.ask("owner", "GET", at, params={"as": "onnx"})
    assert refused.json()["type"].endswith("export-refused"), refused.text
