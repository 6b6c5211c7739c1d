"""From which address a visitor comes: that of the connection or, behind a proxy of the settings, the one it names.

An address that has failed too often to sign in waits (EDX437). Behind a proxy all would have the proxy's address, and a
stranger's failures would keep everybody out; of anybody else the header would be a way never to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.requests import Request

_MOST: Final = 1000  # characters of the header, from its end: each proxy adds to that


def address_of(request: Request, proxies: Sequence[str]) -> str:
    """``proxies``: addresses or networks of ``gateway.proxies``, each of which adds the address that called it to
    X-Forwarded-For. The last one there that is no proxy counts; what stands before it is anybody's word."""
    address = request.client.host if request.client else ""
    named = ",".join(request.headers.getlist("x-forwarded-for"))[-_MOST:].split(",")
    while named and _is_listed(address, proxies):
        try:
            address = str(ip_address(named.pop().strip()))
        except ValueError:
            break
    return address


def _is_listed(address: str, proxies: Sequence[str]) -> bool:
    with suppress(ValueError):
        return any(ip_address(address) in ip_network(proxy) for proxy in proxies)
    return False
