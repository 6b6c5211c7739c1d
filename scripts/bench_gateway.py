"""What does the gateway of a node cost? (scripts/bench gateway --help)

In one run, all on this machine and over mutual TLS:
- the link path as scripts/bench measures it, and in alternating rounds the same envelopes over HTTP, handed to a node
  with the same settings. The link path counts envelopes that reached the child, HTTP counts answers that say accepted:
  look at the processor time of each as well;
- clients that wait for mail: the memory and processor time that they take, and how another request fares beside them
  and without them. Who waits and who asks is this process: what its own loop is late says how far that can be trusted;
- letters to a waiting client: from the entry in the journal that offers a letter to the answer that tells of it;
- one large body: what the gateway's process takes to receive it. It is judged in another process.

The figures are printed, and written as JSON to a file. No figure is asserted.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median

from bench import (
    FROM,
    PASSWORD,
    SENDER,
    TICKS,
    TO,
    Field,
    authority,
    envelopes,
    family,
    measure,
    private_rabbitmq,
    router,
    running,
    transfers,
)

from edxml_router.config import load
from edxml_router.services import trial_authority
from edxml_router.wiring import composition

OFFICE, WAITING = "so", "cho"
READER = "H37"
LARGE = 100 * 1000 * 1000  # bytes of the large body
OFFERED = "delivery.offered"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def gateway(field: Field, port: int) -> list[str | Path]:
    """The command that serves the same node, with two offices that connect over HTTP."""
    command = router(field)
    now = datetime.now(UTC)
    for name, hosts in (("gateway", ["127.0.0.1"]), (OFFICE, []), (WAITING, [])):
        if not (field.keys / f"{name}.key.pem").exists():
            trial_authority.issue_node(field.keys, name, now, hosts)
    anchors = b"".join((field.keys / name).read_bytes() for name in ("anchors.pem", "issuing.cert.pem"))
    (field.keys / "clients.pem").write_bytes(anchors)
    config = field.folder / "node.toml"
    text = config.read_text().replace(f'name = "{FROM}"\nprefixes = ["H53"]', f'name = "{FROM}"\nprefixes = ["H54"]')
    for office, agency in ((OFFICE, SENDER), (WAITING, READER)):
        text += f'[[offices]]\nname = "{office}"\nagencies = ["{agency}"]\ncertificate_name = "{office}"\n'
    text += (
        f'[gateway]\nlisten = ["127.0.0.1:{port}"]\ncertificate = "{field.keys}/gateway.cert.pem"\n'
        f'key = "{field.keys}/gateway.key.pem"\nclient_anchors = "{field.keys}/clients.pem"\n'
        'requests = 10000000\naddress_connections = 5000\nlongest_wait = "1h"\n'
        f"[limits]\nmax_bytes = {2 * LARGE}\nmax_attachment_bytes = {2 * LARGE}\n"
    )
    config.write_text(text)
    return command


def tls(keys: Path, office: str = OFFICE) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(keys / "anchors.pem"))
    context.load_cert_chain(str(keys / f"{office}.cert.pem"), str(keys / f"{office}.key.pem"))
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


def through_http(field: Field, work: Sequence[bytes], lines: int) -> dict[str, float]:
    """Envelopes accepted a second, and CPU milliseconds of the node's processes for each."""
    with serving(field) as (port, pid):
        hand_in(port, field.keys, work[:40], 8)
        time.sleep(2)  # what is started at the first request is started
        rest = work[40:]
        before, begin = cpu_by_kind(pid), time.perf_counter()
        client = multiprocessing.Process(target=hand_in, args=(port, field.keys, rest, lines))
        client.start()
        client.join()
        seconds = time.perf_counter() - begin
        if client.exitcode:
            raise SystemExit("the client failed")
        spent = {kind: 1000 * (cpu - before[kind]) / len(rest) for kind, cpu in cpu_by_kind(pid).items()}
    return {"per_second": len(rest) / seconds, "cpu_ms": sum(spent.values()), **spent}


@contextmanager
def serving(field: Field) -> Iterator[tuple[int, int]]:
    """A node with its gateway: the port, and the number of the supervisor."""
    field.prepare()
    port, log = free_port(), field.folder / "output.log"
    with running(gateway(field, port), log) as process:
        wait_for(log, b"gateway.started")
        yield port, process.pid


def cpu_by_kind(pid: int) -> dict[str, float]:
    """User and system time of the processes of a node, by what they are."""
    found = {"gateway_ms": 0.0, "judging_ms": 0.0, "workers_ms": 0.0}
    for each in family(pid):
        command = Path(f"/proc/{each}/cmdline").read_bytes()
        kinds = {b"edxml_router.gateway": "gateway_ms", b"node.acceptor": "judging_ms", b"node.worker": "workers_ms"}
        for text, kind in kinds.items():
            if text in command:
                found[kind] += cpu_of(each)
    return found


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


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


def status_mib(pid: int, name: str) -> float:
    """VmRSS: what is in memory now; VmHWM: the most since :func:`forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def _late(spans: list[float]) -> None:
    """By how many milliseconds this process comes late to what it wanted to do."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(0.005)
        spans.append(1000 * (time.perf_counter() - begin) - 5)


async def _others(port: int, context: ssl.SSLContext, pid: int, name: str) -> dict[str, float]:
    """Requests one after another for some seconds, and what the gateway's process takes meanwhile."""
    other, spans, late = await _line(port, context), list[float](), list[float]()
    clock = asyncio.create_task(_late(late))
    before, begun = cpu_of(pid), time.perf_counter()
    for _ in range(300):
        begin = time.perf_counter()
        await _ask(*other, "GET /v1/agencies/H53")
        spans.append(1000 * (time.perf_counter() - begin))
        await asyncio.sleep(0.01)
    spent = (cpu_of(pid) - before) / (time.perf_counter() - begun)
    clock.cancel()
    other[1].close()
    return {
        f"{name}_p50_ms": median(spans),
        f"{name}_p99_ms": part(spans, 0.99),
        f"{name}_own_loop_late_p99_ms": part(late, 0.99),
        f"{name}_gateway_cores": spent,
    }


def part(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def readers(field: Field, count: int) -> dict[str, float]:
    """So many wait; another asks before and meanwhile."""

    async def run(port: int, pid: int) -> dict[str, float]:
        context, lines = tls(field.keys), []
        alone = await _others(port, context, pid, "alone")
        before, begun, spent = status_mib(pid, "VmRSS"), time.perf_counter(), cpu_of(pid)

        async def one() -> None:
            while len(lines) < count:
                lines.append(None)
                line = await _line(port, context)
                line[1].write(b"GET /v1/inbox?wait=3000 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                lines[lines.index(None)] = line

        await asyncio.gather(*(one() for _ in range(16)))
        connected = time.perf_counter() - begun
        handshakes = 1000 * (cpu_of(pid) - spent) / count
        await asyncio.sleep(2)
        grown = status_mib(pid, "VmRSS") - before
        meanwhile = await _others(port, context, pid, "beside_readers")
        for line in lines:
            line[1].transport.abort()
        return {
            "readers": count,
            "readers_mib_more": grown,
            "readers_kib_each": 1024 * grown / count,
            "readers_connected_s": connected,
            "readers_begin_cpu_ms": handshakes,
            **alone,
            **meanwhile,
        }

    with serving(field) as (port, pid):
        return asyncio.run(run(port, gateway_process(pid)))


def told(field: Field, letters: Sequence[bytes]) -> dict[str, float]:
    """How long after the commit that offers a letter a waiting client knows of it."""
    heard: dict[str, float] = {}

    async def run(port: int) -> None:
        sender, waiting = await _line(port, tls(field.keys)), await _line(port, tls(field.keys, WAITING))

        async def listen() -> None:
            cursor = ""
            while len(heard) < len(letters):
                _, answer = await _ask(*waiting, f"GET /v1/inbox?wait=60&cursor={cursor}")
                now, page = time.time(), json.loads(answer)
                cursor = page["cursor"]
                for letter in page["letters"]:
                    heard[letter["letter"].partition(".")[0]] = now

        listening = asyncio.create_task(listen())
        for letter in letters:
            status, answer = await _ask(*sender, f"PUT /v1/envelopes/{sha256(letter).hexdigest()}", letter)
            if status != 201:
                raise SystemExit(answer.decode())
            await asyncio.sleep(0.1)
        await asyncio.wait_for(listening, 60)

    with serving(field) as (port, _):
        asyncio.run(run(port))
        with composition.open_node(load(field.folder / "node.toml")) as node:
            traces = [node.ledger.views.trace(digest) for digest in heard]
    offered = {
        line.entry.envelope: line.entry.at.timestamp()
        for trace in traces
        if trace is not None
        for line in trace.lines
        if line.entry.event == OFFERED
    }
    spans = [1000 * (heard[digest] - offered[digest]) for digest in list(heard)[1:]]  # the first wakes everything
    return {"told": len(spans), "told_p50_ms": median(spans), "told_p99_ms": part(spans, 0.99)}


def large(field: Field) -> dict[str, float]:
    """What receiving one large body takes. It is no envelope, which is found out in another process."""

    async def run(port: int, pid: int) -> dict[str, float]:
        line, body = await _line(port, tls(field.keys)), os.urandom(LARGE)
        await _ask(*line, "POST /v1/envelopes", body[:1000])  # what is started at the first request is started
        forget_peak(pid)
        resident, before, begin = status_mib(pid, "VmRSS"), cpu_of(pid), time.perf_counter()
        status, answer = await _ask(*line, "POST /v1/envelopes", body)
        if not 400 <= status < 500:
            raise SystemExit(answer.decode())
        return {
            "large_bytes": LARGE,
            "large_cpu_s": cpu_of(pid) - before,
            "large_mib_more": status_mib(pid, "VmHWM") - resident,
            "large_seconds": time.perf_counter() - begin,
        }

    with serving(field) as (port, pid):
        return asyncio.run(run(port, gateway_process(pid)))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench gateway", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="envelopes of each side and round (1000)")
    parser.add_argument("--size", type=int, default=9000, help="bytes of each (9000)")
    parser.add_argument("--rounds", type=int, default=2, help="alternating rounds of link and HTTP (2)")
    parser.add_argument("--lines", type=int, default=64, help="connections that hand in (64)")
    parser.add_argument("--readers", type=int, default=3000, help="clients that wait for mail (3000)")
    parser.add_argument("--letters", type=int, default=100, help="letters to a waiting client (100)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("gateway-figures.json"), help="the file for the figures")
    asked = parser.parse_args()
    figures: dict[str, object] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with (
        tempfile.TemporaryDirectory(prefix="edxml-router-bench-") as place,
        private_rabbitmq(Path(place) / "mq") as broker,
    ):
        folder = Path(place)
        for user in (FROM, TO):
            broker.ctl("add_user", user, PASSWORD)
        keys = authority(folder / "pki")

        def field(name: str) -> Field:
            (folder / name).mkdir()
            return Field(broker, name, keys, folder / name, asked.workers, "signxml")

        links, https = [], []
        if asked.count:
            work = envelopes(asked.count, asked.size, keys)
            digests = {sha256(one).hexdigest() for one in work}
            for number in range(asked.rounds):
                links.append(measure("router", field(f"link-{number}"), transfers(work), digests))
                https.append(through_http(field(f"http-{number}"), work, asked.lines))
            figures |= {"envelopes": asked.count, "bytes": asked.size, "rounds": asked.rounds}
            figures |= {
                "link_per_second": median(one.per_second for one in links),
                "link_cpu_ms": median(one.cpu_ms for one in links),
                **{f"http_{name}": median(one[name] for one in https) for name in https[0]},
            }
            pairs = list(zip(links, https, strict=True))
            figures["ratio_of_rates"] = median(http["per_second"] / link.per_second for link, http in pairs)
            figures["ratio_of_cpu"] = median(link.cpu_ms / http["cpu_ms"] for link, http in pairs)
            write(figures, asked.out)
        figures |= large(field("large"))
        if asked.letters:
            figures |= told(field("told"), envelopes(asked.letters, asked.size, keys, READER))
        write(figures, asked.out)
        if asked.readers:
            figures |= readers(field("readers"), asked.readers)
    print(write(figures, asked.out))
    return 0


def write(figures: Mapping[str, object], path: Path) -> str:
    """What is known so far, also if a later part fails."""
    whole = {**figures, "load_after": os.getloadavg()[0]}
    shown = {name: round(value, 2) if isinstance(value, float) else value for name, value in whole.items()}
    text = json.dumps(shown, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
    return text


if __name__ == "__main__":
    sys.exit(main())
