"""`autolearn replay verify --chain`, `prove`, `check-proof`, `public-key`: the past is provable."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.tools.tool_runner import run_tool

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
_ROWS = 20
"""Rows of a prediction that are shown."""
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
        str,
        typer.Argument(
            metavar="EVENT|MODEL",
            help="The id of an event, or PARTITION-OFFSET; with --request the name of a model.",
        ),
    ],
    file: ProofFile,
    request: Annotated[
        str, typer.Option(metavar="ID", help="Prove the model's answer to this request instead.")
    ] = "",
    backup: BackupOption = None,
    keys: PublicKeyOption = None,
    output: As = Output.table,
    url: Url = None,
) -> None:
    """Write a small file that proves to anybody with the public key that an event is on the log.

    It holds the event itself, and of others only hashes. docs/chain.md says how to check it without
    this program.

    With --request: that this answer came from that version, promoted by that decision, trained on
    those data. The file has the rows and the answer in clear.
    """
    if request:
        if backup or keys:
            raise typer.BadParameter("--backup and --public-key do not go with --request.")
        _prove_answer(event, request, file, output, url)
        return
    words = (*_named("--backup", backup), *_named("--public-key", *(keys or ())))
    result, code = _run("prove", event, str(file.absolute()), *words)
    _show_proved(result, output)
    if output == Output.table:
        print(f"Written to {result['file']}.")
    raise typer.Exit(code)


def _prove_answer(model: str, request: str, file: Path, output: Output, url: str | None) -> None:
    """Fetch the proof of a prediction into a new file."""
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import print_json

    with connect(url) as to:
        written = to.client.model(model).prove(request, file)
    if output == Output.json:
        print_json({"model": model, "request": request, "file": str(written)})
    else:
        print(f"Written to {written}. It has the rows and the answer in clear.")
        print(f"autolearn replay check-proof {file} says what it proves.")


def check_proof(
    file: ProofFile,
    artifact: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Compute a prediction again with this artifact, such as an export as python.",
        ),
    ] = None,
    keys: PublicKeyOption = None,
    output: As = Output.table,
) -> None:
    """Check the proof of an event or prediction, without a log or an API. Exit code 1: invalid."""
    words = (*_named("--artifact", artifact), *_named("--public-key", *(keys or ())))
    result, code = _run("check-proof", str(file.absolute()), *words)
    if "request" in result:
        _show_prediction(result, output)
    else:
        _show_proved(result, output)
        if output == Output.table:
            print("Proved.")
    raise typer.Exit(code)


def _show_prediction(result: dict[str, Any], output: Output) -> None:
    """Print what is proved of a prediction, and what is not."""
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.models import answered_rows

    if output == Output.json:
        print_json(result)
        return
    many = min(result["rows"], _ROWS)
    console().print(answered_rows(result["inputs"], result["outputs"], many))
    if result["rows"] > _ROWS:
        print(f"{result['rows'] - _ROWS} more rows: -o json has them.")
    for title, words in (("Proved", result["proved"]), ("Not proved", result["not_proved"])):
        print(f"\n{title}:")
        for one in words:
            print(textwrap.fill(one, 80, initial_indent="- ", subsequent_indent="  "))


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
