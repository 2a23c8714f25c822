"""`autolearn dataset expect`: what is expected of a dataset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.commands.data.catalog import name_and_version
from autolearn.client.cli.options import Url
from autolearn.client.cli.output import As, Output
from autolearn.client.cli.time_points import AsOf, point
from autolearn.schemas.errors import ExitCode

if TYPE_CHECKING:
    from autolearn.client.sdk.handles.datasets import DatasetHandle

_LARGEST = 4 << 20


def expect(
    name: Annotated[str, typer.Argument(help="NAME; with --propose or --check also NAME@VERSION.")],
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help='A hard rule, such as "age between 0 and 120".'),
    ] = None,
    add_soft: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="A rule that only warns.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="A rule, as it is shown.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML with lists `hard` and `soft`, instead of all rules. -: standard input.",
        ),
    ] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Print rules that a version meets, as such a file.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check a version; exit code 1 if a hard rule is broken.")
    ] = False,
    output: As = Output.table,
    url: Url = None,
    as_of: AsOf = None,
) -> None:
    """Show or say what is expected of a dataset, propose it, or check a version by it.

    A new version that breaks a hard rule is refused; a soft rule warns (docs/expectations.md).
    """
    from autolearn.client.cli.connection import connect
    from autolearn.client.cli.output import console, print_json
    from autolearn.client.cli.tables.serve import expectations as views

    changes = bool(add or add_soft or remove)
    if sum((changes, file is not None, propose, check, as_of is not None)) > 1:
        raise typer.BadParameter(
            "give one of --add and --remove, --file, --propose, --check, --as-of"
        )
    name, version = name_and_version(name)
    if version and not (propose or check):
        raise typer.BadParameter("rules hold for all versions: give its name", param_hint="'NAME'")
    then = as_of and point(as_of)
    given = None if file is None else _rules_in(file)
    with connect(url) as to:
        dataset = to.client.dataset(name, version=version or None)
        shown: Any
        failed = 0
        if propose:
            shown = views.rules_file(dataset.proposed_expectations())
        elif check:
            found = dataset.check()
            shown, failed = views.check(found), found.failed
        elif given is not None:
            shown = views.expectations(dataset.expect(*given))
        elif changes:
            shown = views.expectations(_changed(dataset, add or [], add_soft or [], remove or []))
        else:
            shown = views.expectations(dataset.expectations(as_of=then))
        if output == Output.json:
            print_json(to.said)
        elif propose:
            print(shown, end="")
        else:
            console().print(shown)
        if as_of:
            to.say_position()
    if failed:
        raise typer.Exit(ExitCode.NO)


def _changed(dataset: DatasetHandle, add: list[str], soft: list[str], remove: list[str]) -> Any:
    """Add and remove rules, unless somebody else changes them meanwhile."""
    from autolearn.schemas.datasets.rule_words import RuleFault, read_rule, say_rule

    before = dataset.expectations()
    gone = set()
    for one in remove:
        try:
            words = say_rule(read_rule(one))
        except RuleFault as fault:
            raise typer.BadParameter(str(fault), param_hint="--remove") from None
        if words not in (*before.hard, *before.soft):
            raise typer.BadParameter(f"{words!r} is not expected", param_hint="--remove")
        gone.add(words)
    for one in (*add, *soft):  # a rule whose severity changes
        try:
            gone.add(say_rule(read_rule(one)))
        except RuleFault as fault:
            raise typer.BadParameter(str(fault), param_hint="--add") from None
    hard = [one for one in before.hard if one not in gone]
    warn = [one for one in before.soft if one not in gone]
    return dataset.expect([*hard, *add], [*warn, *soft], after=before.number)


def _rules_in(file: Path) -> tuple[list[str], list[str]]:
    """Return the hard and soft rules of a file."""
    import yaml

    def unfit(why: str) -> typer.BadParameter:
        return typer.BadParameter(f"{file}: {why}", param_hint="--file")

    try:
        text = sys.stdin.read(_LARGEST + 1) if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise unfit(f"it cannot be read: {error}") from None
    if len(text) > _LARGEST:
        raise unfit(f"it has more than {_LARGEST:,} characters")
    if any(token in text for token in ("&", "*")) and _has_aliases(text):
        raise unfit("anchors and aliases are not read: write each rule out")
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise unfit(f"it is no YAML: {error}") from None
    if not isinstance(given, dict) or not {*given} <= {"hard", "soft"}:
        raise unfit("it has other members than `hard` and `soft`, which are lists of rules")
    lists = [given.get(key) or [] for key in ("hard", "soft")]
    for key, rules in zip(("hard", "soft"), lists, strict=True):
        if not isinstance(rules, list):
            raise unfit(f"`{key}` is no list of rules")
        for one in rules:
            if not isinstance(one, str):
                raise unfit(f"a rule is a sentence, in quotes where YAML reads it otherwise: {one}")
    return lists[0], lists[1]


def _has_aliases(text: str) -> bool:
    """Return whether YAML has anchors or aliases, which may explode."""
    import yaml

    try:
        return any(isinstance(one, yaml.AliasToken | yaml.AnchorToken) for one in yaml.scan(text))
    except yaml.YAMLError:
        return False  # it is no YAML, as the caller will find
