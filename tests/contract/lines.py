"""A line to a server that can fall silent: a proxy that goes on taking connections and bytes, and says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal


class Line:
    """Between whoever dials ``port`` and the server behind it."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._mode: Literal["open", "held", "lost"] = "open"
        self._changed = threading.Condition()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """What is said from now on waits; nothing is lost, and nobody hears anything."""
        self._set("held")

    def lose(self) -> None:
        """What is said from now on, and what was held, is swallowed. New connections are taken, and get nothing."""
        self._set("lost")

    def open(self) -> None:
        """As it was. Connections of which something was lost are cut: their ends no longer agree."""
        lost = self._mode == "lost"
        self._set("open")
        if lost:
            self.cut()

    def cut(self) -> None:
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self._set("lost")
        self.cut()
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _set(self, mode: Literal["open", "held", "lost"]) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(self._behind)
                self._pairs.append((near, far))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                with self._changed:
                    self._changed.wait_for(lambda: self._mode != "held")
                    lost = self._mode == "lost"
                if not lost:
                    target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line(host: str, port: int) -> Iterator[Line]:
    made = Line(host, port)
    try:
        yield made
    finally:
        made.close()
