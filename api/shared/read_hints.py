"""The hints of an upload on reading its file, and the changes against the version before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import Query
from msgspec.structs import replace

from autolearn.api.http.problems import Problem
from autolearn.artifacts.datasets.values.zones import zone_of
from autolearn.schemas.bounds import LONGEST_NAME, MOST_TYPES, cut
from autolearn.schemas.catalog import DatasetSpec
from autolearn.schemas.dataset_changes import DatasetChanges
from autolearn.schemas.datasets.read_options import ReadHints, pattern_of, type_fault

_MOST_WORDS = 100
_SHOWN = 10
"""Columns that a problem names."""
Word = Annotated[str, Query(max_length=LONGEST_NAME)]


class Hints(NamedTuple):
    """The hints of an upload besides the dataset's own fields: on its file, and on odd data."""

    read: ReadHints
    accept_findings: bool
    accept_changes: bool
    dry_run: bool


def hints_of() -> Callable[..., Hints]:
    """Return the dependency of FastAPI that reads the hints from the query."""

    def taken(
        separator: Annotated[
            str, Query(max_length=10, description="What parts values: a character, or `tab`.")
        ] = "",
        decimal: Annotated[str, Query(pattern="^[.,]?$", description="`.` or `,`")] = "",
        encoding: Annotated[
            str, Query(max_length=50, description="Such as utf-8, utf-16, latin-1, windows-1252.")
        ] = "",
        header: Annotated[
            bool | None, Query(description="Whether the first row has names. Found without it.")
        ] = None,
        skip_lines: Annotated[
            int | None, Query(ge=0, le=10_000, description="Lines above the header.")
        ] = None,
        sheet: Annotated[str, Query(max_length=LONGEST_NAME, description="Of Excel.")] = "",
        missing: Annotated[
            list[Word] | None,
            Query(max_length=_MOST_WORDS, description="Words that stand for no value."),
        ] = None,
        type: Annotated[  # noqa: A002 - the word of the API
            list[Annotated[str, Query(max_length=2 * LONGEST_NAME)]],
            Query(
                max_length=MOST_TYPES,
                description="`COLUMN=TYPE`: number, integer, boolean, text, timestamp, or the form "
                "of a date such as DD/MM/YYYY.",
            ),
        ] = [],  # noqa: B006 - never changed; FastAPI wants it here
        zone: Annotated[
            str, Query(max_length=60, description="Of times without one, such as Europe/Rome.")
        ] = "",
        accept_findings: Annotated[
            bool, Query(description="Train on the data although severe findings are open.")
        ] = False,
        accept_changes: Annotated[
            bool, Query(description="Register the version although its columns are others.")
        ] = False,
        dry_run: Annotated[
            bool, Query(description="Show what would be read, and keep nothing.")
        ] = False,
    ) -> Hints:
        read = ReadHints(
            separator=_one_character(separator),
            decimal=decimal,
            encoding=encoding,
            header=header,
            skip_lines=skip_lines,
            sheet=sheet,
            missing=None if missing is None else tuple(word for word in missing if word),
            types=_types_of(type),
            zone=_known_zone(zone),
        )
        return Hints(read, accept_findings, accept_changes, dry_run)

    return taken


def _one_character(separator: str) -> str:
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "bar": "|"}
    found = named.get(separator.lower(), separator)
    if len(found) > 1 or found in ('"', "\n", "\r", "\0"):
        raise _unfit(f"The separator is one character, or `tab`; got {cut(separator)!r}.")
    return found


def _types_of(given: list[str]) -> dict[str, str]:
    """Return types by column. Raises a problem for an unknown one."""
    found = {}
    for one in given:
        column, equals, kind = one.rpartition("=")
        if not equals or not column:
            raise _unfit(f"A type is given as COLUMN=TYPE; got {cut(one)!r}.")
        if fault := type_fault(kind):
            raise _unfit(f"Of column {cut(column)!r}: {fault}.")
        found[column] = kind
    return found


def _known_zone(name: str) -> str:
    """Return the name of a time zone. Raises a problem for an unknown one."""
    if not name:
        return ""
    try:
        zone_of(name)
    except (KeyError, OSError, ValueError):
        raise _unfit(
            f"There is no time zone {cut(name)!r}: name one of IANA's, such as Europe/Rome."
        ) from None
    return name


def with_types(before: ReadHints | None, types: Mapping[str, str], *, accepted: bool) -> Hints:
    """Return the hints for the same file again, with types of some columns.

    Raises:
        Problem: a type is unknown (422).
    """
    said = before or ReadHints()
    more = _types_of([f"{column}={kind}" for column, kind in types.items()])
    return Hints(replace(said, types={**said.types, **more}), accepted, True, False)


def _unfit(detail: str) -> Problem:
    return Problem(422, "hints-unfit", "The file cannot be read like that", detail)


def check_changes(spec: DatasetSpec, changes: DatasetChanges, said: ReadHints) -> None:
    """Raise a problem if a new version has other columns than the one before.

    A hinted type is no surprise. A detected one that differs is reported.
    """
    other = [
        column
        for column, (_, now) in changes.retyped.items()
        if pattern_of(said.types.get(column, "")) != now
    ]
    first = {one.column: one for one in reversed(spec.findings)}
    why = [first[column] for column in other if column in first]
    faults = [{"pointer": "#/dataset", "detail": f"{one.say()} {one.advice()}"} for one in why]
    members: dict[str, Any] = {"errors": faults[:_SHOWN]} if faults else {}
    if changes.added or changes.removed or other:
        raise Problem(
            409,
            "columns-changed",
            "The columns are others than before",
            f"Against version {changes.before[:12]} of {spec.name}, {changes.of_columns()}. Add it "
            "with --accept-changes if that is meant, or by another name.",
            **members,
        )


def check_accepted(spec: DatasetSpec, *, strict: bool) -> None:
    """Raise a problem if data have severe findings that nobody has accepted.

    A version without read options was never examined.
    """
    severe = [one for one in spec.findings if one.is_severe]
    if not strict or spec.accepted or not severe:
        return
    faults = [{"pointer": "#/dataset", "detail": f"{one.say()} {one.advice()}"} for one in severe]
    raise Problem(
        422,
        "findings-open",
        "The data must be looked at first",
        f"Nothing is trained on {spec.name} before what is odd is mended, or said to be right: by "
        "a type (dataset add --type, --missing), or by --accept-findings.",
        errors=faults[:_SHOWN],
    )
