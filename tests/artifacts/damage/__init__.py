"""Tables, and the ways in which files of them are damaged before they reach us."""

from tests.artifacts.damage import excel, files, text, times, values
from tests.artifacts.damage.table import DAMAGES, KINDS, Damage, File, Made, made_table

__all__ = [
    "DAMAGES",
    "KINDS",
    "Damage",
    "File",
    "Made",
    "excel",
    "files",
    "made_table",
    "text",
    "times",
    "values",
]
