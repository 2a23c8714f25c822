"""The picture of a comparison that README shows: drawn from what the API answers."""

from __future__ import annotations

import html
import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from autolearn.client.cli.tables.comparison import comparison
from autolearn.schemas.rest.comparisons import TrainingComparison

_WIDTH = 80
_FONTS = re.compile(r"\s*@font-face \{\{.*?\}\}\n", re.DOTALL)
"""Rich has its fonts from another host; any monospace one does."""


def picture(of: TrainingComparison, command: str) -> str:
    """Draw a comparison as SVG, as a terminal shows it."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(comparison(of, None, _WIDTH))
    form = _FONTS.sub("\n", CONSOLE_SVG_FORMAT).replace(
        "<!-- Generated with Rich https://www.textualize.io -->", ""
    )
    return console.export_svg(title=command, code_format=form, unique_id="comparison")


def words_of(svg: str) -> list[str]:
    """The text of a picture, with x for each digit of an id and of a time."""
    texts = (html.unescape(one) for one in re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    words = " ".join(texts).replace("\xa0", " ").split()
    ids = (re.sub(r"\b[0-9a-f]{8}\b", "xxxxxxxx", word) for word in words)
    return [re.sub(r"^\d+\.\d{3}$", "x.xxx", word) for word in ids]
