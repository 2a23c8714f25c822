"""Encodings, packed files, and other formats than CSV."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import random
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from autolearn.schemas.datasets.read_options import ReadHints
from tests.artifacts.datasets.damage.table import File, Made, damage, encoded, plain, texts, written


@damage
def utf_16(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("utf-16")
    return File(content, table, must=("read-as",))


@damage
def utf_16_without_a_mark(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("utf-16-le")
    return File(content, table, refusal="utf-16-le")


@damage
def latin_1(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("latin-1")
    return File(content, table, refusal="--encoding")


@damage
def latin_1_named(table: Made, some: random.Random) -> File:
    content = written(texts(table)).encode("latin-1")
    return File(content, table, hints=ReadHints(encoding="latin-1"))


@damage
def gzipped(table: Made, some: random.Random) -> File:
    return File(gzip.compress(encoded(texts(table))), table, must=("read-as",))


@damage
def gzipped_and_cut(table: Made, some: random.Random) -> File:
    content = gzip.compress(encoded(texts(table)))
    return File(
        content[: -some.randint(1, len(content) - 20)], table, refusal="damaged", must=("-",)
    )


@damage
def zstandard(table: Made, some: random.Random) -> File:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(encoded(texts(table)))
    return File(out.getvalue().to_pybytes(), table, must=("read-as",))


@damage
def zipped(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", encoded(texts(table)))
    return File(out.getvalue(), table, must=("read-as",))


@damage
def a_mark_of_bytes(table: Made, some: random.Random) -> File:
    return File(b"\xef\xbb\xbf" + encoded(texts(table)), table)


@damage
def json_lines(table: Made, some: random.Random) -> File:
    lines = [
        json.dumps({
            name: plain(value) if isinstance(value, dt.datetime) else value
            for name, value in zip(table.names, row, strict=True)
        }) + "\n"
        for row in table.rows()
    ]  # fmt: skip
    return File("".join(lines).encode(), table)


@damage
def an_array_of_json(table: Made, some: random.Random) -> File:
    rows = [dict(zip(table.names, map(plain, row), strict=True)) for row in table.rows()]
    content = json.dumps(rows, indent=some.choice([None, 2])).encode()
    return File(content, table, refusal="one object per line", must=("-",))


def arrow_of(table: Made) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in table.values.items()})


@damage
def arrow(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.feather.write_feather(arrow_of(table), out)
    return File(out.getvalue(), table)


@damage
def parquet(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow_of(table), out)
    return File(out.getvalue(), table)


@damage
def parquet_of_a_shuffled_frame(table: Made, some: random.Random) -> File:
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in table.values.items()}
    )
    frame = frame.infer_objects()
    order = list(range(len(frame)))
    some.shuffle(order)
    out = io.BytesIO()
    moved = frame.iloc[order]
    moved.to_parquet(out)
    shuffled = Made(table.kinds, {n: [v[at] for at in order] for n, v in table.values.items()})
    counts = isinstance(moved.index, pd.RangeIndex)  # it is no column then
    return File(out.getvalue(), shuffled, must=("left-out",) * (not counts))


@damage
def parquet_cut(table: Made, some: random.Random) -> File:
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow_of(table), out)
    content = out.getvalue()
    return File(content[: some.randint(4, len(content) - 1)], table, refusal="Parquet", must=("-",))
