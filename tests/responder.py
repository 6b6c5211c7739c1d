"""A responder (OCSP) for the tests: openssl's own, for the issuing authority of a folder made by ``pki init``.

    with Responder(folder) as responder:            # listens on a free port of 127.0.0.1
        responder.knows(certificate)                # good from now on; without it: unknown
        responder.knows(certificate, revoked=when)
        responder.url

``openssl ocsp -port`` would listen on every address of the machine. So requests are taken here, on the loopback, and
each is given to an ``openssl ocsp`` of its own, which answers from the index as it would there.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.x509 import ocsp


class Responder:
    """``options`` are further ones of ``openssl ocsp``; ``instead`` answers a request in its place."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder, self._work = folder, work
        work.mkdir()
        self._rows: dict[int, str] = {}
        self._write()
        self.signer = folder / "issuing"  # .cert.pem and .key.pem
        self.options: Sequence[str] = ("-ndays", "1")
        self.instead: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None
        self.asked: list[int] = []  # serial numbers
        self.over = threading.Event()
        responder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/ocsp-request"
                responder.asked.append(ocsp.load_der_ocsp_request(request).serial_number)
                if responder.instead is not None:
                    responder.instead(self, request)
                else:
                    send(self, responder.answer(request))

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Responder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def knows(self, certificate: x509.Certificate, revoked: datetime | None = None) -> None:
        """From now on the certificate stands in the index."""
        serial = f"{certificate.serial_number:X}"
        since = f"{revoked:%y%m%d%H%M%SZ}" if revoked else ""
        row = ("R" if revoked else "V", "301231235959Z", since, serial.zfill(len(serial) + len(serial) % 2))
        self._rows[certificate.serial_number] = "\t".join((*row, "unknown", "/CN=x"))
        self._write()

    def answer(self, request: bytes, *options: str) -> bytes:
        """What openssl answers."""
        asked, answer = self._work / f"{threading.get_ident()}.req", self._work / f"{threading.get_ident()}.resp"
        asked.write_bytes(request)
        subprocess.run(
            ["openssl", "ocsp", "-index", self._work / "index", "-CA", self._folder / "issuing.cert.pem",
             "-rsigner", self.signer.with_name(f"{self.signer.name}.cert.pem"),
             "-rkey", self.signer.with_name(f"{self.signer.name}.key.pem"),
             "-reqin", asked, "-respout", answer, *self.options, *options],
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        return answer.read_bytes()

    def _write(self) -> None:
        (self._work / "index").write_text("".join(f"{row}\n" for row in self._rows.values()))
        (self._work / "index.attr").write_text("unique_subject = no\n")


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Answer over HTTP."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
