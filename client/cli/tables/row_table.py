"""A table that fits its terminal: columns leave by priority, and names are never cut."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

_GAP = 2
"""Characters between two columns."""
_LEAST = 20
"""Characters that a column which wraps keeps, unless its longest cell is shorter."""


class RowTable:
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
