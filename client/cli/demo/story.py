"""The main job as a story, on a real Kafka: from an empty folder to a state rebuilt from the log.

Every step prints what it does and how long it took. Nothing is taken on trust: the API's answers
before the state is deleted are compared with those after it was rebuilt.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from autolearn.client.cli.demo.compare import DemoState, differences, take
from autolearn.client.cli.output import console, rows, short
from autolearn.client.cli.run_progress import RunProgress, what
from autolearn.client.cli.tables import catalog, models, runs, sessions
from autolearn.client.cli.tables.pipelines import runs as pipeline_runs
from autolearn.client.local.system import System, install_kafka
from autolearn.client.sdk.client import AsyncAutoLearn
from autolearn.client.sdk.sessions import AsyncSessionHandle
from autolearn.runtime.process import read_settings
from autolearn.runtime.state_folders import delete_state
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.runs import Evaluation, Training
from autolearn.schemas.settings import Settings

_CLASSIFIERS = ("logistic-regression", "decision-tree", "random-forest", "svm", "naive-bayes")
_METRICS = ("precision", "recall")
BUNDLED, OWN, OWN_TARGET = "breast-cancer", "penguins", "species"
_PIPELINE = f"""pipeline: {OWN}
steps:
  - source: {{dataset: {OWN}}}
  - features: {{add: {{bill_area: "bill_length_mm * bill_depth_mm"}}}}
  - split: {{test: 0.25}}
  - train: {{candidates: [logistic-regression, random-forest]}}
  - evaluate: {{metrics: [f1]}}
"""
_PATIENCE = 120.0
"""Seconds after which unfinished work is given up."""
_SAME = (
    "The rebuilt state is the same: every digest, the experiment's JSON, the model's answers, and "
    "the prediction log."
)
_LOOK = 0.25
"""Seconds between two checks of the work."""


class DemoFailed(AutoLearnError):
    """The story failed."""

    title = "The demo failed"


def run_demo(home: Path | None, *, keep: bool = False) -> int:
    """Run the story; return 0 if the rebuilt state is the same, otherwise 1.

    `home` stays at the end. Without it a temporary folder is used; it is deleted after a success,
    or on Ctrl-C, unless `keep`. On brokers of the settings, it uses topics of its own, and leaves
    them.

    Raises:
        AutoLearnError: a step failed.
    """
    settings = read_settings()
    if not settings.kafka.brokers:
        install_kafka()
    folder = home or Path(tempfile.mkdtemp(prefix="autolearn-demo-"))
    chosen = replace(settings, home=str(folder), api=replace(settings.api, port=0))
    if settings.kafka.brokers:  # a cluster of the user's: keep away from its topics
        prefix = f"{settings.kafka.topic_prefix[:40]}-demo-{uuid.uuid4().hex[:8]}"
        chosen = replace(chosen, kafka=replace(chosen.kafka, topic_prefix=prefix))
    out = console()
    code = 1
    try:
        code = asyncio.run(_Story(chosen, out).tell())
    except KeyboardInterrupt:
        code = 0
        raise
    finally:
        if home is None and not keep and code == 0:
            shutil.rmtree(folder, ignore_errors=True)
        elif home is None:
            out.print(f"Everything is left in {folder}", markup=False)
    return code


def _three_rows() -> str:
    """Return the header and three rows of the penguins, one of each species."""
    with as_file(files("autolearn.client.cli.demo") / "penguins.csv") as path:
        lines = path.read_text().splitlines()
    return "\n".join([lines[0], lines[1], lines[153], lines[277]])


class _Story:
    """The steps, in order. `took` holds the seconds of each."""

    def __init__(self, settings: Settings, out: Console) -> None:
        self.settings, self.out = settings, out
        self.took: list[tuple[str, float]] = []

    async def tell(self) -> int:
        """Run the whole story, and return the exit code."""
        began = time.monotonic()
        system = System(self.settings, self.say)
        try:
            before = await self._first_life(system)
            with self.step("Delete every RocksDB folder"):
                for folder in delete_state(system.home):
                    self.say(f"  deleted {folder.relative_to(system.home)}")
            code = await self._second_life(system, before)
        finally:
            await system.stop()
        self.took.append(("in all", time.monotonic() - began))
        self.say("")
        self.out.print(rows(("step", "seconds"), [(name, f"{s:.1f}") for name, s in self.took]))
        return code

    async def _first_life(self, system: System) -> DemoState:
        """Do the main job on a new system, and stop it; return its last state."""
        with self.step("Start everything on an empty folder"):
            await system.start()
        async with AsyncAutoLearn(system.url, token=system.token) as client:
            with self.step("List the catalog"):
                await self._show_catalog(client)
            with self.step("Open a session, and add a CSV with missing values and categories"):
                session = await client.session("demo")
                self.say(f"  session {session.id}")
                await self._add_penguins(client)
            with self.step(f"Train {len(_CLASSIFIERS)} classifiers on two datasets, all at once"):
                trained = await self.train(session)
            with self.step(f"Evaluate {' and '.join(_METRICS)} on the held-out rows"):
                evaluated = await self.evaluate(session, trained)
                self._show_scores(trained, evaluated)
            with self.step("Commit: the session becomes an experiment"):
                experiment = await session.commit()
                self.out.print(sessions.experiment(await experiment.content()))
            with self.step("Let the best classifier of the penguins answer, and ask it three rows"):
                await self._publish_best(client, trained, evaluated)
                before = await take(client, experiment.id, OWN, _three_rows())
                self.out.print(models.answers(before.answers))
                self.out.print(models.predictions([before.recorded]))
            with self.step("Note the digest of every view"):
                self._show_digests(before)
        with self.step("Stop everything"):
            await system.stop()
        return before

    async def _second_life(self, system: System, before: DemoState) -> int:
        """Start without any state, and compare with the state before."""
        with self.step("Start again: everything is rebuilt from the log"):
            await system.start()
        with self.step("Compare"):
            async with AsyncAutoLearn(system.url, token=system.token) as client:
                first = before.recorded.request
                after = await take(client, before.experiment.id, OWN, _three_rows(), first)
            self._show_digests(before, after)
            differs = differences(before, after)
            for line in differs:
                self.say(f"  {line}")
            if differs:
                self.say("The rebuilt state DIFFERS.")
            else:
                self.say(_SAME)
        with self.step("Apply a pipeline of five steps, and run it twice"):
            async with AsyncAutoLearn(system.url, token=system.token) as client:
                await self._run_pipeline(client)
        with self.step("Stop everything again"):
            await system.stop()
        return 1 if differs else 0

    async def _run_pipeline(self, client: AsyncAutoLearn) -> None:
        """Run a pipeline, and again: nothing has changed, so nothing is computed.

        Raises:
            DemoFailed: the second run did not take every step from the cache.
        """
        self.say(_PIPELINE)
        pipeline = await client.pipelines.apply(_PIPELINE)
        for _ in range(2):
            run = await pipeline.run()
            self.out.print(pipeline_runs.steps(run.data))
        if run.data.counts != {"cached": len(run.data.steps)}:
            raise DemoFailed(f"The second run was not all from the cache: {run.data.counts}.")
        self.say("The second run came from the cache, each result checked by its hash.")

    async def _show_catalog(self, client: AsyncAutoLearn) -> None:
        self.out.print(catalog.estimators(await client.estimators()), "")
        self.out.print(catalog.metrics(await client.metrics()), "")
        self.out.print(catalog.datasets(one.data for one in await client.datasets()))

    async def _add_penguins(self, client: AsyncAutoLearn) -> None:
        with as_file(files("autolearn.client.cli.demo") / "penguins.csv") as path:
            added = await client.upload_dataset(path, OWN, target=OWN_TARGET)
        self.out.print(catalog.dataset(added.data, [added.data]))

    async def train(self, session: AsyncSessionHandle) -> list[Training]:
        """Train every classifier on both datasets, all at the same time."""
        asked = [
            session.train(model, data, wait=False)
            for data in (BUNDLED, OWN)
            for model in _CLASSIFIERS
        ]
        started = await asyncio.gather(*asked)
        await self.watch(session, [one.data for one in started])
        found = {one.id: one.data async for one in session.trainings()}
        return [found[one.data.id] for one in started]

    async def evaluate(
        self, session: AsyncSessionHandle, trained: Sequence[Training]
    ) -> list[Evaluation]:
        """Measure every artifact, all at the same time."""
        asked = [session.evaluate(one.id, _METRICS, wait=False) for one in trained]
        started = await asyncio.gather(*asked)
        await self.watch(session, [one.data for one in started])
        found = {one.id: one.data async for one in session.evaluations()}
        return [found[one.data.id] for one in started]

    async def _publish_best(
        self, client: AsyncAutoLearn, trained: Sequence[Training], evaluated: Sequence[Evaluation]
    ) -> None:
        """Register the best training of the penguins as a model, and promote it through a gate."""
        recall = {one.training: one.results["recall"] for one in evaluated}
        own = [one for one in trained if one.dataset.name == OWN]
        best = max(own, key=lambda one: recall[one.id])
        model = await client.publish_model(
            OWN, best.id, require=["recall >= 0.8"], reason="the best of the demo"
        )
        self.say(f"  {best.estimator} is {model.name}@{model.champion}, the champion")
        self.out.print(models.timeline([one async for one in model.history()]))

    async def watch(
        self, session: AsyncSessionHandle, started: Sequence[Training | Evaluation]
    ) -> None:
        """Show runs until all have ended.

        Raises:
            DemoFailed: one did not complete, or not in time.
        """
        wanted, until = {one.id for one in started}, time.monotonic() + _PATIENCE
        with RunProgress() as board:
            while True:
                now = await session.content()
                runs: list[Training | Evaluation] = [*now.trainings, *now.evaluations]
                found = [run for run in runs if run.id in wanted]
                labels = {one.id: f"{one.estimator} on {one.dataset.name}" for one in now.trainings}
                for run in found:
                    about = run.training if isinstance(run, Evaluation) else run.id
                    board.show(run, labels[about])
                if all(run.ended for run in found) or time.monotonic() > until:
                    break
                await asyncio.sleep(_LOOK)
        for run in found:
            if run.status != "completed":
                raise DemoFailed(f"The {what(run)} is {run.status}. {run.reason} {run.detail}")

    def _show_scores(self, trained: Sequence[Training], evaluated: Sequence[Evaluation]) -> None:
        for data in (BUNDLED, OWN):
            self.say(f"\n{data}")
            of_data = [one for one in trained if one.dataset.name == data]
            self.out.print(runs.scores(of_data, evaluated))

    def _show_digests(self, before: DemoState, after: DemoState | None = None) -> None:
        """Print the digests, beside those of another moment if there is one."""
        if after is None:
            lines = sorted(before.digests.items())
            self.out.print(rows(("view", "SHA-256"), lines))
            return
        compared = [
            (
                view,
                short(digest),
                short(after.digests.get(view, "")),
                "equal" if digest == after.digests.get(view) else "DIFFERS",
            )
            for view, digest in sorted(before.digests.items())
        ]
        self.out.print(rows(("view", "before", "rebuilt", ""), compared))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print the step, and afterwards how long it took."""
        self.out.print(f"\n{len(self.took) + 1}. {name}", style="bold", markup=False)
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self.took.append((name, seconds))
        self.out.print(f"   {seconds:.1f} s", style="dim")

    def say(self, words: str) -> None:
        """Print a line."""
        self.out.print(words, markup=False)
