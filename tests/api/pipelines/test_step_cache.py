"""A cached result is taken only while all that it is made of is there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autolearn.api.services.pipelines.step_cache import unusable
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.schemas.pipelines.results import StepGave, StepOutcome
from autolearn.schemas.values import RunId


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_training_whose_artifact_is_harmed_is_no_cached_result(tmp_path: Path, harm: str):
    store = ArtifactStore((tmp_path / "store").as_uri())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.skops").write_bytes(b"a model")
    artifact = store.put_folder(tmp_path / "model")
    gave = StepGave(trainings=(RunId("t1"),), artifacts={"t1": artifact})
    outcome = StepOutcome(step="train", kind="train", status="completed", gave=gave)
    now: Any = SimpleNamespace(sessions=None)
    context: Any = SimpleNamespace(
        artifacts=store, scratch=None, queries=SimpleNamespace(now=lambda: now)
    )
    who: Any = None

    def fault() -> str:
        return unusable(context, who, "p", RunId("r2"), (RunId("r1"), outcome), set())

    assert fault() == ""
    folder = store.fetch_folder(artifact.folder, tmp_path)
    file = folder / "model.skops"
    file.chmod(0o600)
    folder.chmod(0o700)
    file.write_bytes(b"another") if harm == "damaged" else file.unlink()
    assert fault() == "its result before is damaged or gone"
