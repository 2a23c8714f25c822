"""Replay: fold the whole log again into an empty store, and compare with what is served.

`python -m autolearn.projections.replay rebuild|verify [--url URL]… [--json]`, or `build --folder
FOLDER`, by which an API process rebuilds its own while it serves.
`verify` asks the API with AUTOLEARN_TOKEN, where only sysadmins may.
With --json, standard output has one JSON document a line: `{"progress": {…}}` now and then, and
last `{"result": {…}}`.
Exit codes: 0 done (or equal), 1 differs, 2 bad arguments or settings, 3 no Kafka or no API,
4 an API process has the read models open, 5 the log or the read models are not what they must be,
130 interrupted. Only 0 changes what is in use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from autolearn.eventlog.process import (
    configure_logs,
    end_with_parent,
    home_of,
    lock,
    open_log,
    read_settings,
    running,
)
from autolearn.projections.place import ViewsPlace
from autolearn.projections.rebuilding import Told, rebuild
from autolearn.projections.verifying import verify
from autolearn.schemas.errors import AlreadyRunning, AutoLearnError, LogError, SettingsError
from autolearn.schemas.settings import Settings
from autolearn.schemas.topics import Topics

__all__ = ["main"]

EXIT_CODES = {SettingsError: 2, LogError: 3, AlreadyRunning: 4}


def run_rebuild(settings: Settings, told: Told) -> tuple[dict[str, Any], int]:
    """Rebuild the read models of an API process that does not run, and put them in place.

    What an interrupted rebuild has folded stays, and the next one goes on from there.
    """
    folder = home_of(settings) / "state" / f"api-{settings.instance}"
    log, place = open_log(settings), ViewsPlace(folder)
    try:
        topic = Topics.of(settings).events.name
        try:
            with lock(folder / "lock", "An API process"):
                new = place.spare()
                rebuilt = rebuild(log, topic, new, log.ends(topic), told)
                place.switch(new)
        except AlreadyRunning as error:
            raise AlreadyRunning(
                error.detail,
                advice="Let it rebuild its read models while it serves them: "
                "`autolearn replay rebuild --live`.",
            ) from None
    finally:
        log.close()
    return {**asdict(rebuilt), "folder": str(place.used)}, 0


def run_build(settings: Settings, folder: Path, told: Told) -> tuple[dict[str, Any], int]:
    """Fold the log into a folder; who asked for it puts it in place."""
    log = open_log(settings)
    try:
        topic = Topics.of(settings).events.name
        return asdict(rebuild(log, topic, folder, log.ends(topic), told)), 0
    finally:
        log.close()


def main(arguments: list[str]) -> int:
    """Run the tool and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m autolearn.projections.replay")
    parser.add_argument("what", choices=("rebuild", "verify", "build"))
    parser.add_argument("--url", action="append", help="of `verify`: may be repeated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="of `build`: where the new read models go")
    parser.add_argument("--with-parent", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.with_parent:
        end_with_parent()
    shown = 0.0

    def told(done: int, total: int) -> None:
        nonlocal shown
        if chosen.json and (done == total or time.monotonic() - shown > 0.1):
            shown = time.monotonic()
            print(json.dumps({"progress": {"done": done, "total": total}}), flush=True)

    try:
        settings = read_settings()
        configure_logs(settings)  # standard output is for the documents alone
        if chosen.what == "rebuild":
            result, code = run_rebuild(settings, told)
        elif chosen.what == "build":
            result, code = run_build(settings, chosen.folder, told)
        else:
            up = running(home_of(settings))
            here = up.url if up else f"http://{settings.api_host}:{settings.api_port}"
            token = os.environ.get("AUTOLEARN_TOKEN", "")
            result = verify(settings, chosen.url or [here], told, token)
            code = 0 if result["equal"] else 1
    except AutoLearnError as error:
        print(error.diagnostics(), file=sys.stderr)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 5)
    except KeyboardInterrupt:
        print("Interrupted: the same command goes on from here.", file=sys.stderr)
        return 130
    print(
        json.dumps({"result": result} if chosen.json else result, indent=None if chosen.json else 2)
    )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
