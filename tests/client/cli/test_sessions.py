"""Sessions over the command line, on a real system: the current one, titles, what is lost."""

import re
import uuid
from pathlib import Path

import pytest

from tests.client.conftest import Laptop
from tests.support.cli_processes import Desk, Up
from tests.support.waiting import until

pytestmark = pytest.mark.kafka

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def users(laptop: Laptop, config: Path) -> list[str]:
    """Names of new users."""
    names = [f"u{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        Desk(laptop.home, config).does("admin", "user", "add", name, typed=f"{PASSWORD}\n")
    return names


@pytest.fixture
def ada(running: Up, users: list[str], tmp_path: Path) -> Desk:
    """A user without a current session."""
    return at_desk(running, users[0], tmp_path)


@pytest.fixture
def grace(running: Up, users: list[str], tmp_path: Path) -> Desk:
    """Another one, with the same config folder."""
    return at_desk(running, users[1], tmp_path)


def at_desk(running: Up, user: str, config: Path) -> Desk:
    desk = Desk(running.home, config)
    desk.does("login", user, typed=f"{PASSWORD}\n")
    return desk


def titled(words: str = "") -> str:
    return f"{words or 'title'} {uuid.uuid4().hex[:6]}"


def test_the_first_training_opens_a_session_and_says_so(ada: Desk):
    said = ada("train", "nope", "no-such-dataset")
    assert (said.code, "Opened" in said.err) == (4, False)
    first = ada("train", "svm", "iris")
    assert first.code == 0, first.err
    opened = re.search(r"Opened session 'iris' \((\w{8})\); keep what it makes with", first.err)
    assert opened is not None
    second = ada("train", "naive-bayes", "iris")
    for said in (first, second):
        assert f"session  iris ({opened[1]})\n" in said.err
    assert "Opened" not in second.err
    assert ada.says("session", "show")["counts"]["trainings"] == {"completed": 2}
    (line,) = [one for one in ada.does("session", "list").splitlines() if opened[1] in one]
    assert line.split()[1] == "*"
    assert ada.does("session", "commit").startswith("Committed: experiment")
    said = ada("session", "show")
    assert (said.code, "You have no current session" in said.err) == (2, True)


@pytest.mark.parametrize(
    "words", [["no-such"], ["svm", "--target", "nothing"], ["decision-tree", "-p", "max_depth=3,x"]]
)
def test_a_refused_training_leaves_no_session(ada: Desk, words: list[str]):
    ada("session", "discard", "--yes")
    before = {one["id"] for one in ada.says("session", "list")["items"]}
    said = ada("train", words[0], "iris", *words[1:])
    assert (said.code, "Discarded the session again" in said.err) == (4, True), said.err
    assert {one["id"] for one in ada.says("session", "list")["items"]} == before
    assert "You have no current session" in ada("session", "show").err


def test_two_users_of_a_home_have_their_own(running: Up, users: list[str], tmp_path: Path):
    ada = at_desk(running, users[0], tmp_path / "ada")
    grace = at_desk(running, users[1], tmp_path / "grace")
    hers, other = titled("hers"), titled("other")
    ada.does("session", "open", "--title", hers)
    grace.does("session", "open", "--title", other)
    assert ada.says("session", "show")["title"] == hers
    assert grace.says("session", "show")["title"] == other
    grace.config = ada.config
    grace.does("login", users[1], typed=f"{PASSWORD}\n")  # they share even a config folder
    grace.does("session", "use", other)
    assert grace.says("session", "show")["title"] == other
    ada.does("login", users[0], typed=f"{PASSWORD}\n")
    assert ada.says("session", "show")["title"] == hers


def test_a_session_is_chosen_by_its_title(ada: Desk):
    one, two = titled("one"), titled("two")
    ada.does("session", "open", "--title", one)
    ada.does("session", "open", "--title", two)
    assert re.fullmatch(rf"The current session is {one} \(\w{{8}}\)\n",
                        ada.does("session", "use", one[:9].upper()))  # fmt: skip
    assert ada.says("session", "show")["title"] == one
    assert ada.says("session", "show", two)["title"] == two
    said = ada("train", "svm", "iris", "--session", two)
    assert f"session  {two} (" in said.err
    ada.does("session", "commit", "--session", two)
    assert ada.says("experiment", "show", two[:9])["title"] == two
    assert ada.says("session", "show")["title"] == one
    said = ada("session", "use", two)
    assert (said.code, "No session of yours" in said.err) == (4, True)
    assert "TrainingRequested" in ada.does("history", two)
    assert ada.says("events", "--session", two)["items"][0]["data"] == {"title": two}
    assert ada.does("session", "share", two, "admin") == "Shared with admin (read)\n"
    said = ada("experiment", "delete", two, typed="n\n")
    assert (said.code, f"Delete experiment {two} (" in said.err) == (1, True)
    assert "with 1 training for good?" in said.err
    ada.does("experiment", "delete", two, "--yes")
    ada.does("session", "discard", "--yes")


def test_two_people_work_in_one_session(running: Up, users: list[str], tmp_path: Path):
    ada = at_desk(running, users[0], tmp_path / "ada")
    grace = at_desk(running, users[1], tmp_path / "grace")
    team, title = f"team-{uuid.uuid4().hex[:6]}", titled("ours")
    rows = "\n".join(f"{n},{'ab'[n % 2]}" for n in range(40))
    (tmp_path / "rows.csv").write_text(f"size,kind\n{rows}\n")
    said = ada.does("group", "create", team)
    assert said == f"Created group {team} of {users[0]}: share with group/{team}\n"
    assert ada.does("group", "add", team, users[1]) == f"{users[1]} is a member of {team}\n"
    assert [one["user"] for one in grace.says("group", "show", team)["members"]] == sorted(users)
    ada.does("dataset", "add", str(tmp_path / "rows.csv"), "--name", team, "--target", "kind")
    ada.does("session", "open", "--title", title)
    ada.does("train", "decision-tree", team)
    for kind, name in (("session", title), ("dataset", team)):
        said = ada.does(kind, "share", name, f"group/{team}", "--may", "work")
        assert said == f"Shared with group/{team} (work)\n"
        assert name in grace.does(kind, "list", "--shared")
        assert name not in ada.does(kind, "list", "--shared")
    grace.does("train", "naive-bayes", team, "--session", title)
    lines = grace.does("session", "show", title).splitlines()
    by = {line.split()[1]: line.split()[3] for line in lines if team in line}
    assert by == {"decision-tree": users[0], "naive-bayes": users[1]}
    assert f"{users[1]} (group/{team})" in ada.does("history", title)
    refused = grace("commit", "--session", title)
    assert (refused.code, "It is the owner's" in refused.err) == (4, True)
    ada.does("group", "remove", team, users[1])
    assert title not in grace.does("session", "list")
    assert grace("train", "naive-bayes", team, "--session", title).code != 0
    ada.does("group", "delete", team, "--yes")
    assert team not in ada.does("group", "list")


def test_a_session_and_its_training_get_notes_and_tags_which_lists_show(ada: Desk, tmp_path: Path):
    title = titled("annotated")
    ada.does("session", "open", "--title", title)
    training = ada.says("train", "svm", "iris")["id"]
    assert ": petals matter" in ada.does("note", title, "petals matter")
    assert "a, b b, c" in ada.does("tag", title, "a,b b,c")
    assert ada.says("tag", title, "c", "--remove")["tags"] == ["a", "b b"]
    ada.does("tag", training[:8], "best")
    ada.does("note", training, "simple")
    shown = ada.does("session", "show")
    assert all(words in shown for words in ("best", "simple", "petals matter"))
    assert "petals matter" in ada.does("session", "list")
    ada.does("session", "commit", "--note", "for June")
    listed = ada.does("experiment", "list")
    assert all(words in listed for words in ("a, b b", "for June"))
    assert "best" in ada.does("compare", title)
    ada.does("note", training, "later")
    assert "later" in ada.does("experiment", "show", title)
    assert ada.says("log", training[:8], "cost=2.5")["logged"] == {"cost": 2.5}
    assert ada("log", training, "cost=high").code == 2
    assert ada("log", title, "cost=1").code == 4
    assert "2.5000" in ada.does("compare", title)
    plot = tmp_path / "plot.svg"
    plot.write_text("<svg/>")
    assert "plot.svg (image/svg+xml, 6 bytes)" in ada.does("attach", training, str(plot))
    plot.unlink()
    assert ada.does("attachment", training, "plot.svg", "-o", str(plot)) == f"Wrote {plot}\n"
    assert plot.read_text() == "<svg/>"
    assert "plot.svg" in ada.does("experiment", "show", title)
    assert ada("attachment", training, "none.svg").code != 0
    said = ada(
        "experiment", "list", "--where", '"cost (logged)" > 2', "--grep", title, "--tag", "a"
    )
    assert title in said.out
    assert said.err.startswith("1 found; looked at ")
    assert ada("note", "nothing so", "x").code == 4


def test_a_session_is_renamed_and_found_by_its_new_title(ada: Desk):
    old, new, newest = titled("old"), titled("new"), titled("newest")
    session = ada.says("session", "open", "--title", old)["id"]
    assert ada.does("session", "rename", old, new) == f"Renamed: {new} ({session[:8]})\n"
    said = ada("train", "svm", "iris")
    assert f"session  {new} ({session[:8]})" in said.err
    ada.does("session", "commit", "--session", new)
    renamed = ada.says("experiment", "rename", new, newest)
    assert renamed == {"id": session, "title": newest}
    assert ada.says("experiment", "show", newest)["title"] == newest
    assert ada("experiment", "show", old).code == 4
    assert "SessionRenamed" in ada.does("history", newest)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("commit", "Your current session was committed\n"),
        ("discard --yes", "Your current session was discarded\n"),
    ],
)
def test_a_session_that_ended_elsewhere_is_said_and_what_to_do(
    ada: Desk, tmp_path: Path, end: str, words: str
):
    title = titled()
    session = ada.says("session", "open", "--title", title)["id"]
    ada.does("train", "svm", "iris")
    file = tmp_path / "autolearn" / "sessions.json"
    before = file.read_bytes()
    ada.does("session", *end.split())
    file.write_bytes(before)  # as in another terminal, which has another config folder
    said = ada("train", "svm", "iris")
    assert said.code == 2
    assert said.err.startswith(words)
    assert f"It was {title} ({session[:8]})." in said.err
    assert "The next `autolearn train` opens a session" in said.err
    assert (f"autolearn experiment show {session[:8]}" in said.err) == (end == "commit")
    said = ada("train", "svm", "iris")
    assert (said.code, "Opened session 'iris'" in said.err) == (0, True)


def test_nothing_is_discarded_before_somebody_says_yes(ada: Desk):
    title = titled("v2")
    ada.does("session", "open", "--title", title)
    ada.does("train", "svm", "iris", "--metrics", "f1")
    ada.does("train", "svm", "iris")
    for typed in ("n\n", "\n", ""):
        said = ada("session", "discard", typed=typed)
        assert (said.code, said.out.strip()) == (1, "")
        question = rf"Discard session {title} \(\w+\) with 2 trainings, opened \d+ s ago\? It "
        assert re.search(question + r"cannot be undone \[y/N\]", said.err)
        assert ("Nobody has answered" in said.err) == (typed == "")
    assert ada.says("session", "show")["title"] == title
    said = ada("session", "discard", typed="y\n")
    assert re.fullmatch(
        rf"Discarded session {title} \(\w+\): 2 trainings and 1 evaluation are gone for good\n",
        said.out,
    )


def test_what_a_discard_cancels_is_said_too(ada: Desk):
    ada.does("session", "open")
    ada.does("train", "random-forest", "digits", "-p", "n_estimators=50000", "--no-wait")
    said = ada("session", "discard", "--yes")
    assert said.out.endswith(": 1 training and 0 evaluations are gone for good; 1 run cancelled\n")


def test_a_commit_says_how_many_it_leaves_behind_and_where_they_are(ada: Desk):
    session = ada.says("session", "open", "--title", titled())["id"]
    kept = ada.says("train", "svm", "iris")["id"]
    left = ada.says("train", "naive-bayes", "iris")["id"]
    said = ada("session", "commit", "--training", kept[:8])
    assert said.out == f"Committed: experiment {session} keeps 1 of 2 trainings, 0 evaluations\n"
    found = re.fullmatch(
        r"See the others with `autolearn (session show \w+ --as-of \S+)`\n", said.err
    )
    assert found is not None, said.err
    assert [one["id"] for one in ada.says(*found[1].split())["trainings"]] == [kept, left]


def test_an_unknown_training_is_answered_with_those_there_are(ada: Desk):
    ada.does("session", "open")
    run = ada.says("train", "svm", "iris")["id"]
    start = "0000" if not run.startswith("0000") else "1111"
    said = ada("evaluate", start)
    assert (said.code, f"begins with {start}. It has {run[:8]} svm: " in said.err) == (4, True)
    until(lambda: ada.says("session", "show")["running"] == [])
    ada.does("session", "discard", "--yes")
