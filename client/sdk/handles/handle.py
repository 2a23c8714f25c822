"""A resource of the API as an object: its newest known state, and methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from msgspec import Struct

from autolearn.client.sdk.handles.display import as_html, printable

D = TypeVar("D", bound=Struct)


class Reference(Protocol):
    """An object that a request can name."""

    def _sent(self) -> Mapping[str, str]:
        """Return it as requests have it."""


class Handle(Generic[D]):
    """A resource of the API. `data` is its newest known state, whose fields are attributes too."""

    _fields: ClassVar[frozenset[str]] = frozenset()
    """The names of the fields of `data`."""

    _http: Any
    _data: D | None

    @property
    def data(self) -> D:
        """The newest known state, as the API has sent it; `refresh` gets the present one."""
        assert self._data is not None, "users get none without"
        return self._data

    def __getattr__(self, name: str) -> Any:
        if name in self._fields:
            return getattr(self.data, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._fields})

    def _title(self) -> str:
        """Return one line that says which it is, and how it is."""
        raise NotImplementedError

    def _about(self) -> dict[str, object]:
        """Return the values that a notebook shows, by name."""
        return {}

    def __repr__(self) -> str:
        if self._data is None:
            return f"<{type(self).__name__} that was not asked for>"
        return f"<{printable(self._title())}>"

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._about())
