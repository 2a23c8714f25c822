"""The main job over the command line, on a real system; and what is refused, in which words."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from autolearn.client.sdk.access import credentials
from tests.client.conftest import Laptop
from tests.support.cli_processes import Said, Up, autolearn, command, environment, run_alone
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

PENGUINS = Path(__file__).parents[3] / "examples" / "penguins.csv"


@pytest.fixture
def system(running: Up) -> Up:
    return running


@pytest.fixture
def cli(system: Up) -> Any:
    def run(*words: object) -> Said:
        return autolearn(*words, home=system.home)

    return run


@pytest.fixture
def says(cli: Any) -> Any:
    """Run a command that must succeed; return its JSON."""

    def run(*words: object) -> Any:
        said = cli(*words, "-o", "json")
        assert said.code == 0, said.err
        return json.loads(said.out)

    return run


@pytest.fixture
def http(system: Up) -> Iterator[httpx.Client]:
    url = json.loads((system.home / "up.json").read_bytes())["url"]
    kept = credentials.find(credentials.place_of_home(system.home))
    assert kept is not None
    headers = {"Authorization": f"Bearer {kept.token}"}
    with httpx.Client(base_url=url, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def opened(laptop: Laptop) -> None:
    """A session is open, which stays as it is."""
    assert autolearn("session", "open", home=laptop.home).code == 0


@pytest.fixture
def session(says: Any) -> str:
    return str(says("session", "open", "--title", "a test")["id"])


def test_the_catalog_is_shown(cli, says, http):
    listed = cli("catalog", "estimators").out
    assert "logistic-regression" in listed
    assert "scikit-learn" in listed
    assert "ccp_alpha" in cli("catalog", "estimators", "random-forest").out
    assert "confusion-matrix" in cli("catalog", "metrics").out
    iris = cli("catalog", "datasets", "iris").out
    assert "petal_length" in iris
    assert re.search(r"setosa +50 +33%", iris)
    for path in (
        "estimators",
        "estimators/svm",
        "metrics",
        "metrics/f1",
        "datasets",
        "datasets/iris",
    ):
        assert says("catalog", *path.split("/")) == http.get(f"/v1/catalog/{path}").json()


def test_a_session_from_its_opening_to_the_experiment(cli, says, http, tmp_path):
    added = says("dataset", "add", PENGUINS, "--name", "birds", "--target", "species")
    assert (added["rows"], added["classes"]["Adelie"]) == (344, 152)
    assert re.search(r"sex +text +11 ", cli("dataset", "show", "birds").out)
    session = says("session", "open", "--title", "birds")["id"]

    said = cli("train", "random-forest", "birds", "-p", "n_estimators=20", "--seed", 7, "--metrics",
               "precision,recall", "--test", 0.3, "--scale", "none", "-o", "json")  # fmt: skip
    assert said.code == 0
    assert ": ✓ completed" in said.err
    both = json.loads(said.out)
    training = both["training"]
    assert (training["hyperparameters"], training["seed"]) == ({"n_estimators": 20}, 7)
    assert (training["split"]["test"], training["preprocessing"]["scale"]) == (0.3, "none")
    assert both["evaluation"]["results"].keys() == {"precision", "recall", "per-class"}

    other = says("train", "naive-bayes", "birds", "--no-wait")
    assert other["status"] in ("open", "started")
    assert cli("evaluate", training["id"][:8], "--metrics", "f1", "--dataset", "birds").code == 0
    until(lambda: says("session", "show")["counts"]["trainings"] == {"completed": 2})

    shown = says("session", "show")
    for runs in ("trainings", "evaluations"):
        told = http.get(f"/v1/sessions/{session}/{runs}").json()["items"]
        assert [run["id"] for run in shown[runs]] == [run["id"] for run in told]
    table = cli("session", "show", session[:8]).out
    for words in (session, "birds", "n_estimators=20", "held-out rows", "precision"):
        assert words in table

    said = cli("session", "commit", "--training", training["id"][:8])
    assert said.code == 0
    assert said.out == f"Committed: experiment {session} keeps 1 of 2 trainings, 2 evaluations\n"
    experiment = says("experiment", "show", session[:8])
    assert [run["id"] for run in experiment["trainings"]] == [training["id"]]
    assert session[:8] in cli("experiment", "list").out
    assert session[:8] not in cli("session", "list").out
    again = cli("session", "show")
    assert (again.code, "You have no current session" in again.err) == (2, True)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_tables_fit_the_terminal_and_cut_no_name(cli, says, session, monkeypatch, width):
    for table, names in _named(says).items():
        monkeypatch.setenv("COLUMNS", str(width))
        lines = cli(*table.split()).out.splitlines()
        assert max(map(len, lines)) <= width, table
        words = {word for line in lines for word in line.split()}
        assert words.issuperset(names), table
        monkeypatch.delenv("COLUMNS")


def _named(says: Any) -> dict[str, list[str]]:
    """Return what each of these tables must name."""
    datasets = [one["name"] for one in says("dataset", "list")["items"]]
    estimators = [one["name"] for one in says("catalog", "estimators")["items"]]
    metrics = [one["name"] for one in says("catalog", "metrics")["items"]]
    topics = [one["name"] for one in says("status")["topics"]]
    return {
        "dataset list": datasets,
        "datasets": datasets,
        "catalog datasets": datasets,
        "dataset show iris": [one["name"] for one in says("dataset", "show", "iris")["columns"]],
        "estimators": estimators,
        "metrics": metrics,
        "status": [],
        "status --all": topics,
        "session show": [],
        "session list": [],
        "experiment list": [],
        "history dataset/iris": ["DatasetRegistered"],
        "audit": [],
    }


def test_plots_are_shown_and_drawn(cli, says, session, tmp_path):
    training = says("train", "decision-tree", "iris", "--metrics", "f1")["training"]["id"]
    found = says("evaluate", training, "--plots", "confusion,roc")
    said = cli("evaluation", "plot", found["id"][:8], "confusion")
    assert (said.code, "setosa" in said.out) == (0, True)
    drawn = cli("evaluation", "plot", found["id"], "-o", tmp_path / "plots.svg")
    assert (drawn.code, "<svg" in (tmp_path / "plots.svg").read_text()) == (0, True)
    assert cli("session", "commit").code == 0
    said = cli("evaluation", "plot", found["id"][:8], "roc", "--of", session)
    assert (said.code, "area" in said.out) == (0, True)


def test_nothing_is_trained_for_metrics_that_do_not_fit(cli, says, session):
    said = cli("train", "svm", "iris", "--metrics", "f1,r2")
    assert (said.code, "r2 does not fit classification" in said.err) == (2, True)
    assert says("session", "show")["counts"]["trainings"] == {}


def test_a_grid_is_trained_at_once_and_compared(cli, says, session):
    estimators, depths = "decision-tree,naive-bayes", "max_depth=1,3"
    found = says("train", estimators, "iris", "-p", depths, "--metrics", "accuracy")
    depth = "hyperparameters.max_depth"
    lines = [(one["estimator"], one["settings"].get(depth)) for one in found["trainings"]]
    assert lines == [("decision-tree", 1), ("decision-tree", 3), ("naive-bayes", None)]
    said = cli("train", estimators, "iris", "-p", "depth=1,3")
    assert (said.code, "none of decision-tree, naive-bayes" in said.err) == (2, True)
    said = cli("train", "decision-tree", "iris", "-p", "max_depth=2,x")
    assert said.code == 4
    assert "max_depth must be integer" in said.err


def test_the_past_is_shown(cli, says, session):
    opened = says("session", "show")
    point = opened["created"]
    assert cli("train", "naive-bayes", "iris").code == 0
    trained = says("session", "show")
    said = cli("session", "show", session[:8], "--as-of", point, "-o", "json")
    assert (said.code, json.loads(said.out)) == (0, opened)
    token = said.err.split()[-1]
    assert said.err == f"As of {token}\n"
    assert cli("session", "commit").code == 0
    assert says("session", "show", session[:8], "--as-of", token) == opened
    local = datetime.fromisoformat(trained["updated"]).astimezone().replace(tzinfo=None)
    assert says("session", "show", session, "--as-of", local.isoformat()) == trained
    assert session[:8] in cli("session", "list", "--as-of", token).out
    assert session[:8] not in cli("experiment", "list", "--as-of", token).out
    said = cli("experiment", "show", session, "--as-of", token)
    assert (said.code, "was open then" in said.err) == (4, True)
    assert says("experiment", "show", session[:8], "--as-of", "0s")["id"] == session
    for words in ("catalog estimators", "catalog metrics", "catalog datasets",
                  "dataset list", "catalog estimators svm", "catalog datasets iris",
                  "dataset show iris"):  # fmt: skip
        assert says(*words.split(), "--as-of", token) == says(*words.split())

    changes = says("diff", token, "--stream", f"session/{session}")["items"]
    assert [(one["what"], one["change"]) for one in changes] == [
        ("session", "removed"),
        ("experiment", "added"),
        ("end of session", "added"),
        ("training", "added"),
    ]
    table = cli("diff", point, local.isoformat()).out
    assert re.search(rf"session/{session[:8]} +~ changed +session .*sequence +1 +4", table, re.S)
    assert cli("diff", token, token).out == "Nothing changed.\n"


def test_a_discarded_session_is_gone(cli, session):
    assert (
        "0 trainings and 0 evaluations are gone for good" in cli("session", "discard", "--yes").out
    )
    assert (code := cli("session", "show", session).code) == 4, code


def test_a_failed_run_exits_with_1_and_says_why(cli, session):
    said = cli("train", "random-forest", "digits", "-p", "n_estimators=5000", "--time-limit", 0.5)
    assert said.code == 1
    assert "did not complete\n  time: " in said.err
    assert "✗ failed" in said.out


def test_a_run_is_cancelled(cli, says, session):
    run = says("train", "random-forest", "digits", "-p", "n_estimators=50000", "--no-wait")
    assert cli("cancel", run["id"][:8]).code == 0
    until(lambda: says("session", "show")["counts"]["trainings"] == {"cancelled": 1})


def test_ctrl_c_ends_the_waiting_and_not_the_run(system, cli, says, session):
    words = command("train", "random-forest", "digits", "-p", "n_estimators=50000")
    waiting = subprocess.Popen(
        words, env=environment(home=system.home), stderr=subprocess.PIPE, text=True
    )
    assert waiting.stderr is not None
    assert "session  a test" in waiting.stderr.readline()
    assert "waiting" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    err = waiting.communicate(timeout=20)[1]
    assert waiting.returncode == 130
    found = re.search(r"Cancel it: autolearn (cancel \w+ --session \w+)", err)
    assert found is not None
    assert "goes on" in err
    assert says("session", "show")["trainings"][0]["ended"] is None
    assert cli(*found[1].split()).code == 0


def test_the_log_is_printed(cli, says, session, http):
    page = says("events", "--limit", 5)
    assert page == http.get("/v1/events", params={"limit": 5}).json()
    said = cli("events", "--limit", 5)
    assert len(said.out.splitlines()) == 5
    after = re.search(r"--after (\S+)", said.err)
    assert after is not None
    assert says("events", "--after", after[1], "--limit", 1)["items"]
    assert any(
        e["subject"] == f"session/{session}" for e in says("events", "--limit", 9999)["items"]
    )


def test_the_log_is_followed(system, cli):
    point = cli("position").out.strip()
    following = subprocess.Popen(
        command("events", "--follow", "--after", point, "-o", "json"),
        env=environment(home=system.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert following.stdout is not None
    cli("session", "open", "--title", "followed")
    assert json.loads(following.stdout.readline())["data"] == {"title": "followed"}
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=10)[1] == b""
    assert following.returncode == 130


def test_the_events_of_one_thing_are_chosen(cli, says, session):
    at = cli("position").out.strip()
    assert says("position")["token"] == at
    assert cli("train", "svm", "iris").code == 0
    types = [e["type"].split(".")[1] for e in says("events", "--session", session[:8])["items"]]
    assert types == ["SessionOpened", "TrainingRequested", "RunStarted", "RunCompleted"]
    chosen = ("--after", at, "--type", "RunStarted", "--type", "RunCompleted")
    said = cli("events", "--follow", "--limit", 2, "--session", session, *chosen)
    assert [line.split()[4] for line in said.out.splitlines()] == [
        "RunStarted.v1",
        "RunCompleted.v1",
    ]
    assert cli("session", "commit").code == 0
    assert says("events", "--stream", f"session/{session}", "--after", at, "--limit", 1)["more"]


def test_a_history_says_what_happened_and_how_it_was_answered(cli, says, session, http):
    assert cli("train", "svm", "iris", "-p", "C=0.5").code == 0
    assert cli("session", "commit").code == 0
    assert http.post(f"/v1/sessions/{session}/discard").status_code == 409
    for name in (session, session[:8], f"session/{session[:8]}", f"experiment/{session}"):
        lines = cli("history", name).out.splitlines()
        assert len(lines) == 8, name
    requested = r" 2 .* admin +TrainingRequested +\w{8} +run=\w+ estimator=svm dataset=iris@\w+"
    assert re.search(requested, lines[3])
    assert '{"C":0.5}' in lines[3]
    assert re.search(r" 6 .* Refused +\w{8} +refused: session-committed: .", lines[7])
    told = says("history", session)
    assert told["stream"] == f"session/{session}"
    assert [event["sequence"] for event in told["items"]] == list(range(1, 7))
    assert "DatasetRegistered" in cli("history", "dataset/iris").out
    assert "EstimatorRegistered" in cli("history", "estimator/svm").out


def test_the_log_says_the_same_again(system, cli, says):
    settings = {"home": system.home, **system.settings}
    said = run_alone("replay", "verify", **settings)
    assert (said.returncode, said.stderr) == (0, "")
    assert "Equal: the log says the same." in said.stdout
    said = run_alone("replay", "rebuild", "-o", "json", **settings)
    assert said.returncode == 4
    assert "--live" in said.stderr
    before = says("session", "list")
    rebuilt = says("replay", "rebuild", "--live")
    assert rebuilt["status"] == "done"
    assert rebuilt["events"] > 0
    assert says("session", "list") == before
    assert says("session", "open", "--title", "after the swap")["title"] == "after the swap"
    said = run_alone("replay", "verify", **settings)
    assert "api-0 at http://" in said.stdout
    assert "Equal: the log says the same." in said.stdout


@pytest.mark.long
def test_what_is_recorded_is_trained_again(system, cli, says):
    session = says("session", "open", "--title", "again")["id"]
    first = says("train", "svm", "iris", "--metrics", "f1,accuracy")["training"]
    limits = ("--time-limit", 50, "--memory-limit", 1000)
    second = says("train", "k-means", "iris", "-p", "n_clusters=3", *limits)
    assert (second["time_limit"], second["memory_limit"]) == (50, 1000)
    before = says("events", "--limit", 9999)["next"]
    assert cli("session", "commit").code == 0

    settings = {"home": system.home, **system.settings}
    said = run_alone("replay", "retrain", session[:8], "-o", "json", **settings)
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    found = {one["training"]: one for one in answer["trainings"]}
    assert found.keys() == {first["id"], second["id"]}
    assert {one["verdict"] for one in found.values()} == {"identical-artifact"}
    one = found[first["id"]]
    assert one["present"] == first["artifact"]["digest"]
    assert [evaluation["equal"] for evaluation in one["evaluations"]] == [True]
    assert answer["same"]
    since = says("events", "--after", before, "--limit", 9999)["items"]
    types = [event["type"] for event in since if event["subject"] == f"session/{session}"]
    assert types == ["autolearn.SessionCommitted.v1"]


def test_a_training_that_has_not_completed_is_not_trained_again(cli, says, session):
    run = says("train", "random-forest", "digits", "-p", "n_estimators=50000", "--no-wait")
    assert cli("cancel", run["id"][:8]).code == 0
    until(lambda: says("session", "show")["counts"]["trainings"] == {"cancelled": 1})
    said = cli("replay", "retrain", run["id"])
    assert (said.code, said.out) == (4, "")
    assert "has no model: it is cancelled" in said.err
    said = cli("replay", "retrain", "")
    assert said.code == 2
    assert "The experiment is empty" in said.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("train nope iris", "There is no estimator 'nope'."),
        ("train svn iris", "Did you mean 'svm'?"),
        ("train svm nope", "There is no dataset 'nope'."),
        ("train svm iris -p C=-1", "C must be number > 0; got -1"),
        ("train svm iris -p C=big", 'got "big"'),
        ("train svm iris -p nope=1", "svm has no hyperparameter 'nope'"),
        ("train svm iris --target nope", "nope"),
        ("train svm iris --test 2", "less than 1"),
        ("train svm iris --seed -1", "greater than or equal to 0"),
        ("train ridge iris", "ridge is for regression"),
        ("evaluate nope", "No experiment of yours has an id or title that begins with 'nope'"),
        ("evaluate 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "0b9f7a52"),
        ("cancel 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "0b9f7a52"),
        (
            "replay retrain nope",
            "No experiment of yours has an id or title that begins with 'nope'",
        ),
        ("replay retrain 0b9f7a", "No experiment, training of one, or training of the session"),
        ("replay retrain 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "is no experiment"),
        ("session show nope", "No session of yours has an id or title that begins with 'nope'"),
        ("session show 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "There is no session 0b9f7a52"),
        ("session commit", "commit"),
        ("experiment show 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "There is no experiment"),
        ("catalog estimators nope", "There is no estimator 'nope'."),
        ("catalog metrics nope", "There is no metric 'nope'."),
        ("dataset show nope", "There is no dataset 'nope'."),
        ("dataset show NO.PE", "lower-case letters"),
        ("events --after nope", "is not a position"),
        ("session list --as-of nope", "is not a position"),
        ("session list --as-of 1990-01-01", "before the first event"),
        ("session list --as-of 2100-01-01", "in the future"),
        ("diff 0s 2h", "before the first event"),
        ("diff 0s --stream iris", "Other streams have names such as dataset/iris."),
        ("diff 0s --stream nope/iris", "there is no kind of stream called 'nope'"),
        ("events --follow --after nope", "'nope' is not a position"),
        ("events --type RunComplete", "Did you mean 'RunCompleted'?"),
        ("events --stream dataset/nope", "Nothing has ever happened to dataset/nope"),
        ("history person/me", "there is no kind of stream called 'person'"),
        ("history nope", "No session or experiment of yours has an id or title"),
        ("history 0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90", "it has no events"),
        ("events --session-is-no-option", None),
    ],
)
def test_what_is_wrong_is_said(cli, opened, words, why):
    said = cli(*words.split())
    assert (said.code, said.out) == ((4, "") if why else (2, ""))
    assert (why or "No such option") in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,2\n3\n", "Line 3 has 1 values"),
        (b"a,b\n1,\xff\n", "UTF-8"),
        (b"1,2\n3,4\n5,6\n", "header"),
    ],
)
def test_a_bad_file_is_refused_in_words(cli, tmp_path, content, why):
    (tmp_path / "bad.csv").write_bytes(content)
    said = cli("dataset", "add", tmp_path / "bad.csv")
    assert (said.code, said.out) == (4, "")
    assert why in said.err


def test_the_words_are_those_of_the_problem(cli, session, http):
    body = {"estimator": "svm", "dataset": "iris", "hyperparameters": {"C": -1}}
    problem = http.post(f"/v1/sessions/{session}/trainings", json=body).json()
    assert cli("train", "svm", "iris", "-p", "C=-1").err == (
        f"session  a test ({session[:8]})\n{problem['title']}\n  {problem['detail']}\n"
    )


def test_a_committed_session_takes_nothing_more(cli, session):
    assert cli("train", "svm", "iris").code == 0
    assert cli("session", "commit").code == 0
    for words in ("session commit", "train svm iris", "session discard --yes"):
        said = cli(*words.split(), "--session", session)
        assert said.code == 4
        assert said.err.startswith("The session is committed")
        assert f"`autolearn experiment show {session[:8]}`" in said.err
