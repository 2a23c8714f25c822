"""A pipeline that forecasts, from the template: a model for each time ahead, beside naive ones."""

import csv
import hashlib
import io
import math
import random
import struct
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from autolearn.schemas.pipelines.templates import template
from autolearn.schemas.values import Column

WAIT = {"Prefer": "wait=120"}
HOURS = 500
TEST = 0.2


def load_of(hours: int) -> list[float]:
    """A day's wave with noise that lasts for some hours."""
    chance, noise, values = random.Random(7), 0.0, []
    for hour in range(hours):
        noise = 0.8 * noise + chance.gauss(0, 3)
        values.append(round(100 + 20 * math.sin(hour * math.tau / 24) + noise, 2))
    return values


@pytest.fixture(scope="module")
def load(http: httpx.Client) -> list[float]:
    """The hourly dataset `load`."""
    values = load_of(HOURS)
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["when", "load"])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines.writerows(
        [(start + timedelta(hours=hour)).isoformat(), value] for hour, value in enumerate(values)
    )
    put = http.put("/v1/catalog/datasets/load", content=text.getvalue().encode())
    assert put.status_code == 201, put.text
    return values


def run(http: httpx.Client, name: str, text: str) -> dict:
    applied = http.post("/v1/pipelines", json={"text": text})
    assert applied.status_code == 201, applied.text
    started = http.post(f"/v1/pipelines/{name}/runs", json={}, headers=WAIT)
    assert started.status_code == 201, started.text
    return started.json()


def test_the_template_forecasts_from_end_to_end(http: httpx.Client, load: list[float]):
    columns = (Column("when", "timestamp"), Column("load", "number"))
    text = template(
        "forecast", name="power", file="load.csv", columns=columns, target="load",
        ahead=("1h", "1d"),
    )  # fmt: skip
    for old, new in (
        ("{file: load.csv}", "{dataset: load}"),
        ("default: 0.25", "default: 0.2"),
        ("hist-gradient-boosting-regressor", "dummy-regressor"),  # it takes seconds
    ):
        assert old in text
        text = text.replace(old, new)
    ended = run(http, "power", text)
    assert ended["status"] == "completed", ended
    gave = {step["name"]: step["gave"] for step in ended["steps"]}
    chosen = gave["compare"]
    assert [*chosen["bests"]] == ["1d", "1h"]
    assert not chosen.get("best")
    assert gave["promote"]["versions"] == {"power-1d": 1, "power-1h": 1}

    rows = len(load) - 7  # those with a lag of 7
    experiment = f"/v1/experiments/{ended['trained_in']}"
    evaluations = [
        http.get(f"{experiment}/evaluations/{one}").json() for one in chosen["evaluations"]
    ]
    for horizon, later, season in (("1h", 1, 168), ("1d", 24, 168)):
        with_target = range(7, len(load) - later)
        held_out = [*with_target][-math.ceil(TEST * len(with_target)) :]
        numbers = [hour - 7 for hour in held_out]
        naive = chosen["naive"][horizon]
        for name, back in (("last value", later), ("7d before", season)):
            errors = [abs(load[hour + later] - load[hour + later - back]) for hour in held_out]
            assert naive[name]["mae"] == pytest.approx(sum(errors) / len(errors))
        best = chosen["bests"][horizon]
        scores = {run: chosen["scores"][run]["mae"] for run in chosen["trainings"]}
        rivals = [run for run, one in chosen["horizons"].items() if one == horizon]
        assert scores[best] == min(scores[run] for run in rivals)
        training = http.get(f"{experiment}/trainings/{best}").json()
        assert (training["target"], training["split"]["by"]) == (f"load in {horizon}", "time")
        assert {name for name in training["left_out"] if name.startswith("load in")} == {
            name for name in (
                "load in 1h", "load in 1h, 7d before", "load in 1d", "load in 1d, 7d before"
            ) if name != f"load in {horizon}"
        }  # fmt: skip
        rows_of = {one["training"]: one["rows_sha256"] for one in evaluations}
        expected = hashlib.sha256(struct.pack(f"<{len(numbers)}q", *numbers)).hexdigest()
        assert rows_of[best] == expected, "both are measured on the very same rows"

    deliver = next(step for step in ended["steps"] if step["name"] == "deliver")
    file = http.get(f"{deliver['links']['files']}/rows.csv").text
    lines = [*csv.DictReader(io.StringIO(file))]
    assert len(lines) == rows, "also the last rows, whose future is not known yet"
    assert [*lines[0]][-2:] == ["load in 1h", "load in 1d"]
    known = [
        abs(float(line["load in 1h"]) - load[hour + 8]) for hour, line in enumerate(lines[:-1])
    ]
    assert sum(known) / len(known) < 6


def test_a_forecast_that_cannot_be_made_says_why(http: httpx.Client, load: list[float]):
    assert load
    ended = run(
        http, "odd",
        "pipeline: odd\nsteps:\n  - source: {dataset: load}\n  - split: {by: time, column: when}\n"
        "  - train: {estimator: ridge, target: {column: load, ahead: 30m}}\n",
    )  # fmt: skip
    assert ended["status"] == "failed", ended
    assert "train: input: no row is exactly 30m after another" in ended["detail"]
