"""The command line `autolearn`: every command, and how each way of failing ends.

Only typer and the standard library are loaded here; a command loads what it needs when it runs.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from autolearn.client.cli.commands.data import catalog, dataset
from autolearn.client.cli.commands.lineage import lineage
from autolearn.client.cli.commands.operate import (
    admin,
    audit,
    backup,
    dead_letters,
    dev,
    events,
    replay,
    status,
    up,
    version,
    worker,
)
from autolearn.client.cli.commands.pipelines import pipeline
from autolearn.client.cli.commands.serve import model, predictions, truth
from autolearn.client.cli.commands.users import group, login, token
from autolearn.client.cli.commands.work import (
    annotate,
    cancel,
    compare,
    demo,
    diff,
    evaluate,
    evaluation,
    experiment,
    history,
    predict,
    retrain,
    run,
    session,
    train,
    tune,
)
from autolearn.client.cli.exit_codes import EXIT_CODES, words_of
from autolearn.client.cli.terminal_text import printable
from autolearn.schemas.errors import AutoLearnError, ExitCode


class _Commands(TyperGroup):
    """All commands. A value that does not fit its option is refused in words of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _unfit(error.__cause__) or error.message
            raise


def _unfit(why: Any) -> str:
    """Return the words for the first fault that pydantic found in an option; "" for none."""
    found = why.errors() if hasattr(why, "errors") else ()
    if not found:
        return ""
    of, given = found[0].get("ctx", {}), printable(repr(found[0]["input"]))
    for rule, words in _RULES.items():
        if rule in of:
            return f"{given} is not {words} {of[rule]}"
    if what := _KINDS.get(found[0]["type"]):
        return f"{given} is no {what}"
    return printable(str(of["error"])).removesuffix(".") if "error" in of else ""


_RULES = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_KINDS = {"int_parsing": "integer", "int_from_float": "integer", "float_parsing": "number"}
"""The words for what pydantic asks of a value, by its names."""

app = typer.Typer(
    name="autolearn",
    cls=_Commands,
    help="Train, evaluate and keep models. Every change is an event on Apache Kafka.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # as markup of Rich, [default: …] would not be shown
    context_settings={"help_option_names": ["-h", "--help"]},
)

_OF_THE_MACHINE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)
"""Errors of the system that lie with the machine or its user, not with us."""

RUNS, WORK, PAST, USERS = "The system", "Work", "Present and past", "Users"


def _print_version(asked: bool) -> None:
    """Print the version, and end."""
    if asked:
        version.version()
        raise typer.Exit


app.add_typer(dataset.app, name="dataset", rich_help_panel=WORK)
app.add_typer(session.app, name="session", rich_help_panel=WORK)
app.command("train", rich_help_panel=WORK, context_settings={"allow_extra_args": True})(train.train)
app.command("tune", rich_help_panel=WORK)(tune.tune)
app.command("evaluate", rich_help_panel=WORK)(evaluate.evaluate)
app.command("compare", rich_help_panel=WORK)(compare.compare)
app.add_typer(evaluation.app, name="evaluation", rich_help_panel=WORK)
app.command("commit", rich_help_panel=WORK)(session.commit)
app.command("predict", rich_help_panel=WORK)(predict.predict)
app.add_typer(predictions.app, name="predictions", rich_help_panel=WORK)
app.add_typer(truth.app, name="truth", rich_help_panel=WORK)
app.command("label", rich_help_panel=WORK)(truth.label)
app.command("cancel", rich_help_panel=WORK)(cancel.cancel)
app.command("note", rich_help_panel=WORK)(annotate.note)
app.command("tag", rich_help_panel=WORK)(annotate.tag)
app.command("log", rich_help_panel=WORK)(annotate.log)
app.command("attach", rich_help_panel=WORK)(annotate.attach)
app.command("attachment", rich_help_panel=WORK)(annotate.attachment)
app.add_typer(experiment.app, name="experiment", rich_help_panel=WORK)
app.command("reproduce", rich_help_panel=WORK)(retrain.retrain)
app.add_typer(model.app, name="model", rich_help_panel=WORK)
app.add_typer(pipeline.app, name="pipeline", rich_help_panel=WORK)
app.add_typer(catalog.app, name="catalog", rich_help_panel=WORK)
app.command("diff", rich_help_panel=PAST)(diff.diff)
app.command("events", rich_help_panel=PAST)(events.events)
app.command("history", rich_help_panel=PAST)(history.history)
app.command("lineage", rich_help_panel=PAST)(lineage.lineage)
app.command("position", rich_help_panel=PAST)(events.position)
app.command("login", rich_help_panel=USERS)(login.login)
app.command("logout", rich_help_panel=USERS)(login.logout)
app.command("whoami", rich_help_panel=USERS)(login.whoami)
app.command("quota", rich_help_panel=USERS)(login.quota)
app.command("password", rich_help_panel=USERS)(login.password)
app.add_typer(token.app, name="token", rich_help_panel=USERS)
app.add_typer(group.app, name="group", rich_help_panel=USERS)
app.add_typer(admin.app, name="admin", rich_help_panel=USERS)
app.command("up", rich_help_panel=RUNS)(up.up)
app.command("status", rich_help_panel=RUNS)(status.status)
app.command("demo", rich_help_panel=RUNS)(demo.demo)
app.command("audit", rich_help_panel=RUNS)(audit.audit)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=RUNS)
app.command("backup", rich_help_panel=RUNS)(backup.backup)
app.command("restore", rich_help_panel=RUNS)(backup.restore)
app.add_typer(replay.app, name="replay", rich_help_panel=RUNS)
app.command("run", rich_help_panel=RUNS)(run.run)
app.add_typer(worker.app, name="worker", rich_help_panel=RUNS)
app.add_typer(dev.app, name="dev", rich_help_panel=RUNS)
app.command("version", rich_help_panel=RUNS)(version.version)

# The plural of a noun lists it.
app.command("datasets", hidden=True)(dataset.list_)
app.command("sessions", hidden=True)(session.list_)
app.command("experiments", hidden=True)(experiment.list_)
app.command("estimators", hidden=True)(catalog.estimators)
app.command("metrics", hidden=True)(catalog.metrics)
app.command("models", hidden=True)(model.list_)
app.command("truths", hidden=True)(truth.list_)
app.command("pipelines", hidden=True)(pipeline.list_)


@app.callback()
def _options(
    version_: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Train, evaluate and keep models. Every change is an event on Apache Kafka."""


def main() -> None:
    """Run the command line, and exit with a documented code.

    A failure is printed on standard error with the error's message. The traceback of a fault of
    ours is shown with AUTOLEARN_LOG_LEVEL=debug only. Characters that a terminal cannot show become
    question marks.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="autolearn")
    except SystemExit:
        # Typer has put this there: whatever reads the pipe has had enough.
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":
            sys.exit(ExitCode.DONE)
        raise
    except KeyboardInterrupt:  # before a command has begun
        sys.exit(ExitCode.INTERRUPTED)
    except AutoLearnError as error:
        print(words_of(error, _options_of(sys.argv[1:])), file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            print(of_the_machine(error), file=sys.stderr)
            sys.exit(ExitCode.REFUSED)
        if os.environ.get("AUTOLEARN_LOG_LEVEL") == "debug":
            raise
        print(
            f"AutoLearn failed\n  {type(error).__name__}: {error}\n  This is a fault of the "
            "command line: AUTOLEARN_LOG_LEVEL=debug shows where.",
            file=sys.stderr,
        )
        sys.exit(ExitCode.FAULT)


def _options_of(words: list[str]) -> list[str]:
    """Return the options of the command that these words call, but for names of arguments."""
    command = typer.main.get_command(app)
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    given = {f"--{one.name}" for one in command.params if one.param_type_name == "argument"}
    return [name for one in command.params for name in one.opts if name not in given]


def of_the_machine(error: OSError) -> str:
    """Describe the system's error: the cause, the file and the remedy."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    advice = "Make room on the disk" if full else "See that this user may do that there"
    return printable(
        f"The system does not let AutoLearn do that\n  {what}.\n  {advice}, or choose another "
        "place: AUTOLEARN_HOME names the folder of all data."
    )


if __name__ == "__main__":
    main()
