"""Calls to the systems of offices over HTTP: the only home of httpcore.

    caller = WebhookCaller(networks, certificates)
    status = await caller.post(url, headers, body)      # within SECONDS
    await caller.close()

Where a name leads is asked once, the answer is held to what is allowed, and the connection goes to that answer: asked
twice, a name could lead to this machine the second time. Redirections are not followed, and no more of an answer is
read than its head. Raises Setback EDX715 (no answer) and EDX717 (an address
that is not allowed), Refusal EDX902 for the certificates.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Final

import httpcore

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words

SECONDS: Final = 15.0  # for a whole call (Standard Webhooks 1.0.0: 15 to 30)
CONNECTIONS: Final = 64  # who makes more calls at once lets some wait for others, and blames the wrong receiver

Network = IPv4Network | IPv6Network


_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class WebhookCaller:
    """Makes calls, up to ``CONNECTIONS`` at once. ``networks`` may be called although they are not public, and without
    TLS; ``certificates`` is a file of authorities besides those of the machine."""

    def __init__(self, networks: Sequence[Network], certificates: Path | None = None) -> None:
        context = ssl.create_default_context()
        if certificates is not None:
            try:
                context.load_verify_locations(certificates)
            except OSError as error:  # also ssl's: no certificate in it
                raise Refusal("EDX902", where=str(certificates), detail=in_words(error)) from error
        self._open, self._sealed = (
            httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=CONNECTIONS,
                max_keepalive_connections=0,  # calls are rare, and where a name leads may change between them
                network_backend=_Guarded(networks, public=public),
            )
            for public in (False, True)
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that the receiver answers."""
        try:
            return await asyncio.wait_for(self._post(url, headers, body), SECONDS)
        except TimeoutError as error:
            detail = Detail("no answer within {seconds} seconds", seconds=SECONDS)
            raise Setback("EDX715", where=url, detail=detail) from error
        except (*_FAILURES, OSError, ValueError) as error:  # ValueError: a name that is none, a port out of range
            raise Setback("EDX715", where=url, detail=in_words(_cause(error))) from error

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        given = {"content-type": "application/json", "user-agent": "edxml-router", **headers}
        pool = self._sealed if url.startswith("https:") else self._open
        request = pool.stream("POST", url, headers=list(given.items()), content=body)
        async with request as response:  # its body is not read: the connection is closed
            return int(response.status)

    async def close(self) -> None:
        await self._open.aclose()
        await self._sealed.aclose()


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses only."""

    def __init__(self, networks: Sequence[Network], *, public: bool) -> None:
        self._networks = networks
        self._public = public
        self._lines = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:  # all of them: the one that answers is not ours to choose
            if not self._allows(address):
                detail = Detail("{host} leads to {address}", host=host, address=address)
                raise Setback("EDX717", where=f"{host}:{port}", detail=detail)
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError):
                return await self._lines.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._lines.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    def _allows(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        listed = any(address in network for network in self._networks)
        return listed or (self._public and address.is_global and not address.is_multicast)


def _cause(error: BaseException) -> BaseException:
    """What the system said, below httpcore's wrapping."""
    while not isinstance(error, OSError) and error.__cause__ is not None:
        error = error.__cause__
    return error
