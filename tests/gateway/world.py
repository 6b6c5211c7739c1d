"""A node with two offices and its gateway, which listens on this machine: uvicorn in a thread of the tests, over TLS.

    with World(folder) as world:
        answer = world.client("vp").put(f"/v1/envelopes/{digest}", content=data)
        world.work()                      # one turn of a worker: what was accepted is offered

Letters are signed by the trial authority's agencies; ``vp`` serves H53, ``so`` serves H01.151.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from edxml_router.config import Settings, load
from edxml_router.demo.letters import Post
from edxml_router.disk.bell import FileBell
from edxml_router.gateway import server
from edxml_router.gateway.application import build
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.entrance import listen_on
from edxml_router.node.worker import work
from edxml_router.services import trial_authority
from edxml_router.services.gateway import tokens
from edxml_router.store.database import migrate
from edxml_router.wiring import composition, own_ledger
from edxml_router.wiring.lasting import open_lasting

OFFICES = {"vp": "H53", "so": "H01.151"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class World:
    """See the module. ``gateway``: further lines of the section; ``store_url``: a database of its own."""

    def __init__(self, folder: Path, gateway: str = "", *, rest: str = "") -> None:
        self.folder = folder
        self.pki = folder / "pki"
        now = datetime.now(UTC)
        trial_authority.init(self.pki, now)
        for code in OFFICES.values():
            trial_authority.issue(self.pki, code, now)
        trial_authority.issue_node(self.pki, "gateway", now, ["127.0.0.1"])
        for name in (*OFFICES, "stranger"):
            trial_authority.issue_node(self.pki, f"client-{name}", now)
        authorities = [(self.pki / name).read_bytes() for name in ("anchors.pem", "issuing.cert.pem")]
        (self.pki / "clients.pem").write_bytes(b"".join(authorities))
        self.path = folder / "node.toml"
        self.path.write_text(self._toml(gateway, rest), encoding="utf-8")
        self.post = Post(self.pki)
        settings = self.settings()
        settings.node.data.mkdir(mode=0o700)
        with closing(own_ledger.open_ledger(settings)) as ledger:
            migrate.upgrade(ledger.engine)
        self.stack = ExitStack()
        self.port = 0
        self._number = 0

    def _toml(self, gateway: str, rest: str) -> str:
        offices = "\n".join(
            f'[[offices]]\nname = "{name}"\nagencies = ["{code}"]\ncertificate_name = "client-{name}"'
            for name, code in OFFICES.items()
        )
        return f"""
[node]
name = "tinh"
workers = 1
{offices}
[gateway]
listen = ["127.0.0.1:0"]
certificate = "pki/gateway.cert.pem"
key = "pki/gateway.key.pem"
client_anchors = "pki/clients.pem"
processes = 1
{gateway}
[trust]
anchors = "pki/anchors.pem"
crls = ["pki/root.crl.pem", "pki/issuing.crl.pem"]
[log]
format = "json"
{rest}
"""

    def settings(self) -> Settings:
        return load(self.path)

    def __enter__(self) -> World:
        ready: threading.Event = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self._thread.start()
        assert ready.wait(120), "the gateway did not come up"
        self.worker = self.stack.enter_context(composition.open_node(self.settings()))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _end(self) -> None:
        self.server.should_exit = True
        self.desk.end()

    async def _serve(self, ready: threading.Event) -> None:
        settings = self.settings()
        assert settings.gateway is not None
        self._loop = asyncio.get_running_loop()
        with open_lasting(settings) as lasting:
            [listener] = listen_on([("127.0.0.1", 0)], settings.gateway)
            self.port = listener.getsockname()[1]
            self.desk = Desk(lasting, settings.gateway)
            self.application = build(self.desk)
            self.server = server.server_of(self.application, settings.gateway, server.tls_context(settings.gateway))
            self.desk.start()
            ready.set()
            await self.server._serve([listener])
            await self.desk.close()

    # --- clients ---

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def tls(self, name: str | None = None) -> ssl.SSLContext:
        """What a client trusts, and by which certificate it logs in."""
        context = ssl.create_default_context(cafile=str(self.pki / "anchors.pem"))
        if name is not None:
            own = self.pki / f"client-{name}"
            context.load_cert_chain(f"{own}.cert.pem", f"{own}.key.pem")
        return context

    def client(self, name: str | None = None, token: str | None = None, **headers: str) -> httpx.Client:
        sent = {**headers, **({"authorization": f"Bearer {token}"} if token else {})}
        client = httpx.Client(base_url=self.url, verify=self.tls(name), headers=sent, timeout=120)
        self.stack.callback(client.close)
        return client

    def connect(self, name: str | None = None) -> ssl.SSLSocket:
        """A line on which a test says what it wants."""
        line = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        return self.tls(name).wrap_socket(line, server_hostname="127.0.0.1")

    def token(self, office: str, *, days: int | None = 1, scopes: tuple[str, ...] = ("send", "receive")) -> str:
        text, _ = tokens.issue(self.worker.ledger, self.settings(), office, days=days, actor="test", scopes=scopes)
        self.desk._tokens_at = float("-inf")  # as if the moment were over for which a new one may be unknown
        return text

    # --- letters and workers ---

    def letter(self, sender: str = "H53", to: str = "H01.151", **options: Any) -> bytes:
        self._number += 1
        return self.post.document(sender, [to], self._number, "V/v thử nghiệm kết nối", **options)

    def hand_in(self, data: bytes, office: str = "vp") -> dict[str, Any]:
        answer = self.client(office).put(f"/v1/envelopes/{digest(data)}", content=data)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def work(self) -> None:
        """Turns of a worker, until there is nothing to do."""
        while work(self.worker):
            pass

    def journal(self, event: str) -> list[Any]:
        return list(self.worker.ledger.views.lines(event=event))

    def ring(self) -> FileBell:
        return FileBell(self.settings().node.data / "bell")


def problem(answer: httpx.Response) -> str:
    """The code of a problem, which must be told as one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = json.loads(answer.content)
    assert told["status"] == answer.status_code
    code: str = told["code"]
    return code
