"""An end to what goes over HTTP, whatever the other side does.

    with Deadline(seconds, pace) as deadline:
        opener.add_handler(Handler(deadline))
        …                                       # then OSError or HTTPException, or what came looks complete
        deadline.allow(len(data))
    deadline.missed

A socket's own time-out is for each wait: who sends a byte now and then in a header, in the size of a chunk or behind
the last one, or says "go on" (status 100) again and again, holds http.client for ever.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.request
from contextlib import suppress
from typing import Any, Final, Self

_RETRY_SECONDS: Final = 0.2  # seconds until connections are cut once more


class Deadline:
    """Cuts the connections that were made through it when the time is over."""

    def __init__(self, seconds: float, pace: int) -> None:
        """``pace``: bytes, for which there is one second more."""
        self._began, self._seconds, self._pace = time.monotonic(), seconds, pace
        self._until = self._began + seconds
        self._lines: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def connect(self, *arguments: Any, **options: Any) -> socket.socket:
        line = socket.create_connection(*arguments, **options)
        self._lines.append(line.dup())  # TLS takes the first one away from whoever holds it
        return line

    def allow(self, taken: int) -> None:
        """So many bytes have come."""
        self._until = self._began + self._seconds + taken / self._pace

    @property
    def missed(self) -> bool:
        return time.monotonic() > self._until

    def _watch(self) -> None:
        while not self._over.wait(max(0.0, self._until - time.monotonic())):
            if self.missed:
                for line in self._lines:
                    with suppress(OSError):
                        line.shutdown(socket.SHUT_RDWR)
                self._over.wait(_RETRY_SECONDS)  # a connection may just be coming about

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for line in self._lines:
            line.close()


class Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """urllib's handlers, with connections of a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._plain, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._secured, req)

    def _plain(self, host: str, **options: Any) -> http.client.HTTPConnection:
        return self._bounded(http.client.HTTPConnection(host, **options))

    def _secured(self, host: str, **options: Any) -> http.client.HTTPConnection:
        return self._bounded(http.client.HTTPSConnection(host, **options))

    def _bounded(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        connection._create_connection = self._deadline.connect  # type: ignore[attr-defined]  # the only way in
        return connection
