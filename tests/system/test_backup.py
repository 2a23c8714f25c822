"""A backup of a system at work, put back under another prefix and home, where work goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.client.sdk.client import AutoLearn
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.operations.backup.read import BackupSet
from autolearn.operations.backup.restore import plan, restore
from autolearn.operations.backup.write import write_backup
from autolearn.schemas.errors import LogError
from tests.operations.test_backups import HERE, THERE, contents, nothing, store_with, told_log
from tests.support.cli_processes import Said, autolearn, run_alone, up
from tests.support.running_system import QUICK
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.long]

LONG = {"n_estimators": 20_000}
"""Hyperparameters of a training that is not done before the backup is."""


def client_of(home: Path) -> AutoLearn:
    return AutoLearn(json.loads((home / "up.json").read_bytes())["url"])


def result_of(said: Said | Any) -> Any:
    out, err = (said.out, said.err) if isinstance(said, Said) else (said.stdout, said.stderr)
    assert said.code == 0 if isinstance(said, Said) else said.returncode == 0, err
    return json.loads(out)


def test_a_system_at_work_is_put_back_elsewhere_and_goes_on(kafka, tmp_path):
    here, there = (
        {"kafka": kafka, "topic_prefix": f"backup-{where}", **QUICK} for where in ("here", "there")
    )
    old, new = tmp_path / "here", tmp_path / "there"
    with up(old, auth="none", **here):
        with client_of(old) as client:
            kept = client.sessions.open(title="kept")
            model = kept.train("decision-tree", "iris", wait=60)
            kept.commit()
            open_one = client.sessions.open(title="open")
            long = open_one.train("random-forest", "digits", hyperparameters=LONG, wait=False)
            until(lambda: open_one.training(long.id).status == "started")
            made = result_of(run_alone("backup", tmp_path / "set", "-o", "json", home=old, **here))
            digests = made["digests"]
            assert open_one.training(long.id).status == "started", "the backup was too slow"
        assert made["records"]["events"] > 30
        refused = run_alone("restore", tmp_path / "set", home=old, **here)
        assert (refused.returncode, "autolearn up" in refused.stderr) == (4, True)

    restored = result_of(run_alone("restore", tmp_path / "set", "-o", "json", home=new, **there))
    assert restored["digests"] == digests
    assert restored["differs"] == []
    take_master_key(restored, old, new)
    stores = [ArtifactStore((tmp_path / home / "artifacts").as_uri()) for home in ("here", "there")]
    assert model.artifact.folder in stores[1].folders()
    assert set(stores[1].blobs()) <= set(stores[0].blobs())
    again = autolearn("restore", tmp_path / "set", home=new, **there)
    assert (again.code, "restored already" in again.out) == (0, True), again.err

    with up(new, auth="none", **there), client_of(new) as client:
        assert [each.id for each in client.experiments.list()] == [kept.id]
        kept_model = client.experiments.get(kept.id).training(model.id)
        found = kept_model.download(tmp_path / "model")
        assert found.digest == model.artifact.digest
        session = client.session(id=open_one.id)
        until(lambda: session.training(long.id).attempt == 2)  # its worker is gone
        until(lambda: session.training(long.id).status == "started")
        assert session.training(long.id).cancel().status == "cancelled"
        more = session.train("decision-tree", "iris", wait=60)
        assert more.status == "completed"
        assert more.artifact.digest == model.artifact.digest
        evaluated = session.evaluate(more.id, metrics=["f1"], wait=60)
        assert evaluated.status == "completed"
    refused = run_alone("restore", tmp_path / "set", home=new, **there)
    assert (refused.returncode, "Nothing was restored" in refused.stderr) == (4, True)


def take_master_key(restored: dict, old: Path, new: Path) -> None:
    """The master key is in no backup: the restore says so, and somebody brings it."""
    assert len(restored["missing_master_keys"]) == 1
    (new / "keys").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(old / "keys" / "master.key", new / "keys")


def test_on_a_laptop_the_embedded_broker_runs_for_as_long_as_it_takes(tmp_path):
    with up(tmp_path / "old", auth="none") as running, client_of(running.home) as client:
        session = client.sessions.open(title="mine").id
    made = result_of(run_alone("backup", tmp_path / "set", "-o", "json", home=tmp_path / "old"))
    restored = result_of(
        run_alone("restore", tmp_path / "set", "-o", "json", home=tmp_path / "new")
    )
    assert restored["digests"] == made["digests"]
    take_master_key(restored, tmp_path / "old", tmp_path / "new")
    with up(tmp_path / "new", auth="none") as running, client_of(running.home) as client:
        assert client.session(id=session).title == "mine"
    (tmp_path / "new" / "restoring").write_text("/a/set\n")
    refused = run_alone("up", home=tmp_path / "new")
    assert (refused.returncode, "autolearn restore /a/set" in refused.stderr) == (5, True)
    nothing_there = run_alone("backup", tmp_path / "none", home=tmp_path / "empty")
    assert (nothing_there.returncode, "nothing to back up" in nothing_there.stderr) == (4, True)


def test_a_broker_that_goes_away_in_the_middle_is_told_and_the_restore_goes_on(
    tmp_path, monkeypatch
):
    for module in ("write", "restore"):
        monkeypatch.setattr(f"autolearn.operations.backup.{module}._PATIENCE", 2.0)
    story, store = told_log(count=400, expired=100), store_with(tmp_path / "store")
    write_backup(story, HERE, store, tmp_path / "set", nothing)
    backup = BackupSet(tmp_path / "set")

    with EmbeddedBroker(install(), tmp_path / "kafka") as broker:
        log = KafkaLog(broker.bootstrap)

        def kill_later(stage: str, done: int, _: int) -> None:
            if stage == "log" and done >= 1000:
                broker.kill()

        parts = plan(log, THERE, backup)
        with pytest.raises(LogError) as failure:
            restore(log, THERE, store, backup, parts, kill_later)
        assert "goes on where it stopped" in failure.value.advice
        log.close()

    # On another port: what the old producer still has on its way must not arrive.
    with EmbeddedBroker(install(), tmp_path / "kafka") as broker:
        log = KafkaLog(broker.bootstrap)
        restored = restore(log, THERE, store, backup, plan(log, THERE, backup), nothing)
        assert restored.differs == []
        assert 0 < restored.already < restored.records
        assert contents(log, THERE) == contents(story, HERE)

        def kill_now(stage: str, _: int, __: int) -> None:
            if stage == "log":
                broker.kill()

        with pytest.raises(LogError, match="No backup was made"):
            write_backup(log, THERE, store, tmp_path / "other", kill_now)
        assert not list(tmp_path.glob("other*"))
        log.close()
