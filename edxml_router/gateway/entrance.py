"""Listening sockets that take no more connections than may be, counted from the first packet on.

    sockets = listen_on([("0.0.0.0", 8443)], gateway)

A connection that has not even begun its handshake takes a descriptor and memory, and the server learns of it only when
the handshake is over; so it is counted where it is taken from the kernel, all together (gateway.connections) and by the
address that it comes from (gateway.address_connections), lest one client keep all others out. One too many is closed
without a word.
"""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from edxml_router.config import GatewaySettings
from edxml_router.core.problems import Refusal, Setback

BACKLOG: Final = 2048  # connections that wait in the kernel
_CLOSED_AT_ONCE: Final = 100  # then others have their turn
_NETWORK: Final = 64  # bits of an IPv6 address that its owner does not choose


class Entrance:
    """How many are inside."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._most, self._most_each = settings.connections, settings.address_connections
        self._proxies = [ip_network(each) for each in settings.proxies]
        self._count = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, host: str) -> Callable[[], None] | None:
        """What is to be called when this connection has ended; None where it is one too many."""
        whence = self._whence(host)
        if self._count >= self._most or self._by_address[whence] >= (self._most_each if whence else self._most):
            return None
        self._count += 1
        self._by_address[whence] += 1
        return lambda: self._leave(whence)

    def _leave(self, whence: str) -> None:
        self._count -= 1
        self._by_address[whence] -= 1
        if not self._by_address[whence]:
            del self._by_address[whence]

    def _whence(self, host: str) -> str:
        """What connections are counted by; empty for a proxy."""
        address = ip_address(host.partition("%")[0])
        if any(address in each for each in self._proxies):
            return ""
        if isinstance(address, IPv6Address):
            return str(ip_network((address, _NETWORK), strict=False))
        return str(address)


class Listener(socket.socket):
    """A listening socket with an entrance."""

    entrance: Entrance
    unread_milliseconds: int  # for so long sent data may stay unread before the kernel gives a connection up

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError when there is nobody (now)."""
        for _ in range(_CLOSED_AT_ONCE):
            line, address = super().accept()
            leave = self.entrance.enter(address[0])
            if leave is not None:
                taken = Line(line.family, line.type, line.proto, line.detach())
                taken.leave = leave
                with suppress(OSError):
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self.unread_milliseconds)
                return taken, address
            line.close()
        raise BlockingIOError


class Line(socket.socket):
    """A connection that tells when it has ended."""

    leave: Callable[[], None] | None = None

    def close(self) -> None:
        leave, self.leave = self.leave, None
        super().close()
        if leave is not None:
            leave()


def listen_on(addresses: Sequence[tuple[str, int]], settings: GatewaySettings) -> list[Listener]:
    """Listening sockets with one entrance. Raises Refusal EDX918, and Setback EDX919 for an address that another
    program has, or that this machine does not have yet: it may come back, and the node without its gateway works on."""
    entrance = Entrance(settings)
    found: list[Listener] = []
    for host, port in addresses:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        one = Listener(family, socket.SOCK_STREAM)
        one.entrance = entrance
        one.unread_milliseconds = int(2000 * settings.send_time.total_seconds())
        found.append(one)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # beside a listener on 0.0.0.0
            one.bind((host, port))
            one.listen(BACKLOG)
            one.setblocking(False)
        except OSError as error:
            for each in found:
                each.close()
            detail = error.strerror or str(error)
            if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise Setback("EDX919", where=f"{host}:{port}", detail=detail) from error
            raise Refusal("EDX918", where=f"{host}:{port}", detail=detail) from error
    return found
