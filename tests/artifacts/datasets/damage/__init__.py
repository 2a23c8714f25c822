"""Tables, and the ways in which files of them are damaged before they reach us."""

from tests.artifacts.datasets.damage import excel, files, text, times, values
from tests.artifacts.datasets.damage.table import DAMAGES, KINDS, Damage, File, Made, made_table

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
