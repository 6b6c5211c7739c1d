"""How fast is a node through HTTP, beside its link path? (scripts/bench gateway --help)

In one run: the link path as scripts/bench measures it, then the same envelopes handed in over HTTP with mutual TLS, by
clients in processes of their own, to a node with the same settings. The link path counts envelopes that reached the
child, HTTP counts answers that say accepted: look at the processor time of each as well. Then readers: so many long
polls over mutual TLS, the memory that they take, and how another request fares meanwhile.

No figure is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles

from bench import (
    FROM,
    PASSWORD,
    SENDER,
    TO,
    Field,
    authority,
    cpu_seconds,
    envelopes,
    measure,
    private_rabbitmq,
    router,
    running,
    transfers,
)
from rich.console import Console

from edxml_router.services import trial_authority

screen = Console(stderr=True)
OFFICE = "so"
AGENCY = SENDER


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def gateway(field: Field, port: int) -> list[str | Path]:
    """The command that serves the same node, with an office that hands in over HTTP."""
    command = router(field)
    now = datetime.now(UTC)
    for name, hosts in (("gateway", ["127.0.0.1"]), ("client", [])):
        if not (field.keys / f"{name}.key.pem").exists():
            trial_authority.issue_node(field.keys, name, now, hosts)
    anchors = b"".join((field.keys / name).read_bytes() for name in ("anchors.pem", "issuing.cert.pem"))
    (field.keys / "clients.pem").write_bytes(anchors)
    config = field.folder / "node.toml"
    text = config.read_text().replace(f'name = "{FROM}"\nprefixes = ["H53"]', f'name = "{FROM}"\nprefixes = ["H54"]')
    text += (
        f'[[offices]]\nname = "{OFFICE}"\nagencies = ["{AGENCY}"]\ncertificate_name = "client"\n'
        f'[gateway]\nlisten = ["127.0.0.1:{port}"]\ncertificate = "{field.keys}/gateway.cert.pem"\n'
        f'key = "{field.keys}/gateway.key.pem"\nclient_anchors = "{field.keys}/clients.pem"\nrequests = 10000000\n'
    )
    config.write_text(text)
    return command


def tls(keys: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(keys / "anchors.pem"))
    context.load_cert_chain(str(keys / "client.cert.pem"), str(keys / "client.key.pem"))
    return context


async def _line(port: int, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, body: bytes = b""
) -> tuple[int, bytes]:
    writer.write(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    lines = answer.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    return int(lines[0].split()[1]), await reader.readexactly(length)


def hand_in(port: int, keys: Path, bodies: Sequence[bytes], lines: int) -> None:
    """One client process, with several connections."""

    async def run() -> None:
        context, waiting = tls(keys), list(bodies)

        async def one() -> None:
            reader, writer = await _line(port, context)
            while waiting:
                body = waiting.pop()
                status, told = await _ask(reader, writer, f"PUT /v1/envelopes/{sha256(body).hexdigest()}", body)
                if status != 201:
                    raise SystemExit(told.decode())
            writer.close()

        await asyncio.gather(*(one() for _ in range(lines)))

    asyncio.run(run())


def through_http(field: Field, work: Sequence[bytes], lines: int) -> tuple[float, float]:
    """Envelopes accepted a second, and CPU milliseconds of the node for each."""
    field.prepare()
    port = free_port()
    log = field.folder / "output.log"
    with running(gateway(field, port), log) as process:
        wait_for(log, b"gateway.started")
        hand_in(port, field.keys, work[:20], 4)  # what is started at the first request is started
        rest = work[20:]
        before, begin = cpu_seconds(process.pid), time.perf_counter()
        client = multiprocessing.Process(target=hand_in, args=(port, field.keys, rest, lines))
        client.start()
        client.join()
        seconds = time.perf_counter() - begin
        if client.exitcode:
            raise SystemExit(f"the client failed\n{log.read_text()[-2000:]}")
        return len(rest) / seconds, 1000 * (cpu_seconds(process.pid) - before) / len(rest)


def wait_for(log: Path, text: bytes) -> None:
    deadline = time.monotonic() + 60
    while text not in log.read_bytes():
        if time.monotonic() > deadline:
            raise SystemExit(log.read_text()[-2000:])
        time.sleep(0.05)


def gateway_process(pid: int) -> int:
    """The number of the gateway's process below a supervisor."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            if b"edxml_router.gateway" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise SystemExit("no gateway")


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def readers(field: Field, count: int) -> dict[str, float]:
    """So many wait; another asks meanwhile."""
    field.prepare()
    port = free_port()
    log = field.folder / "output.log"

    async def run(pid: int) -> dict[str, float]:
        context = tls(field.keys)
        before = resident_mib(pid)
        lines = []
        for _ in range(count):
            reader, writer = await _line(port, context)
            writer.write(b"GET /v1/inbox?wait=60&cursor= HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            lines.append((reader, writer))
        await asyncio.sleep(1)
        grown = resident_mib(pid) - before
        other, spans = await _line(port, context), []
        for _ in range(300):
            begin = time.perf_counter()
            await _ask(*other, "GET /v1/agencies/H53")
            spans.append(1000 * (time.perf_counter() - begin))
        for _, writer in lines:
            writer.transport.abort()
        return {
            "readers": count,
            "mib_more": grown,
            "other_p50_ms": median(spans),
            "other_p99_ms": quantiles(spans, n=100)[98],
        }

    with running(gateway(field, port), log) as process:
        wait_for(log, b"gateway.started")
        return asyncio.run(run(gateway_process(process.pid)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1500, help="envelopes of each side")
    parser.add_argument("--size", type=int, default=9000, help="bytes of each")
    parser.add_argument("--lines", type=int, default=64, help="connections that hand in")
    parser.add_argument("--readers", type=int, default=3000, help="clients that wait for mail")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="edxml-router-bench-") as place,
        private_rabbitmq(Path(place) / "mq") as broker,
    ):
        folder = Path(place)
        for user in (FROM, TO):
            broker.ctl("add_user", user, PASSWORD)
        keys = authority(folder / "pki")
        work = envelopes(asked.count, asked.size, keys)

        def field(name: str) -> Field:
            (folder / name).mkdir()
            return Field(broker, name, keys, folder / name, asked.workers, "signxml")

        link = measure("router", field("link"), transfers(work), {sha256(one).hexdigest() for one in work})
        rate, cost = through_http(field("http"), work, asked.lines)
        waiting = readers(field("readers"), asked.readers) if asked.readers else {}
    figures = {
        "envelopes": asked.count,
        "bytes": asked.size,
        "link_per_second": link.per_second,
        "link_cpu_ms": link.cpu_ms,
        "http_per_second": rate,
        "http_cpu_ms": cost,
        "ratio": rate / link.per_second,
        **waiting,
    }
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
