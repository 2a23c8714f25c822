"""The output of the command line: tables for people, or the unchanged JSON of the API."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autolearn.client.cli.terminal_text import escaped, printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text


_GAP = 2
"""Characters between two columns."""
_LEAST = 16
"""Characters that a column which wraps keeps, unless its longest cell is shorter."""
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?%?")
_NARROW = 40
"""Columns below which COLUMNS is ignored: a table would be empty."""
_WIDE, _UNLIMITED = 240, 1_000_000
"""Columns without a terminal: a pipe gets every line whole. The second of tables of any width."""


class Output(StrEnum):
    """The format of an answer."""

    table = "table"
    json = "json"


class Format(StrEnum):
    """The format of an answer that has rows of values."""

    table = "table"
    json = "json"
    csv = "csv"


_HELP = "How to print the answer."
As = Annotated[Output, typer.Option("--output", "-o", help=_HELP)]
AsRows = Annotated[Format, typer.Option("--output", "-o", help=_HELP)]


def console() -> Console:
    """Return the console of answers (standard output)."""
    return _make_console(stderr=False)


def line_width() -> int | None:
    """Return the characters of a line; None in a pipe, whose lines have any length."""
    told = os.environ.get("COLUMNS")
    return _make_console(stderr=False).width if sys.stdout.isatty() or told else None


def print_lines(view: RenderableType) -> None:
    """Print an answer without folding its lines in a pipe."""
    to = _make_console(stderr=False)
    if line_width() is None:
        to.width = _UNLIMITED
    to.print(view)


def messages() -> Console:
    """Return the console of progress and hints (standard error)."""
    return _make_console(stderr=True)


def _make_console(*, stderr: bool) -> Console:
    """Return a console: colours on terminals only, and not with NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) < _NARROW:
        width: int | None = _NARROW
    else:
        width = None if stream.isatty() or told else _WIDE
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def print_json(document: bytes | Mapping[str, Any]) -> None:
    """Print one JSON document."""
    import msgspec

    content = document if isinstance(document, bytes) else msgspec.json.encode(document)
    print(escaped(msgspec.json.format(content, indent=2).decode(), sys.stdout.encoding or "utf-8"))


def rows(
    heads: Sequence[str],
    lines: Iterable[Sequence[object]],
    *,
    leave: Sequence[str] = (),
    wraps: Sequence[str] | None = None,
) -> RenderableType:
    """Return a table with a line per item; numbers stand at the right.

    On a narrow terminal the columns `leave` go, the first one first, and the columns `wraps` (the
    last one by default) are wrapped.
    """
    from rich.text import Text

    given = [list(line) for line in lines]
    numeric = [
        bool(given) and all(_is_number(line[at]) for line in given) for at in range(len(heads))
    ]
    cells = [
        [cell if isinstance(cell, Text) else Text(_text(cell)) for cell in line] for line in given
    ]
    wrapped = heads[-1:] if wraps is None else wraps
    return _RowTable([Text(_text(head)) for head in heads], cells, numeric, leave, wrapped)


class _RowTable:
    """Rows below their heads, rendered as wide as the console allows.

    While the table is too wide, the columns named in `leave` go, the first one first. What then is
    still too wide is wrapped: the columns `wraps` between words, and, where no room is left, any.
    """

    def __init__(
        self,
        heads: Sequence[Text],
        lines: Sequence[Sequence[Text]],
        numeric: Sequence[bool],
        leave: Sequence[str],
        wraps: Collection[str],
    ) -> None:
        self.heads, self.lines, self.numeric = heads, lines, numeric
        self.leave, self.wraps = leave, wraps

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield the table with the columns for which there is room."""
        from rich import box
        from rich.table import Table

        shown = self._shown(options.max_width)
        fits = self._needed(shown) <= options.max_width
        table = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, _GAP - 1, 0, 0)
        )
        for at in shown:
            wraps = self.heads[at].plain in self.wraps
            table.add_column(
                self.heads[at],
                justify="right" if self.numeric[at] else "left",
                overflow="fold",
                no_wrap=fits and not wraps,
                min_width=min(self._width(at), _LEAST) if fits and wraps else None,
            )
        for line in self.lines:
            table.add_row(*(line[at] for at in shown))
        yield table

    def _shown(self, room: int) -> list[int]:
        """Return the indexes of the columns that stay."""
        shown = list(range(len(self.heads)))
        for name in self.leave:
            if self._needed(shown) <= room:
                break
            shown = [at for at in shown if self.heads[at].plain != name]
        return shown

    def _needed(self, shown: Sequence[int]) -> int:
        """Return the characters that these columns need at least."""
        least = (
            min(self._width(at), _LEAST) if self.heads[at].plain in self.wraps else self._width(at)
            for at in shown
        )
        return sum(least) + _GAP * (len(shown) - 1)

    def _width(self, at: int) -> int:
        """Return the characters of the longest line of a column."""
        cells = (self.heads[at], *(line[at] for line in self.lines))
        return max(line.cell_len for cell in cells for line in cell.split("\n", allow_blank=True))


def pairs(about: Mapping[str, object]) -> RenderableType:
    """Return names and values, one pair a line, without None and empty values."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in about.items():
        if value not in (None, "", ()):
            table.add_row(Text(_text(name), "bold"), Text(_text(value)))
    return table


def sentence(words: str) -> Text:
    """Return a line of text, without control characters of others."""
    from rich.text import Text

    return Text(_text(words))


def _is_number(cell: object) -> bool:
    if isinstance(cell, str):
        return _NUMBER.fullmatch(cell) is not None
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def _text(cell: object) -> str:
    """Return a cell as text, without control characters of others."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return number(cell)
    return printable(str(cell), but="\n")


def number(value: float) -> str:
    """Format a number with at most four decimals."""
    if value.is_integer() and abs(value) < 2**53:
        return f"{value:.0f}"
    return f"{value:.4f}" if 0.001 <= abs(value) < 10_000 else f"{value:.4g}"


def figure(value: float) -> str:
    """Format a value of a column with six digits, an integer with all."""
    if isinstance(value, int):
        return f"{value:,}"
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.6g}"
    digits = max(0, 5 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(identifier: str) -> str:
    """Return the first characters of an id or a hash: enough to tell a few apart."""
    return identifier[:8]


def when(time: str | None) -> str | None:
    """Format a time of the API (RFC 3339, UTC) as a local one."""
    from datetime import datetime

    if not time:
        return None
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"


def age(time: str) -> str:
    """Return how long ago a time of the API was, in its largest unit, such as `2 h`."""
    from datetime import UTC, datetime

    seconds = max(0.0, (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def count(many: int, what: str, plural: str = "") -> str:
    """Format a number of things, such as `1 training` or `2 trainings`."""
    return f"{many} {what}" if many == 1 else f"{many} {plural or what + 's'}"


def shortened(value: object, length: int = 60) -> str:
    """Return a value as JSON, cut at `length` characters."""
    import msgspec

    words = msgspec.json.encode(value).decode()
    return words if len(words) <= length else f"{words[: length - 1]}…"
