"""`autolearn run`: one process type alone."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Type(StrEnum):
    """The types of processes."""

    api = "api"
    decide = "decide"
    dispatch = "dispatch"
    supervise = "supervise"
    monitor = "monitor"
    work = "work"
    serve = "serve"


def run(
    types: Annotated[
        list[Type], typer.Argument(metavar="TYPE…", help="One or more; api and serve stand alone.")
    ],
    services: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="api: serve only these services. [default: all]"),
    ] = None,
    host: Annotated[str | None, typer.Option(help="api, serve: the address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="api, serve: the port; 0 takes a free one.")
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Distinguishes this process from others of its type on this home. [default: 0]",
        ),
    ] = None,
    idle_exit: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=1, help="work: end after so long without a run. [default: never]"
        ),
    ] = None,
) -> None:
    """Run one process of the system: api, serve, decide, dispatch, supervise, monitor or work.

    Start any number, on one machine (each with another --instance) or on several. AUTOLEARN_KAFKA
    names the brokers; without it, those of `autolearn up` on this machine are used. A `work`
    process does AUTOLEARN_SLOTS runs at a time, of every kind.
    """
    from autolearn.runtime.process import child

    arguments = command_of(types, services, host, port)
    if instance is not None:
        os.environ["AUTOLEARN_INSTANCE"] = instance
    if idle_exit is not None:
        if {*types} != {Type.work}:
            raise typer.BadParameter("only `work` ends when it is idle", param_hint="'--idle-exit'")
        os.environ["AUTOLEARN_IDLE_EXIT"] = str(idle_exit)
    sys.stdout.flush()
    how = child(*arguments)
    os.chdir(how.folder)
    os.execve(how.command[0], how.command, how.environment)  # noqa: S606 - no shell


def command_of(
    types: list[Type], services: str | None, host: str | None, port: int | None
) -> list[str]:
    """Return the module to run, with its arguments.

    Raises:
        typer.BadParameter: the types cannot be combined, or an option is for the api only.
    """
    options = {"--services": services, "--host": host, "--port": port}
    given = {name: str(value) for name, value in options.items() if value is not None}
    alone = [one for one in (Type.api, Type.serve) if one in types]
    if not alone:
        if given:
            raise typer.BadParameter(f"{', '.join(given)}: only `api` and `serve` listen.")
        return ["autolearn.agents", *dict.fromkeys(str(one) for one in types)]
    if len(set(types)) > 1:
        raise typer.BadParameter(
            f"{alone[0]} is a process of its own: start the others apart from it."
        )
    if alone == [Type.serve] and "--services" in given:
        raise typer.BadParameter("--services is of `autolearn run api` alone.")
    module = "autolearn.api" if alone == [Type.api] else "autolearn.api.serving"
    return [module, *(word for pair in given.items() for word in pair)]
