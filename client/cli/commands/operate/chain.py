"""`autolearn replay verify --chain`, `prove`, `check-proof`, `public-key`: the past is provable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tool_runner import run_tool

BackupOption = Annotated[
    Path | None,
    typer.Option("--backup", metavar="DIR", help="Read this backup instead of the brokers."),
]
PublicKeyOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        help="A key to trust (PEM or JWK) in place of this home's. Repeatable.",
    ),
]
ProofFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the proof.")]


def verify_chain(
    backup: Path | None, keys: list[Path] | None, checkpoints: list[Path] | None, output: Output
) -> NoReturn:
    """Run the check, and print what it found."""
    from autolearn.client.cli.output import console, pairs, print_json, rows

    words = [*_named("--backup", backup), *_named("--public-key", *(keys or ()))]
    result, code = _run("verify", *words, *_named("--checkpoints", *(checkpoints or ())))
    if output == Output.json:
        print_json(result)
        raise typer.Exit(code)
    out = console()
    out.print(pairs({name: result[name] for name in ("events", "checkpoints", "seconds")}))
    heads = ("partition", "events", "attested", "up to offset", "signed", "after it", "left out")
    out.print(rows(heads, [_line(report) for report in result["partitions"]]))
    for finding in result["findings"]:
        print(_words_of(finding))
    if result["unbroken"]:
        print(_conclusion(result))
    raise typer.Exit(code)


def _line(report: dict[str, Any]) -> tuple[Any, ...]:
    """Return the line of a partition."""
    at = report["attested"] or {"events": 0, "offset": None, "time": None}
    return (
        report["partition"],
        report["events"],
        at["events"],
        at["offset"],
        at["time"],
        report["unattested"],
        report["left_out"],
    )


def _words_of(finding: dict[str, Any]) -> str:
    where = f"partition {finding['partition']}"
    if finding["kind"] in ("signature", "checkpoint-missing", "unsigned"):
        return f"Broken: {finding['kind']}, {where}: {finding['detail']}"
    after, until = finding["after"], finding["until"]
    start = "the beginning" if after < 0 else f"the checkpoint of offset {after}"
    end = "the end" if until is None else f"the checkpoint of offset {until}"
    place = f"offset {finding['offset']} (between {start} and {end})"
    return f"Broken: {finding['kind']}, {where}, {place}: {finding['detail']}"


def _conclusion(result: dict[str, Any]) -> str:
    after = result["unattested"]
    rest = f" {after} events after it are not signed for yet." if after else ""
    made = f" The backup says that it was made at {result['made']}." if result["made"] else ""
    return f"Unbroken from the first event to the newest checkpoint.{rest}{made}"


def prove(
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="The id of an event, or PARTITION-OFFSET.")
    ],
    file: ProofFile,
    backup: BackupOption = None,
    keys: PublicKeyOption = None,
    output: As = Output.table,
) -> None:
    """Write a small file that proves to anybody with the public key that an event is on the log.

    It holds the event itself, and of others only hashes. docs/chain.md says how to check it without
    this program.
    """
    words = (*_named("--backup", backup), *_named("--public-key", *(keys or ())))
    result, code = _run("prove", event, str(file.absolute()), *words)
    _show_proved(result, output)
    if output == Output.table:
        print(f"Written to {result['file']}.")
    raise typer.Exit(code)


def check_proof(file: ProofFile, keys: PublicKeyOption = None, output: As = Output.table) -> None:
    """Check the proof of an event, without a log or an API. Exit code 1: it is not valid."""
    result, code = _run("check-proof", str(file.absolute()), *_named("--public-key", *(keys or ())))
    _show_proved(result, output)
    if output == Output.table:
        print("Proved.")
    raise typer.Exit(code)


def _show_proved(result: dict[str, Any], output: Output) -> None:
    """Print what was proved."""
    from autolearn.client.cli.output import console, pairs, print_json

    if output == Output.json:
        print_json(result)
        return
    about = {name: result[name] for name in ("id", "type", "stream")}
    place = f"event {result['number']} of partition {result['partition']}"
    console().print(pairs({**about, "place": place, "time": result["event"]["time"]}))
    print(f"Signed for at {result['signed']}, with {result['of_events']} events.")


def public_key(
    jwk: Annotated[bool, typer.Option("--jwk", help="As a JSON Web Key (RFC 8037).")] = False,
) -> None:
    """Print the public half of this home's signing key: store it apart from the log."""
    from autolearn.client.cli.output import print_json

    result, code = _run("public-key", *(("--jwk",) if jwk else ()))
    if jwk:
        print_json(result)
    else:
        print(result["pem"], end="")
    raise typer.Exit(code)


def _named(option: str, *values: Path | None) -> list[str]:
    return [
        word for value in values if value is not None for word in (option, str(value.absolute()))
    ]


def _run(*arguments: str) -> tuple[dict[str, Any], int]:
    """Run the tool, show how far it is, and return its result and exit code.

    Raises:
        typer.Exit: it failed; it has said why.
    """
    return run_tool("autolearn.operations.chain", "checking the log", *arguments)
