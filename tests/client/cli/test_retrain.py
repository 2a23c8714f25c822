"""How a retrain check is shown, and how Ctrl-C ends one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
from rich.console import Console

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.client.cli.tables.retrain import check
from autolearn.schemas.reports.retrain import (
    Compared,
    Data,
    Difference,
    RecordedTraining,
    Repeated,
    RetrainCheck,
    Retrained,
)
from autolearn.schemas.values import DatasetRef, TrainedArtifact
from tests.support.run_samples import training
from tests.support.waiting import until

DATA = Data(DatasetRef("iris", "0" * 64), held_out=True)


def shown(*found: Retrained) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as printed:
        console.print(check(RetrainCheck(found, all(one.same for one in found), 1.5)))
    return printed.get()


def test_a_confirmed_record_is_shown_in_few_words():
    text = shown(Retrained("a" * 36, "svm", "identical-artifact", "b" * 64, "b" * 64))
    assert "aaaaaaaa  svm        identical artifact  bbbbbbbb  bbbbbbbb  0 of 0" in text
    assert "The environment is the recorded one.\n" in text
    assert text.endswith("Reproduced: 1 of 1 training, byte for byte (1.5 s).\n")


def test_what_differs_is_shown():
    numpy = Difference("libraries.numpy", "1.0", "2.0")
    text = shown(
        Retrained(
            "a" * 36,
            "ridge",
            "differs",
            "b" * 64,
            "c" * 64,
            files=("environment.json", "model.skops"),
            answers=(Compared(DATA, "predict", 38, 3, 0.25), Compared(DATA, "transform", 38, 0)),
            evaluations=(
                Repeated("e" * 36, DATA, False, {"r2": 0.9, "mae": 1.0}, {"r2": 0.8, "mae": 1.0}),
                Repeated("f" * 36, DATA, False, {"r2": 0.9}, {}, "time: it took too long"),
            ),
            environment=(numpy,),
        ),
        Retrained("d" * 36, "svm", "failed", "b" * 64, detail="It is gone.", environment=(numpy,)),
    )
    for words in (
        "0 of 2       environment.json, model.skops",
        "aaaaaaaa: predict differs in 3 of 38 rows, by at most 0.2500 (held-out rows)\n",
        "aaaaaaaa: The evaluation eeeeeeee on held-out rows says r2 0.8; recorded is 0.9\n",
        "ffffffff on held-out rows could not be made again: time: it took too long\n",
        "dddddddd: It is gone.\n",
        "libraries.numpy       1.0      2.0  aaaaaaaa, dddddddd",
        "Not reproduced: 0 of 2 trainings (1.5 s).",
    ):
        assert words in text
    assert "transform differs" not in text
    assert "mae" not in text


PROGRAM = """
import sys, msgspec, typer
from autolearn.client.cli.commands.work.retrain import _train_again
from autolearn.schemas.reports.retrain import RecordedTraining
try:
    _train_again([msgspec.json.decode(sys.argv[1], type=RecordedTraining)])
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_ctrl_c_ends_the_check_and_leaves_nothing_behind(tmp_path: Path):
    store = ArtifactStore((tmp_path / "store").as_uri())
    request = training(store, "random-forest", hyperparameters={"n_estimators": 50_000})
    was = RecordedTraining(request, TrainedArtifact("0" * 64, {}, 0), {})
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    settings = {"TMPDIR": str(scratch), "AUTOLEARN_ARTIFACTS": store.url}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, msgspec.json.encode(was).decode()],
        env={**os.environ, **settings},
    ) as process:
        own = "autolearn-runs-*/1"  # the run's own folder
        until(lambda: list(scratch.glob(own)) or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert list(scratch.iterdir()) == []
