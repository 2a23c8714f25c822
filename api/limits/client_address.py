"""The address of a request, for bounds by address.

Behind proxies that AUTOLEARN_TRUSTED_PROXIES names, the server replaces the peer's address by the
last one that they vouch for (`X-Forwarded-For`, read from the right).
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from starlette.types import Scope


def address_of(scope: Scope) -> str:
    """Return the unit of a bound by address: an IPv4 address, or an IPv6 /64."""
    client = scope.get("client")
    return network_of(client[0]) if client else ""


@lru_cache(4096)
def network_of(host: str) -> str:
    """Return an IPv4 address itself, of an IPv6 address the /64: one client has all of it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a proxy's word that is no address
        return host[:100]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


@lru_cache(4096)
def is_loopback(host: str) -> bool:
    """Return whether an address is of this machine itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
