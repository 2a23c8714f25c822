"""`PYTHON duckdb_reader.py LARGE THREADS FILE…`: time DuckDB's reading of a CSV, and type others.

A process of its own, with the Python of `requirements/bench.txt`, which has nothing of ours. Of the
large file the clock has what DuckDB's sniffer and reader do until all rows are in a table in
memory. Prints one line of JSON: the seconds, the rows, and per other file the types of its columns
that DuckDB finds out by itself; of one that it cannot read there are none.
"""

from __future__ import annotations

import json
import sys
import time

import duckdb


def timed(path: str, threads: int) -> tuple[float, int]:
    """Read a file into memory; return the seconds and the rows."""
    with duckdb.connect(config={"threads": threads}) as database:
        began = time.perf_counter()
        database.execute("CREATE TABLE data AS SELECT * FROM read_csv(?)", [path])
        took = time.perf_counter() - began
        (rows,) = database.execute("SELECT count(*) FROM data").fetchone()
    return took, rows


def types(path: str) -> dict[str, str]:
    """Read a file into memory; return the types of its columns."""
    with duckdb.connect() as database:
        try:
            database.execute("CREATE TABLE data AS SELECT * FROM read_csv(?)", [path])
        except duckdb.Error:
            return {}
        return {name: kind for name, kind, *_ in database.execute("DESCRIBE data").fetchall()}


if __name__ == "__main__":
    large, threads, *others = sys.argv[1:]
    seconds, rows = timed(large, int(threads))
    found = {path: types(path) for path in others}
    print(json.dumps({"seconds": seconds, "rows": rows, "types": found}), flush=True)
