"""Training, evaluation and the catalog through the real fork server; and what stays light."""

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil

from autolearn.agents.executors.executor import Completed, Failed
from autolearn.agents.executors.local.executor import LocalExecutor
from autolearn.artifacts.store.store import ArtifactStore
from autolearn.ml.plugins import load_estimators, load_metrics, load_steps
from autolearn.ml.results import CatalogResult
from autolearn.ml.training.train import train
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.pipelines.results import TABLE
from autolearn.schemas.results import EvaluationResult, TrainingResult
from tests.support.run_executor import ENOUGH
from tests.support.run_samples import evaluation, nothing, step, training

KEY, OTHER = b"k" * 32, b"o" * 32


def test_light_modules_import_nothing_that_learns() -> None:
    program = (
        "import sys\n"
        "import autolearn.agents.worker.worker\n"
        "import autolearn.artifacts.datasets.sandbox, autolearn.artifacts.store.store\n"
        "heavy = {'sklearn', 'pandas', 'numpy', 'pyarrow', 'skops', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr


def test_the_real_thing(tmp_path: Path) -> None:
    """A training and an evaluation, and everything on offer, through the real fork server."""
    store = ArtifactStore((tmp_path / "store").as_uri())

    async def story() -> None:
        executor = LocalExecutor(store.url)
        try:
            await executor.warm()
            assert executor.server_pid is not None
            assert psutil.Process(executor.server_pid).num_threads() == 1
            request = training(store)
            phases: list[str] = []
            outcome = await executor.start("training", request, ENOUGH, phases.append).outcome()
            assert isinstance(outcome, Completed)
            assert isinstance(outcome.result, TrainingResult)
            assert phases == ["reading", "fitting", "storing"]
            assert outcome.result.artifact == train(request, store, nothing).artifact
            asked = evaluation(outcome.result.artifact.digest, ("accuracy",), request.dataset)
            scored = await executor.start("evaluation", asked, ENOUGH).outcome()
            assert isinstance(scored, Completed)
            assert isinstance(scored.result, EvaluationResult)
            assert scored.result.results["accuracy"] > 0.9
            refused = await executor.start(
                "training", training(store, target="x"), ENOUGH
            ).outcome()
            assert isinstance(refused, Failed)
            assert refused.reason == "input"
            assert "no column 'x'" in refused.detail

            penguins = DatasetSpec(
                request.dataset.name, request.dataset.version, "csv", 0, 150, (), "",
                read=request.read,
            )  # fmt: skip
            first = step("select", {"limit": 100}, penguins)
            made = await executor.start("step", first, ENOUGH, key=KEY).outcome()
            assert isinstance(made, Completed), made
            table = made.result.table
            assert (table.rows, table.folder) == (100, made.result.artifact.stored)
            second = step("sample", {"rows": 7}, table)
            keyless = await executor.start("step", second, ENOUGH, key=OTHER).outcome()
            assert isinstance(keyless, Failed)
            assert "its key is not there" in keyless.detail
            keys = {table.ref.place: KEY}
            drawn = await executor.start(
                "step", second, ENOUGH, key=OTHER, input_keys=keys
            ).outcome()
            assert isinstance(drawn, Completed), drawn
            assert drawn.result.report.rows_in == (100,)
            assert drawn.result.table.columns[0].type == "string"
            again = await executor.start("step", second, ENOUGH, input_keys=keys).outcome()
            assert isinstance(again, Completed)
            assert again.result.artifact.digest == drawn.result.artifact.digest
            assert again.result.artifact.files[TABLE] == drawn.result.table.version

            catalog = await executor.start("catalog", None, ENOUGH).outcome()
            assert isinstance(catalog, Completed)
            found = catalog.result
            assert isinstance(found, CatalogResult)
            offered = load_estimators().found, load_metrics().found, load_steps().found
            counts = [len(found.estimators), len(found.metrics), len(found.steps)]
            assert counts == [*map(len, offered)]
            assert len(found.datasets) == 6
            assert found.problems == ()
            assert all(store.exists(spec.version) for spec in found.datasets)
        finally:
            await executor.close()

    asyncio.run(story())
