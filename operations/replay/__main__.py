"""Replay: fold the whole log again into an empty store.

`python -m autolearn.operations.replay rebuild`, or `build --folder FOLDER`, by which an API
process rebuilds its own read models while it serves. Only a rebuild that is complete changes what
is in use.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from msgspec.structs import asdict

from autolearn.eventlog.kafka.connect import open_log
from autolearn.operations.tool import ProgressLines, ToolResult, run_as_tool
from autolearn.projections.rebuild.rebuild import Rebuilt, rebuild
from autolearn.projections.rebuild.store_folders import ViewsPlace
from autolearn.runtime.home import lock, state_folder
from autolearn.schemas.errors import AlreadyRunning, ExitCode
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics


def _run_rebuild(settings: Settings, progress: ProgressLines) -> ToolResult:
    """Rebuild the read models of an API process that does not run, and replace them.

    The next rebuild resumes an interrupted one.
    """
    folder = state_folder(settings, "api")
    place = ViewsPlace(folder)
    try:
        with lock(folder / "lock", "An API process"):
            new = place.spare()
            rebuilt = _build(settings, new, progress)
            place.switch(new)
    except AlreadyRunning as error:
        raise AlreadyRunning(
            error.detail,
            advice="Let it rebuild its read models while it serves them: "
            "`autolearn replay rebuild --live`.",
        ) from None
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on from here.", file=sys.stderr)
        raise
    return {**asdict(rebuilt), "folder": str(place.used)}, ExitCode.DONE


def _build(settings: Settings, folder: Path, progress: ProgressLines) -> Rebuilt:
    """Fold the log into a folder."""
    with closing(open_log(settings)) as log:
        topic = Topics.of(settings).events.name
        return rebuild(log, topic, folder, log.ends(topic), progress)


def work(settings: Settings, chosen: argparse.Namespace, progress: ProgressLines) -> ToolResult:
    """Run the subcommand of the arguments."""
    if chosen.what == "rebuild":
        return _run_rebuild(settings, progress)
    return _build(settings, chosen.folder, progress), ExitCode.DONE


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m autolearn.operations.replay")
    parser.add_argument("what", choices=("rebuild", "build"))
    parser.add_argument("--folder", type=Path, help="of `build`: where the new read models go")
    run_as_tool(work, parser)
