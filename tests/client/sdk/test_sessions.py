"""`autolearn status` and `dead-letters`, and the metrics of all processes, on a real system."""

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.schemas.prometheus import INSTRUMENTS
from tests.support.cli_processes import Said, Up, autolearn
from tests.support.waiting import until

pytestmark = pytest.mark.kafka


def say(running: Up, *words: object, **settings: object) -> Said:
    return autolearn(*words, home=running.home, **(running.settings | settings))


def until_well(running: Up) -> Said:
    """What status says once nothing needs attention and nothing runs: the first heartbeat may be
    to come, and a run of another test may just have ended.
    """

    def well() -> Said | None:
        said = say(running, "status", "--all")
        return said if said.code == 0 and "0 of 1" in said.out else None

    said: Said = until(well, "nothing needs attention")
    return said


def test_status_of_a_system_that_is_well(running: Up):
    said = until_well(running)
    assert "Nothing needs attention." in said.out
    for word in ("Brokers", "Topics", "Processes", "Deciders", "Workers", "Disk"):
        assert f"\n{word}\n" in said.out
    assert f"{running.settings['topic_prefix']}.events" in said.out
    document = json.loads(say(running, "status", "-o", "json").out)
    assert document["findings"] == []
    assert document["told_by"].startswith("api-0 on ")


def test_status_without_an_api_is_told_by_the_brokers(running: Up):
    until_well(running)
    said = say(running, "status", url="http://127.0.0.1:9")
    assert said.code == 1
    assert "told by the command line" in said.out
    assert "no-api: http://127.0.0.1:9: " in said.out
    document = json.loads(say(running, "status", "-o", "json", url="http://127.0.0.1:9").out)
    with_api = json.loads(say(running, "status", "-o", "json").out)
    assert [finding["kind"] for finding in document["findings"]] == ["no-api"]
    for part in ("brokers", "terms"):
        assert document[part] == with_api[part]
    assert len(document["workers"]) == len(with_api["workers"]) == 1
    assert {one["name"] for one in document["processes"]} == {
        one["name"] for one in with_api["processes"] if one["name"] != "api"
    }


def test_status_where_nothing_answers(tmp_path: Path):
    said = autolearn("status", home=tmp_path / "home", kafka="127.0.0.1:9")
    assert said.code == 3
    assert "no-api" in said.out
    assert "brokers-unknown: No answer from 127.0.0.1:9" in said.out
    assert "\ndisk " in said.out


def test_a_dead_letter_from_its_finding_to_its_retry(running: Up, kafka: str, tmp_path: Path):
    session = str(uuid.uuid4())
    command: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "tests",
        "type": "autolearn.OpenSession.v1",
        "subject": f"session/{session}",
        "time": "2026-01-01T00:00:00Z",
        "data": {"title": "put back"},
    }
    log = KafkaLog(kafka)
    broken = json.dumps(command | {"data": {"title": 1}, "id": "a-1"}).encode() + b"\x1b[2J"
    log.append(f"{running.settings['topic_prefix']}.commands", broken, key=command["subject"])
    log.close()
    until(lambda: "dead-letters: 1 " in say(running, "status").out, "the finding")
    assert say(running, "status").code == 1
    listed = say(running, "dead-letters", "list")
    assert (listed.code, "0-0" in listed.out, "open" in listed.out) == (0, True, True)
    nothing = say(running, "dead-letters", "list", "--reason", "no such words")
    assert nothing.out == "There are none.\n"
    shown = say(running, "dead-letters", "show", "0-0")
    assert '{"specversion"' in shown.out
    assert "\x1b" not in shown.out
    refused = say(running, "dead-letters", "retry", "0-0")
    assert refused.code == 4
    assert "--value FILE" in refused.err
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text("[1]")
    good.write_text(json.dumps(command))
    assert say(running, "dead-letters", "retry", "0-0", "--value", bad).code == 2
    for _ in range(2):
        done = say(running, "dead-letters", "retry", "0-0", "--value", good)
        assert (done.code, done.err) == (0, "")
        assert "is accepted by autolearn.SessionOpened.v1" in done.out
    assert "put back" in say(running, "session", "show", session).out
    assert json.loads(say(running, "dead-letters", "show", "0-0", "-o", "json").out)["state"] == (
        "accepted"
    )
    until_well(running)
    assert say(running, "dead-letters", "show", "0-1").code == 4


def samples(url: str, token: str = "") -> set[str]:
    """The names of ours at a /metrics, as the table has them."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.get(url, headers=headers, trust_env=False)
    families = text_string_to_metric_families(answer.text)
    names = {f"{one.name}_total" if one.type == "counter" else one.name for one in families}
    return {name for name in names if name.startswith("autolearn_") and "_created" not in name}


def test_every_metric_of_the_table_is_exposed_where_it_says_and_no_other(running: Up):
    assert say(running, "session", "open").code == 0
    assert say(running, "train", "svm", "iris").code == 0
    until_well(running)
    found = {}
    for file in (running.home / "metrics").iterdir():
        ((about),) = json.loads(file.read_text())
        assert about["labels"] == {"autolearn_process": file.stem}
        (target,) = about["targets"]
        assert running.settings["metrics"] != target, "that port is taken"
        found[file.stem] = samples(f"http://{target}/metrics")
    document = json.loads(say(running, "status", "-o", "json").out)
    assert document["findings"] == []
    url = json.loads((running.home / "up.json").read_text())["url"]
    api = samples(f"{url}/metrics", say(running, "token", "show").out.strip())
    agents = ("decide", "dispatch", "supervise", "monitor")
    assert found[f"{'-'.join(agents)}-0"] == where(*agents)
    assert found["work-0"] == where("work")
    assert where("api") - api == {"autolearn_findings"}, "there are none"
    assert api <= where("api")


def where(*types: str) -> set[str]:
    return {name for name, about in INSTRUMENTS.items() if {*types} & {*about.where}}
