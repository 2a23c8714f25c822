"""The examples of docs/python.md run, in their order."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.client.sdk.test_notebook import rows_of_customers
from tests.support.cli_processes import Up

pytestmark = pytest.mark.kafka

PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

PIPELINE = """\
pipeline: churn
parameters:
  test: {type: number, default: 0.25}
steps:
  - source: {file: churn_may.csv}
  - split: {test: "${test}"}
  - train: {target: churned, estimator: decision-tree}
  - evaluate: {metrics: [f1]}
  - predict: {}
"""


def test_the_examples_run(running: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTOLEARN_HOME", str(running.home))
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("churn", "churn_may", "churn_june")):
        rows_of_customers(seed, 600).to_csv(f"{name}.csv", index=False)
    Path("churn.yaml").write_text(PIPELINE)
    known: dict[str, Any] = {}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/python.md, example {number + 1}", "exec"), known)
    assert len(BLOCKS) == 12
    assert len(known["answers"]) == len(known["first"].table("source")) == 600
    assert known["made"].counts["trainings"] == {"completed": 1}
    assert known["again"].counts == {"cached": 5}
    assert 0 < known["run"].results["roc-auc"] <= 1
    assert known["run"].left_out["customer_id"] == "ignore"
    assert "roc-auc" in known["later"].results
    assert len(known["runs"]) == 6
    assert known["board"].data.sort == "roc-auc"
    assert known["kept"].trainings().to_frame().shape[0] == 3
    assert (tmp_path / "model" / "model.skops").exists()
    assert all(score > 0.8 for score in known["scores"])
    assert known["species"] == ["setosa"] * 3
    scored = known["scored"]
    assert list(scored) == ["prediction", "probability_no", "probability_yes"]
    assert pd.read_csv("scored.csv")["prediction"].tolist() == scored["prediction"].tolist()
    assert [run.estimator for run in known["newer"]] == [
        run.estimator for run in known["kept"].trainings()
    ]
    assert {"iris", "churn", "churn_may"} <= {*known["names"]}
    known["al"].close()
