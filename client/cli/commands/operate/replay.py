"""`autolearn replay`: fold the whole log again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autolearn.client.cli.commands.operate.chain import (
    BackupOption,
    PublicKeyOption,
    check_proof,
    prove,
    public_key,
    verify_chain,
)
from autolearn.client.cli.commands.pipelines.replay import pipeline
from autolearn.client.cli.commands.work.retrain import retrain
from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tools.tool_runner import progress_bars, run_tool
from autolearn.schemas.errors import ExitCode

_FOLDING = "folding the log"

app = typer.Typer(
    help="Rebuild or verify the read models from the log, do trainings and pipelines again "
    "from the record, or verify the hash chain of the log.",
    no_args_is_help=True,
    epilog=EXIT_CODES,
)
app.command("retrain")(retrain)
app.command("pipeline")(pipeline)
app.command("prove")(prove)
app.command("check-proof")(check_proof)
app.command("public-key")(public_key)


@app.command("rebuild")
def rebuild(
    live: Annotated[
        bool, typer.Option("--live", help="Let the running API do it, while it serves.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Rebuild the read models from the log beside the old ones, and put them in their place.

    An interrupted rebuild resumes. Without --live no API process may have them open.
    """
    if live:
        _rebuild_live(url, output)
    else:
        _show(*run_tool("autolearn.operations.replay", _FOLDING, "rebuild"), output)


@app.command("verify")
def verify(
    output: As = Output.table,
    url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar="AUTOLEARN_URL",
            help="The URL of the API. Repeat it to check several API processes.",
        ),
    ] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="Check the hash chain of the log, not the read models.")
    ] = False,
    backup: BackupOption = None,
    keys: PublicKeyOption = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="With --chain: checkpoints stored elsewhere. Repeatable."
        ),
    ] = None,
) -> None:
    """Rebuild beside what the API serves, and compare view by view. Exit code 1: they differ.

    With --chain: check that no event has changed since it was signed, and name the first offset
    that differs. Exit code 1: there is one.
    """
    if chain:
        verify_chain(backup, keys, checkpoints, output)
    if backup or keys or checkpoints:
        raise typer.BadParameter("--backup, --public-key and --checkpoints go with --chain.")
    from autolearn.client.cli.tools.digest_check import verify_views

    with progress_bars(_FOLDING) as bar:
        result = verify_views(url or [], bar)
    _show(result, ExitCode.DONE if result["equal"] else ExitCode.NO, output)


def _rebuild_live(url: str | None, output: Output) -> None:
    """Let an API process rebuild its read models, and show how far it is.

    Raises:
        typer.Exit: it failed; it has said why.
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, messages, pairs, print_json

    with connect(url) as to, progress_bars(_FOLDING) as bar:
        state = to.client.rebuild()
        while state.status in ("folding", "catching-up"):
            state = to.client.rebuilding(wait=0.2)
            bar(state.done, state.total)
        if output == Output.json:
            print_json(to.said)
    if state.status == "failed":
        messages().print(state.detail)
        raise typer.Exit(ExitCode.FAULT)
    if output == Output.table:
        about = {"events": state.events, "seconds": state.seconds}
        console().print(pairs({**about, "events per second": round(state.events_per_s)}))
        print("Rebuilt, and put in place while the API went on.")


def _show(result: dict[str, Any], code: int, output: Output) -> None:
    """Print a result, and exit with the tool's code."""
    from autolearn.client.cli.output import console, pairs, print_json, rows, short

    if output == Output.json:
        print_json(result)
        raise typer.Exit(code)
    out = console()
    about = {"events": result["events"], "seconds": result["seconds"]}
    if result.get("resumed_at"):
        about["folded before an interruption"] = result["resumed_at"]
    out.print(pairs({**about, "events per second": round(result["events_per_s"])}))
    if "processes" in result:
        for process in result["processes"]:
            _show_compared(process)
        _show_evidence(result["evidence"])
        _show_hours(result["prediction_hours"])
        print("Equal: the log says the same." if result["equal"] else "They differ.")
    else:
        digests = sorted(result["digests"].items())
        out.print(rows(("view", "digest"), [(view, short(digest)) for view, digest in digests]))
        out.print("Rebuilt, and put in place.")
    raise typer.Exit(code)


def _show_evidence(found: dict[str, Any]) -> None:
    """Print how the evidence of promotions compares with the evaluations on the log."""
    if found["unchecked"]:
        print(f"The evidence of promotions was not checked: {found['unchecked']}")
    elif found["checked"] or found["unreadable"]:
        gone = f", {found['unreadable']} of what was deleted since" if found["unreadable"] else ""
        values = f"{found['checked']} values{gone}"
        fits = "not as the evaluations say" if found["wrong"] else "as the evaluations say"
        print(f"\nEvidence of promotions: {values}: {fits}.")
        for words in found["wrong"]:
            print(f"  {words}")


def _show_hours(found: dict[str, Any]) -> None:
    """Print how the hours of predictions compare with the prediction log."""
    if found["unchecked"]:
        print(f"The hours of predictions were not checked: {found['unchecked']}")
    elif found["checked"] or found["gone"]:
        gone = f", {found['gone']} of what is not there any more" if found["gone"] else ""
        fits = "not as the log says" if found["wrong"] else "as the log says"
        print(f"Hours of predictions: {found['checked']}{gone}: {fits}.")
        for words in found["wrong"]:
            print(f"  {words}")


def _show_compared(process: dict[str, Any]) -> None:
    """Print how what one process serves compares with the log."""
    from autolearn.client.cli.output import console, rows, short

    out, served = console(), process["served"]
    print(f"\n{process['process']} at {process['url']}")
    compared = [
        (view, short(ours), short(served.get(view, "")), ours == served.get(view))
        for view, ours in sorted(process["digests"].items())
    ]
    out.print(rows(("view", "from the log", "served", "equal"), compared))
    if process["rows"]:
        lines = [(row["view"], row["key"], row["how"]) for row in process["rows"]]
        out.print(rows(("view", "row", "how it differs"), lines))
    if process["differs"]:
        more = process["rows_differing"] - len(process["rows"])
        print(f"Differs: {', '.join(process['differs'])}{f', {more} rows more' if more else ''}.")
