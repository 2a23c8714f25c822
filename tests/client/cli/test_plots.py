"""Plots in the terminal, and in files."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autolearn.client.cli.plot_files import draw
from autolearn.client.cli.tables.plots import plots
from autolearn.schemas.catalog import PLOTS

CURVE = [0.0, 0.25, 1.0]
MEANS = {"mean": [0.5, None, 0.75], "deviation": [0.1, None, 0.05]}
FOUND: dict[str, Any] = {
    "confusion": {"labels": ["no", "yes"], "matrix": [[1234, 7], [56, 0]]},
    "roc": {
        "classes": {"yes": {"false_positive_rate": CURVE, "true_positive_rate": CURVE, "area": 0.5}}
    },
    "precision-recall": {
        "classes": {
            "yes": {"recall": CURVE, "precision": CURVE, "average_precision": 0.25, "share": 0.1}
        }
    },
    "calibration": {
        "classes": {"yes": {"predicted": [0.1, 0.9], "share": [0.0, 1.0], "rows": [9, 1]}}
    },
    "residuals": {
        "histogram": {"edges": [-2.0, 0.0, 2.0], "rows": [3, 6]},
        "quantiles": [[0.05, -1.5], [0.95, 1.5]],
        "predicted": [1.0, 2.0],
        "residual": [-1.0, 1.0],
    },
    "importance": {
        "score": "r2",
        "repeats": 5,
        "rows": 100,
        "columns": [
            {"column": "age", "mean": 0.4, "deviation": 0.1},
            {"column": "a column with quite a long name", "mean": -0.1, "deviation": 0.0},
        ],
    },
    "partial-dependence": {
        "columns": {"age": {"values": [1.0, 2.0, 3.0], "answers": {"yes": [0.1, 0.2, 0.9]}}},
        "rows": 100,
    },
    "learning-curve": {"score": "r2", "rows": [10, 20, 30], "training": MEANS, "held_out": MEANS},
}


@pytest.mark.parametrize("width", [80, 100, 160])
def test_plots_fit_the_terminal(width: int):
    said = io.StringIO()
    Console(file=said, width=width).print(plots(FOUND))
    lines = said.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    (no,) = (line.split() for line in lines if line.startswith("no "))
    assert no == ["no", "1234", "7"]
    (age,) = (line for line in lines if line.startswith("age") and "±" in line)
    assert age.count("█") == 24
    assert "▁▂█" in said.getvalue()
    assert "Quantiles: 5% -1.5, 95% 1.5" in said.getvalue()


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_all_plots_are_drawn_into_one_file(tmp_path: Path, ending: str):
    assert FOUND.keys() == PLOTS.keys()
    file, again = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    draw(FOUND, "evaluation 12345678", file)
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    assert file.read_bytes().startswith(begins)
    draw(FOUND, "evaluation 12345678", again)
    if ending == "svg":
        assert file.read_bytes() == again.read_bytes()
