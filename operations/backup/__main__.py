"""Backup and restore: `python -m autolearn.operations.backup backup|restore DIR`.

`restore --revoke-tokens` asks for the revocation of every token of the backup.
Where no brokers are named and `autolearn up` does not run on this home, the embedded broker runs
for as long as this takes. Exit code 1: restored, but a view differs.
"""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from msgspec.structs import asdict

from autolearn.artifacts.store.store import ArtifactStore
from autolearn.eventlog.embedded.broker import EmbeddedBroker
from autolearn.eventlog.embedded.install import install
from autolearn.eventlog.embedded.progress_bar import InstallBar
from autolearn.eventlog.kafka.connect import open_log
from autolearn.eventlog.kafka.log import KafkaLog
from autolearn.operations.backup.errors import BackupRefused
from autolearn.operations.backup.read import BackupSet
from autolearn.operations.backup.restore import check_set, plan, restore
from autolearn.operations.backup.session_keys import missing_masters
from autolearn.operations.backup.tokens import revoke_tokens
from autolearn.operations.backup.write import Told, write_backup
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.runtime.home import artifacts_url, home_of, lock_system, running
from autolearn.runtime.state_folders import delete_state, restoring
from autolearn.schemas.errors import ExitCode
from autolearn.schemas.settings import Settings
from autolearn.security.broker_secret import secret_of


def _run_backup(settings: Settings, target: Path, told: Told) -> ToolResult:
    """Write a backup, whether `autolearn up` runs or not."""
    home = home_of(settings)
    began = time.perf_counter()
    if settings.kafka.brokers or running(home) is not None:
        opened: AbstractContextManager[KafkaLog] = closing(open_log(settings))
    elif (home / "kafka" / "data").exists():
        opened = _locked_log(home)
    else:
        raise BackupRefused(
            f"There is no log in {home} yet.",
            title="There is nothing to back up",
            advice="Check AUTOLEARN_HOME, or set AUTOLEARN_KAFKA to host:port of your brokers.",
        )
    with opened as log:
        manifest = write_backup(log, settings, ArtifactStore(artifacts_url(settings)), target, told)
    result = {
        "folder": str(target),
        "made": manifest.made,
        "records": {
            topic.topic: sum(part.records for part in topic.partitions) for topic in manifest.topics
        },
        "artifacts": asdict(manifest.artifacts),
        "bytes": sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
        "seconds": time.perf_counter() - began,
        "digests": manifest.digests,
    }
    return result, ExitCode.DONE


def run_restore(
    settings: Settings, folder: Path, told: Told, *, revoke: bool = False
) -> ToolResult:
    """Restore a backup while nothing runs on this home; with `revoke`, without its tokens.

    If an earlier restore on this home has revoked tokens, they stay revoked.
    """
    home = home_of(settings)
    began = time.perf_counter()
    backup, store = BackupSet(folder), ArtifactStore(artifacts_url(settings))
    with lock_system(home):
        check_set(settings, backup, told)
        opened = closing(open_log(settings)) if settings.kafka.brokers else _embedded_log(home)
        with opened as log:
            parts = plan(log, settings, backup)
            revoke = revoke or any(part.revoked for part in parts)
            again = shlex.quote(str(folder)) + (" --revoke-tokens" if revoke else "")
            with restoring(home, again):
                restored = restore(log, settings, store, backup, parts, told)
                delete_state(home)  # it was folded from whatever log was here before
                if revoke:
                    revoke_tokens(log, settings, backup.manifest.made, restored.tokens)
    manifest = backup.manifest
    tokens = len(restored.tokens)
    comparable = manifest.program == version("autolearn")
    result = {
        "folder": str(folder),
        "made": manifest.made,
        "program": manifest.program,
        **asdict(restored),
        "artifacts": asdict(manifest.artifacts),
        "comparable": comparable,
        "tokens": 0 if revoke else tokens,
        "revoked_tokens": tokens if revoke else 0,
        "missing_master_keys": missing_masters(folder, settings.encryption, home),
        "seconds": time.perf_counter() - began,
    }
    return result, ExitCode.NO if restored.differs and comparable else ExitCode.DONE


@contextmanager
def _locked_log(home: Path) -> Iterator[KafkaLog]:
    """Run the home's embedded broker, and keep `autolearn up` from starting meanwhile."""
    with lock_system(home), _embedded_log(home) as log:
        yield log


@contextmanager
def _embedded_log(home: Path) -> Iterator[KafkaLog]:
    """Run the home's embedded broker. The caller holds `up.lock`."""
    with InstallBar() as bar:
        jars = install(bar)
    with (
        EmbeddedBroker(jars, home / "kafka", secret=secret_of(home)) as broker,
        closing(KafkaLog(broker.bootstrap, broker.client)) as log,
    ):
        yield log


def work(settings: Settings, chosen: argparse.Namespace, progress: ProgressLines) -> ToolResult:
    """Write a backup, or restore one."""

    def told(stage: str, done: int, total: int) -> None:
        progress(done, total, stage)

    folder = chosen.folder.absolute()
    if chosen.what == "backup":
        return _run_backup(settings, folder, told)
    return run_restore(settings, folder, told, revoke=chosen.revoke_tokens)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.backup")
    parser.add_argument("what", choices=("backup", "restore"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--revoke-tokens", action="store_true")
    run_as_tool(work, parser)
