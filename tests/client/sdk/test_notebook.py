"""A day in a notebook: the cells of a data scientist, run in a real Jupyter kernel."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.support.cli_processes import Up

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

READ = """
import autolearn, pandas as pd
al = autolearn.connect()
df = pd.read_csv("churn.csv", parse_dates=["signup_date"])
churn = al.dataset(df, name="churn", target="churned",
                   drop=["customer_id", "notes"], positive="yes")
churn.warnings
"""
TRAIN = """
with al.session("churn v2") as s:
    runs = s.train_many({
        "logistic-regression": {"C": [0.1, 1, 10]},
        "random-forest": {"max_depth": [4, 8], "class_weight": "balanced"},
        "gradient-boosting": {},
    }, churn, metrics=["roc-auc", "f1:yes"], baseline=True)
    board = runs.compare(sort="roc-auc")
    kept = s.commit(keep=board.top(3), note="v2, without ids")
    measured = board.best.evaluate(al.dataset("churn_may"))
board
"""
USE = """
june = pd.read_csv("churn_june.csv")
scored = board.best.predict(june)
scored
"""
SAME = """
pipeline = board.best.pipeline()  # its times are seconds
seconds = pd.to_datetime(june["signup_date"]).astype("datetime64[s]").astype("int64")
times = june.assign(signup_date=seconds)
(pipeline.predict(times) == scored["prediction"]).all() and scored.index.equals(june.index)
"""


def rows_of_customers(seed: int, many: int) -> pd.DataFrame:
    """Customers, of whom those leave more often who are new and pay much."""
    random = np.random.default_rng(seed)
    days = random.integers(0, 700, many)
    monthly = random.normal(30, 6, many).round(2)
    leaves = random.random(many) < 1 / (1 + np.exp(-(monthly - 38) / 3 - (days - 500) / 200))
    return pd.DataFrame(
        {
            "customer_id": [f"C{seed}{number:05}" for number in range(many)],
            "signup_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"),
            "plan": random.choice(["basic", "pro", "max"], many),
            "monthly": monthly,
            "notes": random.choice(["called", "wrote", ""], many),
            "churned": np.where(leaves, "yes", "no"),
        }
    )


class Notebook:
    """A notebook in a kernel; `run` returns the texts that a cell shows, by type."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client

    def run(self, source: str) -> dict[str, str]:
        cell = nbformat.v4.new_code_cell(source.strip())
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        shown: dict[str, str] = {}
        for output in cell.outputs:
            shown |= dict(output.get("data", {}))
            if output.output_type == "stream":
                shown[output.name] = shown.get(output.name, "") + output.text
            if output.output_type == "error":
                shown["error"] = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output.traceback))
        return shown

    def tooltip(self, code: str) -> str:
        """What Shift-Tab shows behind a name."""

        async def asked() -> Any:
            return await self.client.kc.inspect(code, len(code), reply=True, timeout=30)

        content = asyncio.get_event_loop().run_until_complete(asked())["content"]
        return re.sub(r"\x1b\[[\d;]*m", "", content["data"]["text/plain"])


@pytest.fixture
def notebook(running: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A notebook of the user of the system, in a folder with three files."""
    monkeypatch.setenv("AUTOLEARN_HOME", str(running.home))
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for seed, (name, many) in enumerate({"": 900, "_may": 300, "_june": 200}.items()):
        rows_of_customers(seed, many).to_csv(tmp_path / f"churn{name}.csv", index=False)
    client = NotebookClient(
        nbformat.v4.new_notebook(),
        timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    with client.setup_kernel():
        yield Notebook(client)


def test_a_day_in_a_notebook(notebook: Notebook):
    found = notebook.run(READ)
    assert "error" not in found, found["error"]
    assert "customer_id: all 900 values are different" in found["text/html"]
    assert "sensitive" not in notebook.run("al.datasets()")["text/plain"]

    notebook.run("may = al.dataset('churn_may.csv', name='churn_may', target='churned')")
    trained = notebook.run(TRAIN)
    assert "error" not in trained, trained["error"]
    assert trained["text/plain"].startswith("<Comparison of 7 trainings by roc-auc: best is ")
    assert trained["text/html"].count("<tr>") == 8
    assert "<b>" in trained["text/html"]
    assert notebook.run("measured.confusion")["text/html"].count("<tr>") >= 3
    said = notebook.run("measured.positive, kept.notes[0].text")["text/plain"]
    assert said == "('yes', 'v2, without ids')"
    assert "'churn v2', 3 trainings, 3 evaluations" in notebook.run("kept")["text/plain"]
    assert "stderr" not in notebook.run("again = al.dataset(df, name='churn')")
    assert notebook.run("again.version == churn.version")["text/plain"] == "True"
    assert notebook.run("board.best.results['roc-auc'] > 0.7")["text/plain"] == "True"
    scored = notebook.run(USE)
    assert "error" not in scored, scored["error"]
    for column in ("prediction", "probability_no", "probability_yes", "200 rows"):
        assert column in scored["text/html"]
    assert notebook.run(SAME)["text/plain"] == "True"


def test_help_errors_and_a_session_that_stays_open(notebook: Notebook):
    notebook.run("import autolearn\nal = autolearn.connect()\ns = al.session('open')")
    shown = notebook.tooltip("s.train")
    assert "s.train(\n    estimator: str,\n    dataset: Data,\n    *,\n" in shown
    assert "Train an estimator" in shown

    failed = notebook.run("s.train('random-forest', 'iris', max_depth=5)")["error"]
    assert "a hyperparameter is given as hyperparameters={'max_depth': 5}" in failed
    wrong = "with al.session('gone wrong') as g:\n    g.train('svmm', 'iris')"
    failed = notebook.run(wrong)["error"]
    assert "There is no such estimator" in failed
    assert "flows.py" not in failed
    assert "transport.py" not in failed
    name = re.search(r"session\(id='([\w-]+)'\) returns to it", failed)
    assert name is not None, failed
    assert notebook.run(f"al.session(id={name[1]!r}).title")["text/plain"] == "'gone wrong'"
    notebook.run("s.discard(); g.discard()")
