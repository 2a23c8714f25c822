"""`autolearn backup` and `autolearn restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tools.tool_runner import run_tool


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _records(many: int) -> str:
    """Return a number of records."""
    return f"{many:,} records"


_STAGES = {
    "log": ("the log", _records),
    "lines": ("checking the log", _records),
    "artifacts": ("artifacts", _megabytes),
    "checksums": ("checksums", _megabytes),
    "views": ("folding the views", _records),
}
"""The name of each stage, and the format of its count."""

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")]


def backup(folder: Folder, output: As = Output.table) -> None:
    """Write the log and the artifacts to a new folder, as one checked set.

    The system may run meanwhile; if `autolearn up` does not, its Kafka is started for as long as
    this takes. The files can be read without this program: docs/backup.md says how.
    """
    from autolearn.client.cli.output import console, count, pairs, print_json

    result, code = work("backup", folder)
    if output == Output.json:
        print_json(result)
    else:
        out, held = console(), result["artifacts"]
        out.print(pairs({f"{name}, records": many for name, many in result["records"].items()}))
        out.print(
            f"Written to {result['folder']}: {_megabytes(result['bytes'])} in "
            f"{result['seconds']:.1f} s, with {count(held['blobs'], 'dataset')} and "
            f"{count(held['folders'], 'trained model')}."
        )
    raise typer.Exit(code)


def restore(
    folder: Folder,
    revoke_tokens: Annotated[
        bool,
        typer.Option(
            "--revoke-tokens", help="Revoke every token of the backup, at the next start."
        ),
    ] = False,
    output: As = Output.table,
) -> None:
    """Restore a backup into an empty folder or empty brokers.

    Nothing else may run on them. First every byte of the backup is checked; afterwards the views
    folded from the log are compared with those of the backup. Exit code 1: they differ.
    Interrupted, it can be run again and resumes. Rights are those of the backup: tokens that were
    revoked since, users disabled since and passwords changed since are valid again.
    """
    from autolearn.client.cli.output import console, print_json, rows, short

    more = ("--revoke-tokens",) if revoke_tokens else ()
    result, code = work("restore", folder, *more)
    if output == Output.json:
        print_json(result)
        raise typer.Exit(code)
    out, differs = console(), result["differs"]
    digests = sorted(result["digests"].items())
    out.print(
        rows(
            ("view", "digest", "as in the backup"),
            [(view, short(digest), view not in differs) for view, digest in digests],
        )
    )
    if result["already"] == result["records"]:
        out.print(f"It was restored already: {result['records']:,} records.")
    else:
        again = f", {result['already']:,} of them before" if result["already"] else ""
        out.print(f"Restored {result['records']:,} records{again}, in {result['seconds']:.1f} s.")
    if differs and result["comparable"]:
        out.print(f"They differ: {', '.join(differs)}.")
    elif differs:
        out.print(
            f"AutoLearn {result['program']} made the backup, and this version's views are others."
        )
    for line in _access(result):
        out.print(line)
    if missing := result["missing_master_keys"]:
        out.print(
            f"What is encrypted needs the master key {', '.join(missing)}, which is not here: put "
            "keys/master.key of the old home into this one before `autolearn up`."
        )
    raise typer.Exit(code)


def _access(result: dict[str, Any]) -> list[str]:
    """Describe the rights after a restore."""
    from autolearn.client.cli.output import count

    again = (
        f"Users and passwords are as of {result['made']}: disable again whom you have disabled "
        "since, and set passwords again that were changed since."
    )
    if revoked := result["revoked_tokens"]:
        return [
            f"{count(revoked, 'token')} of the backup will be revoked at the next start. "
            "Without a password, use `autolearn admin first-user --anyway`.",
            again,
        ]
    if tokens := result["tokens"]:
        return [
            f"{count(tokens, 'token')} of the backup {'is' if tokens == 1 else 'are'} valid again, "
            "also what was revoked since: `autolearn restore --revoke-tokens` revokes all.",
            again,
        ]
    return [again]


def work(what: str, folder: Path, *more: str) -> tuple[dict[str, Any], int]:
    """Run the tool (`run_tool`)."""
    where = str(folder.absolute())
    return run_tool("autolearn.operations.backup", what, what, where, *more, stages=_STAGES)


backup.__doc__ = f"{backup.__doc__}\n\n{EXIT_CODES}"
restore.__doc__ = f"{restore.__doc__}\n\n{EXIT_CODES}"
