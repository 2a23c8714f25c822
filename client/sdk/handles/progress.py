"""A bar of the progress of several runs: by tqdm or rich, whichever is installed."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """Yield the function that sets how much is done.

    tqdm shows it in notebooks and terminals, rich in terminals only.
    """
    if not shown:
        yield lambda _: None
    elif importlib.util.find_spec("tqdm") is not None:
        yield from _tqdm(title, total)
    elif sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        yield from _rich(title, total)
    else:
        yield lambda _: None


def _tqdm(title: str, total: int) -> Iterator[Callable[[int], object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no widgets: it then shows text
        auto = importlib.import_module("tqdm.auto")
        bar = auto.tqdm(total=total, desc=title)
    try:
        yield lambda done: bar.update(max(0, done - bar.n))
    finally:
        bar.close()


def _rich(title: str, total: int) -> Iterator[Callable[[int], object]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)
