"""The reference that `make docs` writes has the methods of both clients, as they are called."""

import html
import re
import subprocess
import sys
from pathlib import Path


def test_the_reference_has_the_methods_of_both_clients(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.docs.reference", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == (f"Open {tmp_path}/index.html\n", "")
    assert 'href="autolearn/client/sdk/sessions.html"' in (tmp_path / "autolearn.html").read_text()
    page = (tmp_path / "autolearn/client/sdk/handles/runs.html").read_text()
    text = " ".join(html.unescape(re.sub("<[^>]+>", "", page)).split())
    for words_of_it in (
        "def evaluations(self) -> list[EvaluationHandle]: Get all evaluations",
        "async def evaluations(self) -> list[AsyncEvaluationHandle]: Get all evaluations",
        "PredictionHandle | pandas.DataFrame: Predict rows",
    ):
        assert words_of_it in text, words_of_it
    assert "Generator[" not in text
