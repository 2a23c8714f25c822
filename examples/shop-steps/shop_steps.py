"""A step for pipelines: one typed function."""

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from autolearn.plugins import COLUMNS, InputError, report


def rare_categories(
    table: pa.Table,
    *,
    columns: Annotated[list[str], COLUMNS],
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.01,
    name: str = "other",
) -> pa.Table:
    """Put rare categories together.

    Args:
        table: the table
        columns: columns of text
        share: a category of fewer rows than this part of them is rare
        name: what rare categories become
    """
    for column in columns:
        values = table[column]
        if not pa.types.is_string(values.type):
            raise InputError(f"the column {column} holds no text", advice="Choose another one.")
        counts = pc.value_counts(values.drop_null())
        few = pc.less(counts.field("counts"), share * table.num_rows)
        rare = pc.is_in(values, value_set=counts.field("values").filter(few))
        if pc.any(rare).as_py():
            report.changed(f"a rare category became {name}", table.filter(rare), column=column)
            place = table.column_names.index(column)
            table = table.set_column(place, column, pc.if_else(rare, name, values))
    return table
