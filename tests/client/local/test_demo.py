"""How `autolearn demo` compares; tests/system/test_wheel.py tells the whole story."""

from pathlib import Path

import msgspec

from autolearn.client.cli.demo.compare import DemoState, differences
from autolearn.client.sdk.sessions import ExperimentWithRuns
from autolearn.schemas.rest.models import Inference
from autolearn.schemas.rest.predictions import RecordedPrediction

ROOT = Path(__file__).parents[3]


def test_what_differs_is_told_view_by_view_and_line_by_line():
    experiment = ExperimentWithRuns(
        id="e",
        title="a",
        created="1",
        committed="2",
        actor="",
        sequence=1,
        training_data=(),
        evaluation_data=(),
        counts={},
        links={},
    )
    answers = Inference(model="m", version=1, request="", predictions=[{"prediction": "Adelie"}])
    recorded = RecordedPrediction(
        request="r",
        time="3",
        model="m",
        version=1,
        rows=1,
        actor="ada",
        route="",
        client="",
        instance="",
        trace="",
        duration=1.0,
        warned={},
        outputs={"prediction": ["Adelie"]},
    )
    before = DemoState({"sessions": "aa", "answers": "bb"}, experiment, answers, recorded)
    other = msgspec.structs.replace(experiment, title="b")
    another = msgspec.structs.replace(answers, version=2)
    lost = msgspec.structs.replace(recorded, outputs=None)
    after = DemoState({"sessions": "aa", "answers": "cc"}, other, another, lost)
    assert differences(before, before) == []
    found = differences(before, after)
    assert found[0] == "view answers: bb before, cc after"
    assert '-  "title": "a",' in found
    assert '+  "title": "b",' in found
    assert '+  "version": 2,' in found
    assert '+  "outputs": null,' in found


def test_the_csv_that_ships_with_the_package_is_the_example():
    shipped = ROOT / "client" / "cli" / "demo" / "penguins.csv"
    assert shipped.read_bytes() == (ROOT / "examples" / "penguins.csv").read_bytes()
