"""How answers are printed."""

import io
import json
import sys
from typing import Any

import msgspec
import pytest

from autolearn.client.cli.exit_codes import words_of
from autolearn.client.cli.output import (
    console,
    count,
    figure,
    number,
    pairs,
    print_json,
    rows,
    shortened,
    when,
)
from autolearn.client.cli.run_progress import RunProgress
from autolearn.client.cli.tables import catalog
from autolearn.client.cli.tables import runs as views
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.catalog import Dataset
from autolearn.schemas.rest.runs import Evaluation, LiveProgress, Training
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import DatasetRef, Split


def printed(table: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    console().print(table)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_pipe_gets_whole_lines_without_colours(capsys):
    lines = printed(rows(("id", "n"), [("x" * 150, 1), ("y", None)]), capsys)
    assert len(lines) == 4
    assert lines[2].startswith("x" * 150)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("columns", ["0", "1", "20"])
def test_a_table_is_there_in_no_columns(columns: str, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    assert "wine" in "".join(printed(rows(("id", "n"), [("wine", 1)]), capsys))


def test_no_color_is_honoured_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def colours() -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        console().print("words", style="red")
        return terminal.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in colours()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in colours()


def test_numbers_stand_at_the_right_and_text_is_taken_as_it_is(capsys):
    lines = printed(rows(("name", "n"), [("[b]a[/b]", 10), ("\x1b[31mb", 9)]), capsys)
    assert lines[2].split() == ["[b]a[/b]", "10"]
    assert "\x1b" not in lines[3]
    assert lines[2].endswith("10")
    assert lines[3].endswith(" 9")


def test_pairs_leave_out_what_is_not_there(capsys):
    assert printed(pairs({"a": 1, "b": None, "c": "", "d": True}), capsys) == ["a  1", "d  yes"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (3.0, "3"), (12345.678, "1.235e+04"), (1e-9, "1e-09"), (-0.25, "-0.2500")],
)
def test_numbers_have_four_decimals_at_most(value, text):
    assert number(value) == text


def test_small_words():
    assert count(1, "run") == "1 run"
    assert count(0, "run") == "0 runs"
    assert shortened({"a": [1, 2, 3]}, 6) == '{"a":…'
    assert when(None) is None
    assert when("") is None
    assert when("2026-01-02T03:04:05Z") is not None


def test_json_is_the_same_document(capsys):
    print_json(b'{"b":1,"a":[0.1,null,"\\u00e9"]}')
    assert json.loads(capsys.readouterr().out) == {"b": 1, "a": [0.1, None, "é"]}


def test_in_a_pipe_every_change_is_a_line(capsys):
    with RunProgress() as board:
        board.show(training())
        board.show(training())
        for phase in ("fitting", "fitting, 7%", "fitting, 12%"):
            board.show(training(progress=LiveProgress("t", "training", 1, phase)))
        board.show(training(status="completed", ended="2026-01-01T00:00:00Z", seconds=1.5))
        board.show(training(status="failed", ended="2026-01-01T00:00:00Z", attempt=2))
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(": ")[1] for line in said.err.splitlines()] == [
        "open",
        "fitting",
        "✓ completed (1.50 s)",
        "✗ failed",
    ]


def training(**fields: Any) -> Training:
    about: dict[str, Any] = {
        "id": "t",
        "session": "s",
        "number": 1,
        "status": "open",
        "requested": "",
        "updated": "",
        "dataset": DatasetRef("iris", "v"),
        "estimator": "svm",
        "task": "classification",
        "schema_hash": "0",
        "time_limit": 60.0,
        "memory_limit": 512,
        "library_version": "1",
        "target": "species",
        "hyperparameters": {},
        "split": Split(),
        "preprocessing": Preprocessing(),
        "seed": 0,
        "defaults": {},
        "progress": None,
        "links": {},
    }
    return Training(**(about | fields))


def test_an_evaluation_says_what_was_left_out_and_what_results_are_over(capsys):
    line = {"support": 1, "class": "fraud", "recall": 0.0, "precision": 0.0, "f1": 0.0}
    results = {
        "accuracy": 0.996,
        "recall": 0.0,
        "f1": 0.4,
        "per-class": [line | {"class": "fine"}, line | {"note": "never predicted"}],
    }
    one = Evaluation(
        id="e1",
        session="s",
        number=2,
        status="completed",
        requested="2026-01-01T00:00:00Z",
        updated="2026-01-01T00:00:00Z",
        dataset=DatasetRef("data", "0" * 64),
        training="t1",
        artifact="0" * 64,
        metrics=tuple(results),
        held_out=True,
        time_limit=60.0,
        memory_limit=512,
        results=results,
        left_out={"log-loss": "svm gives no probabilities"},
        averages={"recall": "of class fraud", "f1": "macro"},
        progress=None,
        links={},
    )
    lines = [line.split() for line in printed(views.evaluation(one), capsys)]
    assert ["recall", "of", "class", "fraud", "0.0000"] in lines
    assert ["f1", "(macro)", "0.4000"] in lines
    assert ["class", "precision", "recall", "f1", "support", "note"] in lines
    assert ["fraud", "0.0000", "0.0000", "0.0000", "1", "never", "predicted"] in lines
    assert ["log-loss", "svm", "gives", "no", "probabilities"] in lines
    listed = " ".join(printed(views.evaluations([one]), capsys))
    assert "f1 (macro) 0.4000" in listed
    assert "per-class" not in listed


def test_the_baseline_stands_beside_the_results(capsys):
    matrix = {"labels": ["no", "yes"], "matrix": [[362, 1], [37, 0]]}
    one = Evaluation(
        id="e1", session="s", number=2, status="completed", requested="", updated="",
        dataset=DatasetRef("data", "0" * 64), training="t1", artifact="0" * 64, metrics=(),
        held_out=True, time_limit=60.0, memory_limit=512, progress=None, links={},
        results={"accuracy": 0.9, "log-loss": 0.25, "confusion-matrix": matrix, "own": 1.0},
        baseline={"accuracy": 0.905, "log-loss": 0.3}, baseline_prediction="no",
        not_better=("accuracy",),
    )  # fmt: skip
    lines = [line.split() for line in printed(views.evaluation(one), capsys)]
    assert ["metric", "result", "always", "no"] in lines
    assert ["accuracy", "0.9000", "0.9050", "not", "better"] in lines
    assert ["log-loss", "0.2500", "0.3000"] in lines
    assert ["own", "1.0000", "-"] in lines
    assert ["true", "class", "as", "no", "as", "yes"] in lines
    assert ["yes", "37", "0"] in lines
    listed = " ".join(printed(views.evaluations([one]), capsys))
    assert "confusion" not in listed
    hidden = msgspec.structs.replace(one, baseline_prediction=None)
    assert any(line.split() == ["metric", "result", "baseline"]
               for line in printed(views.evaluation(hidden), capsys))  # fmt: skip
    many = {"labels": [*"abcdefghijklm"], "matrix": [[0] * 13] * 13}
    large = msgspec.structs.replace(one, results={"confusion-matrix": many}, baseline={})
    assert any("confusion-matrix" in line for line in printed(views.evaluation(large), capsys))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"column_importances": [["a", 6], ["b", 2], ["c", 2], ["d", 0], ["e", 0], ["f", 0]]},
            "most important  a 60%, b 20%, c 20%, d 0%, e 0% and 1 more",
        ),
        (
            {"features": ["a", "b", "c"], "coefficients": [[0.5, -2.0, 0.0]]},
            "coefficients  b -2.0000, a 0.5000, c 0.0000",
        ),
        ({"features": ["a"], "coefficients": [1.5]}, "coefficients  a 1.5000"),
        (
            {"loss": {"iterations": [1, 2], "training": [0.9, 0.5], "validation": [0.8, 0.8]}},
            "loss  0.9000 to 0.5000 after 2 iterations █▁",
        ),
        ({"column_importances": [["a", 0.0]]}, "most important  a 0%"),
        (
            {"threshold": {"value": 0.3, "class": "yes"}},
            "threshold  yes from a probability of 0.3000 on",
        ),
        (
            {
                "threshold": {
                    "value": 0.25,
                    "class": "yes",
                    "metric": "f1:yes",
                    "score": 0.5,
                    "rows": 1500,
                }
            },
            "threshold  yes from a probability of 0.2500 on "
            "(f1:yes 0.5000 on 1,500 validation rows)",
        ),
    ],
)
def test_a_training_names_the_columns_that_matter(capsys, parameters, words):
    lines = printed(views.training(training(parameters=parameters)), capsys)
    assert words.split() in [line.split() for line in lines]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"features": ["a", "b"], "coefficients": [[0.5, 1.0], [2.0, 3.0]]},
        {"features": {"shape": [300], "first": ["a"]}, "coefficients": {"shape": [1, 300]}},
    ],
)
def test_several_or_shortened_coefficients_are_not_ranked(capsys, parameters):
    lines = printed(views.training(training(parameters=parameters)), capsys)
    assert not [line for line in lines if line.startswith(("coefficients", "most"))]


HOSTILE = "a\u202egnp.exe\x1b[31m\x9b2J\x07\x00\U000e0001\u2028b"


def test_nothing_of_others_steers_the_terminal(capsys):
    print_json({"title": HOSTILE})
    said = capsys.readouterr().out
    assert json.loads(said) == {"title": HOSTILE}
    assert said.replace("\n", "").isprintable()
    print_json('{"title": "Größe 🙂"}'.encode())
    assert "Größe 🙂" in capsys.readouterr().out
    console().print(rows(("title",), [(HOSTILE,)]))
    assert capsys.readouterr().out.replace("\n", "").isprintable()
    assert words_of(AutoLearnError(HOSTILE)).replace("\n", "").isprintable()
    finding = {"code": "constant", "column": HOSTILE, "words": HOSTILE, "remedy": HOSTILE}
    given = {
        "name": "x", "version": "0" * 64, "format": "csv", "bytes": 1, "rows": 2, "target": HOSTILE,
        "schema_hash": "2" * 64,
        "columns": [{"name": HOSTILE, "type": "string", "missing": 0, "distinct": 1}],
        "classes": {HOSTILE: 2}, "task": "classification", "registered": "2026-01-01T00:00:00Z",
        "owner": HOSTILE, "everybody": False, "links": {},
        "findings": [finding | {"severe": True}],
        "changes": {"before": "1" * 64, "rows_before": 1, "rows": 2, "added": [HOSTILE]},
    }  # fmt: skip
    console().print(catalog.dataset(msgspec.convert(given, Dataset), []))
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    assert shown.count("[31m") >= 5


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (512.05, "512.05"),
        (29950.0, "29,950"),
        (2, "2"),
        (0.0, "0"),
        (1e-9, "1e-09"),
        (-0.5, "-0.5"),
    ],
)
def test_a_figure_is_written_as_people_write_it(value: float, words: str):
    assert figure(value) == words
