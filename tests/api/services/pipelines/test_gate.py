"""The gate of a pipeline on new data: champion and challenger are measured on the same rows."""

import csv
import io
import random
from typing import Any

import httpx

WAIT = {"Prefer": "wait=60"}
FILE = """
pipeline: {name}
steps:
  - source: {{dataset: {name}}}
  - split: {{by: {by}}}
  - train: {{target: leaves, estimator: decision-tree, hyperparameters: {{max_depth: {depth}}}}}
  - evaluate: {{metrics: [accuracy]}}
  - promote: {{model: {name}, require: ["accuracy >= champion"]}}
{more}
"""


def put(http: httpx.Client, name: str, rows: int, noise: float, column: str = "b") -> None:
    """A version of a dataset, of which the first rows are those of every other one."""
    chance, text = random.Random(3), io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["a", column, "leaves"])
    for _ in range(rows):
        a, b, flips = (round(chance.random(), 6) for _ in range(3))
        lines.writerow([a, b, "yes" if (a + b > 1) != (flips < noise) else "no"])
    answer = http.put(
        f"/v1/catalog/datasets/{name}?accept_changes=true", content=text.getvalue().encode()
    )
    assert answer.status_code == 201, answer.text


def promoted(http: httpx.Client, name: str, **how: Any) -> dict[str, Any]:
    """Run the pipeline; return its step `promote`."""
    file = FILE.format(name=name, **{"by": "hash", "depth": 4, "more": "", **how})
    applied = http.post("/v1/pipelines", json={"text": file})
    assert applied.status_code in (200, 201), applied.text
    ended = http.post(f"/v1/pipelines/{name}/runs", json={}, headers=WAIT).json()
    step: dict[str, Any] = ended["steps"][-1]
    assert (step["kind"], ended["status"]) == ("promote", how.get("ends", "completed")), ended
    return step


def champion(http: httpx.Client, name: str) -> int:
    found: int = http.get(f"/v1/models/{name}").json()["champion"]
    return found


def test_a_model_is_renewed_on_new_data_and_kept_from_worse(http: httpx.Client):
    name = "gate"
    put(http, name, 200, 0.4)
    assert promoted(http, name)["gave"]["notes"] == [
        "there is no champion yet, so nothing is required of it", "version 1 answers as champion"
    ]  # fmt: skip

    put(http, name, 400, 0.0)
    (note,) = promoted(http, name)["gave"]["notes"]
    (change,) = http.get(f"/v1/models/{name}/timeline").json()["items"][-1:]
    (shown,) = change["evidence"]
    mine, other = shown["candidate"], shown["other"]
    assert champion(http, name) == mine["version"] == 2
    assert (other["version"], other["rows_sha256"]) == (1, mine["rows_sha256"])
    assert mine["value"] > other["value"]
    assert f"version 2 has {mine['value']:.6g}, and champion (version 1)" in note
    version = http.get(f"/v1/models/{name}/versions/1").json()
    asked = http.get(f"/v1/experiments/{version['experiment']}/evaluations").json()["items"][-1]
    assert (asked["id"], asked["held_out"]) == (other["evaluation"], False)
    assert asked["held_out_by"]["split"]["whole"] is True
    assert asked["rows"] < 200, "the others were trained on"

    (note,) = promoted(http, name, depth=1)["gave"]["notes"]
    assert "version 3 is not promoted: " in note
    assert f"and champion (version 2) {mine['value']:.6g}, on the same rows" in note
    assert champion(http, name) == 2

    rolled = http.post(f"/v1/models/{name}/rollback", json={"reason": "too bold"})
    assert rolled.status_code == 200, rolled.text
    again = promoted(http, name)
    assert (again["status"], again["why"]) == ("completed", "another version may answer by now")
    assert "champion was rolled back from it" in again["gave"]["notes"][-1]
    assert champion(http, name) == 1


def test_a_champion_that_cannot_be_measured_stays_and_what_flatters_it_is_said(http: httpx.Client):
    name = "gate-2"
    put(http, name, 100, 0.1)
    promoted(http, name, by="random")
    put(http, name, 150, 0.1)
    cut = promoted(http, name, more="    time_limit: 0.001", ends="failed")
    assert cut["why"].startswith("champion (version 1) was not measured on the same rows: time: ")
    assert http.get(f"/v1/models/{name}").json()["versions"] == 1, "nothing is half done"
    *_, note = promoted(http, name)["gave"]["notes"]
    assert "version 1 may have learned from some of these rows, which flatters it" in note

    before = champion(http, name)
    put(http, name, 150, 0.1, column="c")
    (note,) = promoted(http, name)["gave"]["notes"]
    words = f"version 3 is not promoted: champion (version {before}) cannot be measured on the same"
    assert note.startswith(words)
    assert "gate-2 lacks b" in note
    assert champion(http, name) == before
