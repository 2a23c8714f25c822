"""`autolearn evaluation`: the plots of evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autolearn.client.cli.exit_codes import EXIT_CODES
from autolearn.client.cli.options import Url

app = typer.Typer(help="The plots of evaluations.", no_args_is_help=True, epilog=EXIT_CODES)


@app.callback()
def _group() -> None:
    """Keep `plot` a command of a group."""


@app.command("plot")
def plot(
    evaluation: Annotated[str, typer.Argument(help="The id; its start is enough.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PLOT]…", help="[default: all that it has]")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw into a .svg, .png or .pdf file."),
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Its session or experiment. [default: current session]"),
    ] = None,
    url: Url = None,
) -> None:
    """Show the plots of an evaluation (`evaluate --plots`), or draw them into a file."""
    from autolearn.client.cli.connection import connect, only
    from autolearn.client.cli.output import console
    from autolearn.client.cli.plot_files import FORMATS, draw
    from autolearn.client.cli.tables.plots import plots

    if output is not None and output.suffix.lstrip(".") not in FORMATS:
        known = ", ".join(f".{one}" for one in FORMATS)
        raise typer.BadParameter(f"a file of {known}; got {output}", param_hint="'-o'")
    with connect(url) as to:
        owner = to.session_id(of, "session", "experiment")
        found = {str(one.id): one for one in to.evaluations(owner)}
        one = found[only(evaluation, lambda: found, "evaluation there")]
    wanted = names or list(one.plot_data)
    if absent := [name for name in wanted if name not in one.plot_data]:
        why = "; ".join(f"{name}: {one.left_out.get(name, 'not asked for')}" for name in absent)
        raise typer.BadParameter(f"the evaluation does not have it ({why})", param_hint="'PLOT'")
    if not wanted:
        raise typer.BadParameter(
            f"it has no plots: autolearn evaluate {one.training[:8]} --plots all", param_hint="'ID'"
        )
    shown = {name: one.plot_data[name] for name in wanted}
    if output is None:
        console().print(plots(shown))
        return
    draw(shown, f"evaluation {one.id[:8]} on {one.dataset.name}, {one.rows:,} rows", output)
    print(f"Drew {', '.join(shown)} into {output}")
