"""The command line where nothing runs: help, bad arguments, exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from autolearn.client.cli import exit_codes
from autolearn.client.cli.commands.work.run import Type, command_of
from autolearn.client.cli.commands.work.train import parameters
from autolearn.client.cli.connection import NothingSo, only
from autolearn.client.cli.exit_codes import words_of
from autolearn.client.local.system import CannotStart
from autolearn.client.sdk.errors import Problem, Unreachable
from autolearn.schemas.errors import AlreadyRunning, LogError, SettingsError
from tests.support.cli_processes import autolearn

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "up",
    "status",
    "audit",
    "dead-letters list",
    "dead-letters show",
    "dead-letters retry",
    "demo",
    "run",
    "backup",
    "restore",
    "dev cluster",
    "version",
    "replay rebuild",
    "replay verify",
    "replay retrain",
    "reproduce",
    "session open",
    "session show",
    "session list",
    "session use",
    "session rename",
    "note",
    "tag",
    "log",
    "attach",
    "attachment",
    "experiment rename",
    "session commit",
    "session share",
    "session unshare",
    "login",
    "logout",
    "whoami",
    "password",
    "token list",
    "token new",
    "token revoke",
    "token show",
    "admin user add",
    "admin user list",
    "admin user role",
    "admin user password",
    "admin user disable",
    "admin wire-keys",
    "admin rotate-wire-key",
    "admin user enable",
    "admin first-user",
    "session discard",
    "train",
    "evaluate",
    "predict",
    "cancel",
    "compare",
    "catalog estimators",
    "catalog metrics",
    "catalog datasets",
    "dataset add",
    "dataset list",
    "dataset show",
    "experiment list",
    "experiment show",
    "experiment card",
    "diff",
    "events",
    "history",
    "position",
)
READS = (
    "status",
    "audit",
    "dead-letters list",
    "dead-letters show 0-0",
    "dead-letters retry 0-0",
    "catalog estimators",
    "catalog metrics",
    "catalog datasets",
    "dataset list",
    "dataset show iris",
    "session list",
    "session show",
    "compare 1",
    "experiment list",
    "experiment show 1",
    "experiment card 1",
    "replay retrain 1",
    "reproduce 1",
    "experiment list --as-of 2h",
    "diff 2h",
    "events",
    "history dataset/iris",
    "position",
    "whoami",
    "token list",
    "admin user list",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return tmp_path / "home"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, home):
    said = autolearn(*command.split(), "--help", home=home)
    assert said.code == 0
    assert f"autolearn {command}" in said.out
    assert said.err == ""


def test_help_shows_defaults(home):
    said = autolearn("train", "--help", home=home)
    assert "[default: 0.25]" in said.out
    assert "[default: median of numbers" in re.sub(r"[│\s]+", " ", said.out)
    shown = autolearn("session", "show", "--help", home=home)
    assert "else the current one]" in re.sub(r"[│\s]+", " ", shown.out)


def test_help_names_the_exit_codes(home):
    said = autolearn("--help", home=home)
    assert said.code == 0
    assert re.sub(r"\s+", " ", exit_codes.EXIT_CODES) in re.sub(r"\s+", " ", said.out)


def test_the_documentation_has_every_command_and_exit_code():
    text = (ROOT / "docs" / "cli.md").read_text()
    assert [c for c in COMMANDS if f"autolearn {c}" not in text] == []
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"\n| {code} |" in text


def test_help_loads_nothing_heavy():
    heavy = "{'httpx', 'rich', 'pandas', 'sklearn', 'confluent_kafka', 'faust', 'fastapi'}"
    script = f"import sys, autolearn.client.cli.app; print({heavy} & set(sys.modules) or '')"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert loaded.stdout.strip() == b""


def test_version(home):
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", autolearn("version", home=home).out)


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "train",
        "train svm",
        "dead-letters show",
        "dead-letters list --limit 0",
        "dead-letters retry 0-0 --value no-such-file.json",
        "train svm iris -p C",
        "train svm iris -p C=1 -p C=2",
        "train svm iris --scale huge",
        "train svm iris --metrics f1 --no-wait",
        "dataset add no-such-file.csv",
        "run",
        "run everything",
        "run api decide",
        "run decide --services sessions",
        "events --limit 0",
        "session show --as-of 2026-13-01",
        "catalog estimators --as-of 12",
        "diff",
        "diff 25:00",
        "up --port 70000",
        "catalog estimators -o xml",
        "session list --url localhost:8321",
    ],
)
def test_bad_arguments_exit_with_2_and_say_why(words, home):
    said = autolearn(*words.split(), home=home)
    assert said.code == 2
    assert said.out == ""
    assert "Error" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("train svm iris --seed abc", "'--seed': 'abc' is no integer "),
        ("train svm iris --test most", "'--test': 'most' is no number "),
        ("up --port 99999", "'--port': '99999' is not at most 65535 "),
        ("metrics -o xml", "'xml' is not one of 'table', 'json' "),
    ],
)
def test_a_value_that_does_not_fit_its_option_is_refused_in_words(words, why, home):
    said = autolearn(*words.split(), home=home)
    assert said.code == 2
    assert why in said.err


@pytest.mark.parametrize("read", READS)
def test_where_nothing_runs_every_read_exits_with_3_and_says_what_to_do(read, home):
    said = autolearn(*read.split(), home=home)
    assert (said.code, said.out) == (3, "")
    assert "AutoLearn cannot be reached" in said.err
    assert f"does not run on {home}" in said.err
    assert "Start `autolearn up`" in said.err
    assert "AUTOLEARN_URL" in said.err


def test_where_nobody_listens_it_exits_with_3(home):
    said = autolearn("session", "list", home=home, url="http://127.0.0.1:9")
    assert said.code == 3
    assert "http://127.0.0.1:9: " in said.err


def test_a_bad_setting_exits_with_2(home):
    said = autolearn("session", "list", home=home, slots="many")
    assert said.code == 2
    assert said.err.startswith("A setting is not right\n  AUTOLEARN_SLOTS='many'")


def test_a_fault_of_ours_exits_with_5_and_no_traceback(home, monkeypatch):
    monkeypatch.setattr("autolearn.client.cli.connection.connect", lambda *_: 1 / 0)
    said = autolearn("session", "list", home=home)
    assert said.code == 5
    assert "ZeroDivisionError" in said.err
    assert "Traceback" not in said.err


def problem(status: int, **more: object) -> Problem:
    return Problem(status, "urn:autolearn:problem:x", "It is so", "Why.", [], {}, **more)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("…"), 2),
        (Unreachable("…"), 3),
        (LogError("…"), 3),
        (AlreadyRunning("…"), 4),
        (problem(404), 4),
        (problem(422), 4),
        (problem(503), 5),
        (CannotStart("…"), 5),
    ],
)
def test_every_error_has_its_exit_code(error, code):
    assert error.exit_code == code


def test_a_problem_is_told_in_its_own_words():
    faults = [
        {"pointer": "#/seed", "detail": "must be positive"},
        {"parameter": "limit", "detail": "too large"},
        {"detail": "line 3 has 4 fields"},
        {"pointer": "#/a", "detail": "Why"},
    ]
    told = words_of(Problem(422, "about:blank", "It does not fit", "Why.", faults, {}))
    assert told == (
        "It does not fit\n  Why.\n  - seed: must be positive\n  - limit: too large\n"
        "  - line 3 has 4 fields"
    )


def test_a_member_of_a_body_is_called_by_its_option():
    detail = "#/split/test: input should be less than 1; #/memory_limit: too small; #/x/0: odd"
    problem = Problem(422, "about:blank", "The body does not fit", detail, [], {})
    assert words_of(problem, ["--test", "--memory-limit"]) == (
        "An option does not fit\n"
        "  --test: input should be less than 1; --memory-limit: too small; x 0: odd"
    )


def test_hyperparameters_are_json_where_they_parse():
    given = ["a=1", "b=0.5", "c=null", "d=true", "e=text", "f=[1, 2]", 'g="1"', "h=a=b", "i="]
    assert parameters(given) == {
        "a": [1],
        "b": [0.5],
        "c": [None],
        "d": [True],
        "e": ["text"],
        "f": [[1, 2]],
        "g": ["1"],
        "h": ["a=b"],
        "i": [""],
    }
    assert parameters([]) == {}


def test_commas_outside_brackets_and_quotes_part_values():
    given = ["a=3,6, 10", "b=[1,2],[3]", "c={'x':1,'y':2},None", "d='p,q',r", "e=(1,2)"]
    assert parameters(given) == {
        "a": [3, 6, 10],
        "b": [[1, 2], [3]],
        "c": [{"x": 1, "y": 2}, None],
        "d": ["p,q", "r"],
        "e": [[1, 2]],
    }


def test_the_start_of_an_id_is_enough_if_there_is_one_only():
    full = "0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"
    assert only("0b9", lambda: [full, "11"], "run") == full
    assert only("0B9", lambda: [full, "11"], "run") == full
    assert only(full, lambda: pytest.fail("a whole id asks nobody"), "run") == full
    with pytest.raises(NothingSo, match="No run begins with 0b"):
        only("0b", lambda: ["11"], "run")
    with pytest.raises(Exception, match="the start of several ids: 0b1, 0b2"):
        only("0b", lambda: ["0b2", "0b1", "0c"], "run")


def test_a_process_type_replaces_the_command_line(home, monkeypatch):
    called: list[object] = []
    monkeypatch.setattr("os.execve", lambda *words: called.extend(words))
    monkeypatch.chdir(Path.cwd())  # it goes to the home
    autolearn("run", "supervise", "work", "--instance", "b", home=home)
    environment = called.pop()
    assert called == [
        sys.executable,
        [sys.executable, "-P", "-m", "autolearn.agents", "supervise", "work"],
    ]
    assert isinstance(environment, dict)
    assert (environment["AUTOLEARN_INSTANCE"], environment["PYTHONSAFEPATH"]) == ("b", "1")
    assert Path.cwd() == home.resolve()


def test_options_of_the_api_are_passed_on():
    assert command_of([Type.api], "catalog,sessions", None, 0) == [
        "autolearn.api",
        "--services",
        "catalog,sessions",
        "--port",
        "0",
    ]
    assert command_of([Type.decide, Type.decide], None, None, None) == [
        "autolearn.agents",
        "decide",
    ]
