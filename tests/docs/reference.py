"""`make docs` writes the reference of the public Python surface with pdoc, from the docstrings.

The methods of both clients come from descriptors, and their classes from common bases: each class
gets them as plain members first, so that its page has all of it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Self

import pdoc

from autolearn.client.sdk.handles.pages import AsyncListing, Listing
from autolearn.client.sdk.transport import Awaiting, Blocking

PUBLIC = ("autolearn", "autolearn.plugins", "autolearn.testing")
OBJECTS = tuple(
    f"autolearn.client.sdk.{name}"
    for name in (
        *("client", "sessions", "errors", "handles.datasets", "handles.runs"),
        *("handles.predictions", "handles.training_group", "handles.board", "handles.pages"),
    )
)
"""The modules of the objects that public names return."""

_RESULTS = {"Listing": Listing, "AsyncListing": AsyncListing, "Self": Self}
"""Names in the signatures of methods that the modules of the flows do not import."""


def write(folder: Path) -> None:
    """Write a page per module, and an index with a search, into a folder."""
    modules = [importlib.import_module(name) for name in (*PUBLIC, *OBJECTS)]
    for module in modules:
        if module.__name__ in OBJECTS:
            module.__all__ = _shown(module)  # type: ignore[attr-defined]
        for name in module.__all__:
            setattr(module, name, found := getattr(module, name))
            if inspect.isclass(found) and issubclass(found, Blocking | Awaiting):
                _complete(found)
    pages = ", ".join(f"`{one}`" for one in (*PUBLIC[1:], *OBJECTS))
    modules[0].__doc__ = f"{modules[0].__doc__}\n\nFurther pages: {pages}."
    warnings.filterwarnings("ignore", r"Error parsing type annotation pd\.Series", UserWarning)
    warnings.filterwarnings("ignore", r"Error parsing type annotation ForwardRef", UserWarning)
    pdoc.render.configure(docformat="google", show_source=False, footer_text="AutoLearn")
    pdoc.pdoc(*(module.__name__ for module in modules), output_directory=folder)


def _shown(module: ModuleType) -> list[str]:
    """Return the names of a module's own classes that a user can hold."""
    kinds = (Blocking, Awaiting, Exception)
    return [
        name
        for name, one in vars(module).items()
        if inspect.isclass(one) and one.__module__ == module.__name__
        if issubclass(one, kinds) or name.endswith("Listing")
    ]


def _complete(kind: type) -> None:
    """Give a class the public members of its bases as its own."""
    for base in reversed(kind.__mro__[:-1]):
        for name, one in vars(base).items():
            if name.startswith("_") or not base.__module__.startswith("autolearn."):
                continue
            member = one if isinstance(one, property) else getattr(kind, name)
            vars(sys.modules[base.__module__]).update(_RESULTS)
            if inspect.isfunction(member):  # pdoc would show the signature of the flow
                vars(member).pop("__wrapped__", None)
            setattr(kind, name, member)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"Open {sys.argv[1]}/index.html")
