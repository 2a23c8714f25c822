"""The answers of service `audit`."""

from __future__ import annotations

from autolearn.schemas.records.audit_hop import Hop
from autolearn.schemas.rest.page import Page


class Hops(Page[Hop], kw_only=True):
    """Some hops, newest first; `source` is their origin."""

    source: str
