"""A page of a list, and the links of a resource."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

Item = TypeVar("Item")
Links = dict[str, str]
"""The URLs of related resources, by relation."""


class Page(Struct, Generic[Item]):
    """A part of a list. `next` is the token of the next page, None on the last one."""

    items: list[Item]
    next: str | None = None
