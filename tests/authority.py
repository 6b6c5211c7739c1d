"""A time stamp authority (RFC 3161) for the tests: openssl's own, behind a small server on the loopback.

with StampAuthority(folder) as authority:        # listens on a free port of 127.0.0.1
    authority.url, authority.anchors             # the root's certificate
    authority.instead = lambda request, query: …   # answers in its place
    authority.reply(query)                       # what openssl answers (TimeStampResp)
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.responder import send

POLICY = "1.2.3.4.1"
_CONFIG = f"""[tsa]
default_tsa=one
[one]
serial=serial
crypto_device=builtin
signer_cert=tsa.pem
certs=chain.pem
signer_key=tsa.key
signer_digest=sha256
default_policy={POLICY}
digests=sha256
accuracy=secs:1
ordering=no
tsa_name=no
ess_cert_id_chain=no
ess_cert_id_alg=sha256
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[leaf]
extendedKeyUsage=critical,timeStamping
keyUsage=critical,digitalSignature
[req]
distinguished_name=dn
[dn]
"""


class StampAuthority:
    """A root, an authority under it, and one that stamps; in ``folder``. ``key``: as ``openssl req`` takes it;
    ``shared``: one for all three, which is made in a third of the time."""

    def __init__(self, folder: Path, key: str = "ec -pkeyopt ec_paramgen_curve:P-256", *, shared: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.anchors = folder, folder / "root.pem"
        (folder / "tsa.cnf").write_text(_CONFIG)
        (folder / "serial").write_text("01\n")
        new = f"-newkey {key} -nodes -config tsa.cnf"
        signed = "-CAcreateserial -days 30 -extfile tsa.cnf -extensions"
        self._openssl(f"req -x509 {new} -keyout root.key -out root.pem -days 30 -subj /CN=Root -extensions ca")
        if shared:
            for name in ("issuing.key", "tsa.key"):
                (folder / name).write_bytes((folder / "root.key").read_bytes())
            new = "-config tsa.cnf -new"
        keyed = "-key" if shared else "-keyout"
        self._openssl(f"req {new} {keyed} issuing.key -out issuing.csr -subj /CN=Issuing")
        self._openssl(f"x509 -req -in issuing.csr -CA root.pem -CAkey root.key -out issuing.pem {signed} ca")
        self._openssl(f"req {new} {keyed} tsa.key -out tsa.csr -subj /CN=Stamps")
        self._openssl(f"x509 -req -in tsa.csr -CA issuing.pem -CAkey issuing.key -out tsa.pem {signed} leaf")
        (folder / "chain.pem").write_bytes((folder / "issuing.pem").read_bytes() + self.anchors.read_bytes())
        self.asked = 0
        self.over = threading.Event()
        self.instead: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                authority.asked += 1
                if authority.instead is not None:
                    authority.instead(self, query)
                else:
                    send(self, authority.reply(query), **{"Content-Type": "application/timestamp-reply"})

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> StampAuthority:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reply(self, query: bytes) -> bytes:
        """What openssl answers."""
        name = str(threading.get_ident())
        (self.folder / f"{name}.query").write_bytes(query)
        self._openssl(f"ts -reply -config tsa.cnf -queryfile {name}.query -out {name}.reply")
        return (self.folder / f"{name}.reply").read_bytes()

    def _openssl(self, line: str) -> None:
        subprocess.run(["openssl", *line.split()], cwd=self.folder, check=True, capture_output=True, timeout=60)


def openssl_verifies(data: Path, token: Path, anchors: Path) -> bool:
    """Whether ``openssl ts -verify`` takes the token as a stamp over the data."""
    command = ["openssl", "ts", "-verify", "-data", data, "-in", token, "-token_in", "-CAfile", anchors]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
