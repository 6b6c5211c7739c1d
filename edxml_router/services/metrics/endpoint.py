"""A small HTTP server for whoever watches: GET /metrics, /healthz, /readyz, and nothing else.

    with Endpoint("127.0.0.1:9464", answer): …      # answer(path, accept) → status, media type, body

A thread for each connection, a few at once: when one more comes, the one that has been open longest is closed, so that
nobody can keep others out by saying nothing. A place that is taken, or an address that is not there yet, is tried again
and again; it is said once (EDX695).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final

from edxml_router.config.faces.gateway_checks import listen_address
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.observe import events

AT_ONCE: Final = 16  # connections
SECONDS: Final = 5.0  # without a byte, until one is closed
RETRY_SECONDS: Final = 5.0  # until it is tried again to listen

Answer = Callable[[str, str], tuple[int, str, bytes]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = AT_ONCE

    def __init__(self, host: str, port: int, answer: Answer) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        self._open: list[socket.socket] = []  # the longest open first
        self._guard = threading.Lock()
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.append(request)
            over = self._open[0] if len(self._open) > AT_ONCE else None
        if over is not None:
            with suppress(OSError):
                over.shutdown(socket.SHUT_RDWR)  # its thread ends by itself
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            if request in self._open:
                self._open.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS
    server: _Server
    server_version, sys_version = "edxml-router", ""  # what runs beneath is not told to strangers

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        status, kind, data = self.server.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the library
        """Who asks each few seconds is not worth a line."""


class Endpoint:
    """The server, in threads that end with the block."""

    def __init__(self, listen: str, answer: Answer) -> None:
        self._listen = listen
        self._answer = answer
        self._ending = threading.Event()
        self._server: _Server | None = None
        self._guard = threading.Lock()

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self._run, name="metrics", daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending.set()
        with self._guard:
            server = self._server
        if server is not None:
            server.shutdown()

    def _run(self) -> None:
        host, port = listen_address(self._listen)
        told = ""
        while not self._ending.is_set():
            try:
                server = _Server(host, port, self._answer)
            except OSError as error:
                if told != (told := in_words(error)):
                    events.metrics_unavailable(Finding("EDX695", self._listen, told))
                self._ending.wait(RETRY_SECONDS)
                continue
            self._serve(server)
            return

    def _serve(self, server: _Server) -> None:
        with server:
            with self._guard:
                if self._ending.is_set():
                    return
                self._server = server
            events.metrics_served(self._listen)
            server.serve_forever(poll_interval=0.2)
