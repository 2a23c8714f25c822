"""Lists of the API: they fetch their pages when they are iterated over."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from msgspec import Struct

from autolearn.client.sdk.flows import Call, ask
from autolearn.client.sdk.handles.display import printable, table_html
from autolearn.client.sdk.handles.frames import frame_of, row_of
from autolearn.client.sdk.handles.handle import Handle
from autolearn.client.sdk.operation import Either, WrongCall, begun, like, public
from autolearn.client.sdk.transport import Awaiting, Blocking
from autolearn.schemas.errors import AutoLearnError
from autolearn.schemas.rest.page import Page

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B", covariant=True)
A = TypeVar("A", covariant=True)
_PAGE = 500
"""Items that are requested at a time."""
_SHOWN = 20
"""Items that a notebook shows."""


class Pages(Struct, Generic[B, A], frozen=True):
    """A list: the call of its first page, and the function that makes an item of what is sent.

    It has at most `limit` items. A list that the API sends whole has no `paged`.
    """

    call: Call[Any]
    make: Callable[[Any], Either[B, A]] | None = None
    limit: int | None = None
    paged: bool = True

    def at(self, page: str | None, found: int) -> Call[Page[Any]]:
        """Return the call of a page, after so many items."""
        if not self.paged:
            return self.call
        left = _PAGE if self.limit is None else min(_PAGE, max(1, self.limit - found))
        query = {**self.call.query, "limit": left, "page": page}
        return Call("GET", self.call.path, self.call.answer, query)

    def items(self, page: Page[Any]) -> list[Any]:
        """Return the items of a page."""
        return page.items if self.make is None else [self.make(one) for one in page.items]


class Listing(Sequence[T]):
    """A list whose pages are fetched when they are needed, and kept.

    `len` and negative indices need all of them.
    """

    def __init__(self, client: Blocking, pages: Pages[Any, Any]) -> None:
        self._client, self._pages = client, pages
        self._items: list[T] = []
        self._next: str | None = None
        self._whole = False

    def pages(self) -> Iterator[Page[Any]]:
        """Iterate over the pages that were not fetched yet, as the API sends them.

        Raises:
            Problem: the API refuses.
            Unreachable: no API answers.
        """
        while not self._whole:
            call = self._pages.at(self._next, len(self._items))
            try:
                page = self._client._drive(ask(call))
            except AutoLearnError as error:
                raise public(error) from None
            self._take(page)
            yield page

    def _take(self, page: Page[Any]) -> None:
        limit = self._pages.limit
        self._items = [*self._items, *self._pages.items(page)][:limit]
        self._next = page.next
        self._whole = page.next is None or len(self._items) == limit

    def _fetch(self, many: int | None) -> None:
        """Fetch pages until there are so many items, or all."""
        pages = self.pages()
        while (many is None or len(self._items) < many) and next(pages, None) is not None:
            continue

    def __iter__(self) -> Iterator[T]:
        place = 0
        while True:
            self._fetch(place + 1)
            if place >= len(self._items):
                return
            yield self._items[place]
            place += 1

    def __len__(self) -> int:
        self._fetch(None)
        return len(self._items)

    def __bool__(self) -> bool:
        self._fetch(1)
        return bool(self._items)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        last = place.stop if isinstance(place, slice) else place + 1 or None
        self._fetch(last if last is not None and last > 0 else None)
        return self._items[place]

    def to_frame(self) -> pd.DataFrame:
        """Return all items as a pandas data frame, a column for each field.

        Raises:
            MissingPackage: pandas is not installed.
        """
        return frame_of(map(_row, self), "to_frame()")

    def __repr__(self) -> str:
        self._fetch(4)
        shown = [_name(one) for one in self._items[:3]]
        return f"[{', '.join(shown)}{', …' if len(self._items) > 3 else ''}]"

    def _repr_html_(self) -> str:
        self._fetch(_SHOWN + 1)
        rows = [_shown(one) for one in self._items[:_SHOWN]]
        heads = list(dict.fromkeys(name for row in rows for name in row))
        table = table_html(heads, ([row.get(head) for head in heads] for row in rows))
        return table + ("<p>…</p>" if len(self._items) > _SHOWN else "")


class AsyncListing(Generic[T]):
    """The same to await: `async for` goes through all pages, `await` returns all items."""

    def __init__(self, client: Awaiting, pages: Pages[Any, Any]) -> None:
        self._client, self._pages = client, pages

    async def pages(self) -> AsyncIterator[Page[Any]]:
        """Iterate over the pages as the API sends them.

        Raises:
            Problem: the API refuses.
            Unreachable: no API answers.
        """
        found, page = 0, None
        while found != self._pages.limit:
            call = self._pages.at(page, found)
            try:
                some = await self._client._drive(ask(call))
            except AutoLearnError as error:
                raise public(error) from None
            if self._pages.limit is not None:
                some.items = some.items[: self._pages.limit - found]
            found += len(some.items)
            yield some
            if (page := some.next) is None:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for one in self._pages.items(page):
                yield one

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self._all().__await__()

    async def _all(self) -> list[T]:
        return [one async for one in self]

    async def to_frame(self) -> pd.DataFrame:
        """Return all items as a pandas data frame, a column for each field.

        Raises:
            MissingPackage: pandas is not installed.
        """
        return frame_of(map(_row, await self._all()), "to_frame()")


def _name(item: Any) -> str:
    """Return an item in short."""
    if isinstance(item, Handle):
        return repr(item)
    first = next(iter(item.__struct_fields__))
    return printable(f"{type(item).__name__}({getattr(item, first)!r})")


def _row(item: Any) -> dict[str, object]:
    return row_of(item.data if isinstance(item, Handle) else item)


def _shown(item: Any) -> dict[str, object]:
    """Return the row of an item in a notebook."""
    if isinstance(item, Handle):
        return item._about()
    fields = {name: getattr(item, name) for name in item.__struct_fields__}
    return {name: one for name, one in fields.items() if not isinstance(one, dict | tuple)}


class listing(Generic[P, B, A]):  # noqa: N801 - it is used as a decorator
    """A method that is defined once, as pages, for both clients; it returns without a request.

    On a `Blocking` it returns a `Listing`, on an `Awaiting` an `AsyncListing`.
    """

    def __init__(self, pages: Callable[Concatenate[Any, P], Pages[B, A]]) -> None:
        self.pages = pages
        self.__doc__ = pages.__doc__

    @overload
    def __get__(self, client: Blocking, kind: type[Any]) -> Callable[P, Listing[B]]: ...
    @overload
    def __get__(self, client: Awaiting, kind: type[Any]) -> Callable[P, AsyncListing[A]]: ...
    @overload
    def __get__(self, client: None, kind: type[Any]) -> Callable[..., Any]: ...
    def __get__(self, client: Blocking | Awaiting | None, kind: type[Any]) -> Any:
        """Return the method of one client, or the function of a class."""
        function = self._awaiting if issubclass(kind, Awaiting) else self._blocking
        return function if client is None else MethodType(function, client)

    @functools.cached_property
    def _blocking(self) -> Callable[..., Any]:
        def method(client: Blocking, *args: Any, **kwargs: Any) -> Listing[B]:
            try:
                return Listing(client, begun(self.pages, client, *args, **kwargs))
            except WrongCall as error:
                raise public(error) from None

        return like(method, self.pages, Blocking)

    @functools.cached_property
    def _awaiting(self) -> Callable[..., Any]:
        def method(client: Awaiting, *args: Any, **kwargs: Any) -> AsyncListing[A]:
            try:
                return AsyncListing(client, begun(self.pages, client, *args, **kwargs))
            except WrongCall as error:
                raise public(error) from None

        return like(method, self.pages, Awaiting)
