"""Rows that are sent, and predictions: encrypted, and for who has asked."""

from pathlib import Path

from tests.api.services.predictions.test_router import FLOWERS, WAIT
from tests.support.people import People


def test_rows_are_encrypted_under_the_key_of_the_session_and_for_its_owner(known: People):
    before = kept_files(known)
    session = known.session("scored")
    known.share(session)
    training, _ = known.trained(session)
    at = f"{session}/predictions?training={training}&with_input=true"
    secret = FLOWERS.replace("f1", "somebody-known")
    answer = known.ask("owner", "PUT", at, content=secret.encode(), headers=WAIT)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["status"] == "completed", found
    got = known.ask("owner", "GET", found["links"]["rows"])
    assert b"somebody-known" in got.content
    assert known.ask("reader", "GET", found["links"]["self"]).status_code == 200
    assert known.ask("reader", "GET", found["links"]["rows"]).status_code == 403
    assert known.ask("reader", "PUT", at, content=secret.encode()).status_code == 403
    kept = kept_files(known) - before
    assert len(kept) == 5, "the rows, and three forms of the predictions with their manifest"
    for path in known.folder.rglob("*"):
        if not path.is_file():
            continue
        assert b"somebody-known" not in path.read_bytes(), path


def kept_files(known: People) -> set[Path]:
    """The files of rows that were sent, and of predictions."""
    return {
        path
        for path in known.folder.rglob("*")
        if path.is_file() and {"sent", "predictions"} & {*path.parts}
    }
