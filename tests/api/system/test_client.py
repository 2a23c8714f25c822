"""The Python client against the real API: one story, told by both clients."""

import asyncio
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from autolearn.client.sdk.client import AsyncAutoLearn, AutoLearn
from autolearn.client.sdk.errors import Problem
from tests.api.conftest import System

CSV = "height,kind\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(40))


@pytest.mark.long
def test_the_story_with_the_blocking_client(system: System, tmp_path: Path):
    (tmp_path / "by-hand.csv").write_text(CSV)
    with AutoLearn(system.first.url) as autolearn:
        assert autolearn.ready().status == "ready"
        assert {"svm", "ridge"} <= {model.name for model in autolearn.estimators()}
        dataset = autolearn.upload_dataset(tmp_path / "by-hand.csv", target="kind")
        assert (dataset.name, dataset.rows) == ("by-hand", 40)
        at = autolearn.position().token
        session = autolearn.sessions.open("by hand")
        training = session.train(
            "decision-tree", "by-hand", hyperparameters={"max_depth": 1}, wait=60
        )
        assert (training.status, training.reason) == ("completed", "")
        assert training.artifact is not None
        evaluation = session.evaluate(training.id, ["f1"], wait=60)
        assert 0 <= evaluation.results["f1"] <= 1
        assert session.content().counts["evaluations"] == {"completed": 1}
        assert [run.id for run in session.trainings(status="completed")] == [training.id]
        with pytest.raises(Problem) as raised:
            session.train("decisiontree", "by-hand")
        assert raised.value.kind == "unknown-estimator"
        experiment = session.commit([training])
        assert experiment.evaluations()[0].id == evaluation.id
        artifact = training.download(tmp_path / "model")
        for file in artifact.files:
            content = (tmp_path / "model" / file.name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file.sha256
        events = autolearn.events(after=at, limit=1000).items
        told = [e["type"].split(".")[1] for e in events if e["subject"] == f"session/{session.id}"]
        assert told == [
            "SessionOpened",
            *("TrainingRequested", "RunStarted", "RunCompleted"),
            *("EvaluationRequested", "RunStarted", "RunCompleted"),
            "SessionCommitted",
        ]


def test_the_story_with_the_async_client(system: System, tmp_path: Path):
    async def story() -> None:
        async with AsyncAutoLearn(system.second.url) as autolearn:
            session = await autolearn.sessions.open()
            runs = await asyncio.gather(
                *(session.train("naive-bayes", "iris", seed=seed, wait=60) for seed in range(4))
            )
            assert [run.status for run in runs] == ["completed"] * 4
            assert len({run.id for run in runs}) == 4
            artifact = await runs[0].download(tmp_path / "model")
            assert (tmp_path / "model" / artifact.files[0].name).exists()
            assert (await session.discard()).cancelled == ()
            with pytest.raises(Problem) as raised:
                await session.content()
            assert raised.value.status == 410

    asyncio.run(story())


def test_a_data_frame_comes_back_as_it_was(system: System):
    """What is read of the Parquet file that was made of it, and what a run learns."""
    rows = range(40)
    frame = pd.DataFrame(
        {
            "size": [None if row % 9 == 0 else row / 2 for row in rows],
            "plan": [None if row % 7 == 0 else f"p{row % 3}" for row in rows],
            "paid": [row % 4 == 0 for row in rows],
            "since": pd.Timestamp("2024-05-01") + pd.to_timedelta(rows, unit="h"),
            "tier": pd.Categorical([row % 2 for row in rows]),
            "kind": ["ab"[row % 2] for row in rows],
        }
    )
    with AutoLearn(system.first.url) as al:
        made = al.dataset(frame, name="frame", target="kind")
        events = len(al.events(stream="dataset/frame").items)
        assert al.dataset(frame.copy(), name="frame").version == made.version
        assert len(al.events(stream="dataset/frame").items) == events == 1
        back = al.dataset("frame").to_pandas()
        expected = frame.assign(tier=[str(row % 2) for row in rows])
        pd.testing.assert_frame_equal(back, expected, check_dtype=False)
        assert made.columns["type"].to_dict() == {
            "size": "number",
            "plan": "string",
            "paid": "boolean",
            "since": "timestamp",
            "tier": "string",
            "kind": "string",
        }
        with al.session("frames") as session:
            run = session.train("decision-tree", made, metrics=["f1", "confusion-matrix"])
            assert (run.dataset.version, run.results["f1"]) == (made.version, 1.0)
            pipeline = run.pipeline()
            seconds = frame["since"].astype("int64") / 10**6
            features = frame.assign(since=seconds, tier=frame["tier"].astype(str))
            features["paid"] = features["paid"].map({True: "true", False: "false"})
            assert set(pipeline.predict(features)) == {"a", "b"}
            session.discard()
