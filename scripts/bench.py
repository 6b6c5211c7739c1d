"""How fast is a node, compared with a bare loop that does the same work? (scripts/bench --help)

Signed envelopes wait in the node's intake, a quorum queue of a private RabbitMQ. A node with everything on and its
defaults (a worker for each core, signxml, SQLite journal, durable; agencies, routes, chain and revocation, receipts)
forwards them to a child; a bare loop in one file (bench_bare.py), which is one process, does the same in alternating
rounds. Timed from the first arrival at the child to the last; CPU seconds (user and system) of the processes measured
over the same span; peak memory since their start.

Ends with 1 if an envelope does not arrive, or arrives twice or changed; no figure is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import pika
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from edxml_router.config import load
from edxml_router.core.link.wire import Hop, Transfer, encode_transfer
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import sign_document
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.demo.servers import Broker, ServerError
from edxml_router.demo.servers import rabbitmq as private_rabbitmq
from edxml_router.ports.transport import Message, Parcel
from edxml_router.resources import schema_file
from edxml_router.services import trial_authority
from edxml_router.store.database import migrate
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import RabbitSettings, parameters
from edxml_router.wiring import own_ledger

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from tests.fixtures import File, document  # noqa: E402 - found through the line above

NODE, FROM, TO = "national", "h53", "h41"
SENDER, RECIPIENT = "H53.17", "H41"
PASSWORD = "private to this run"  # noqa: S105 - of a broker that only this run knows
PATIENCE = 60.0  # seconds without an arrival after which a side has failed
TICKS = os.sysconf("SC_CLK_TCK")
screen = Console(stderr=True)


class BenchError(RuntimeError):
    """Something did not arrive as it should."""


@dataclass(frozen=True)
class Round:
    """One round of one side. ``cpu_ms`` is per envelope, ``peak_mib`` the sum over the side's processes."""

    side: str
    envelopes: int
    seconds: float
    per_second: float
    cpu_seconds: float
    cpu_ms: float
    peak_mib: float


# --- the work -----------------------------------------------------------------------------------------


def authority(folder: Path) -> Path:
    """A throw-away authority with the sender's and the node's certificates."""
    now = datetime.now(UTC)
    trial_authority.init(folder, now)
    trial_authority.issue(folder, SENDER, now, trial_authority.KeyType.RSA)
    trial_authority.issue_node(folder, NODE, now)
    return folder


def envelopes(count: int, size: int, keys: Path, recipient: str = RECIPIENT) -> list[bytes]:
    """Signed envelopes of about ``size`` bytes, each with its own id and content."""
    key = load_key(keys / f"{SENDER}.key.pem")
    chain = load_certificates(keys / f"{SENDER}.cert.pem")

    def signed(number: int, filler: int) -> bytes:
        content = sha256(str(number).encode()).digest() * (filler // 32 + 1)
        plain = document(
            sender=SENDER,
            to=(recipient,),
            document_id=f"{SENDER},2026/03/02,{number}/SYT-VP",
            number=str(number),
            notation="SYT-VP",
            files=[File(content=(b"%PDF-1.7\n" + content)[:filler])],
        )
        return sign_document(plain, key, chain)

    filler = max(1, (size - len(signed(0, 1))) * 3 // 4)
    numbers = track(range(1, count + 1), f"signing {count} envelopes", console=screen, transient=True)
    return [signed(number, filler) for number in numbers]


def transfers(bodies: Sequence[bytes]) -> list[Parcel]:
    """The envelopes as the child hands them over."""
    now, made = datetime.now(UTC), []
    for number, body in enumerate(bodies):
        digest = sha256(body).hexdigest()
        transfer = Transfer(
            id=f"{digest[:24]}.1.{number}",
            envelope=digest,
            size=len(body),
            recipients=(RECIPIENT,),
            generation=1,
            hops=(Hop(FROM, now),),
            expires_at=now + timedelta(days=5),
        )
        made.append(Parcel(topology.up(FROM), Message("transfer", transfer.id, encode_transfer(transfer, body))))
    return made


# --- the two sides ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """What a side finds: the round's virtual host, the certificates, a folder of its own."""

    broker: Broker
    vhost: str
    keys: Path
    folder: Path
    workers: int
    engine: str

    def reached_by(self, user: str, password: str = PASSWORD) -> RabbitSettings:
        return RabbitSettings(self.broker.host, user, password, port=self.broker.port, vhost=self.vhost)

    def prepare(self) -> None:
        """Exchanges, queues and permissions, as a node's operator makes them."""
        self.broker.ctl("add_vhost", self.vhost)
        owner = self.broker.user
        for user, role in ((owner, "owner"), (FROM, "child"), (TO, "child")):
            given = topology.permissions(user, role, user)
            self.broker.ctl("set_permissions", "-p", self.vhost, *given)
        rabbitmq.declare(self.reached_by(owner, self.broker.password), (FROM, TO), ())

    def fill(self, parcels: Sequence[Parcel]) -> None:
        """Put the work into the intake."""
        child = rabbitmq.RabbitTransport(self.reached_by(FROM))
        try:
            failed = [finding for finding in child.publish(parcels) if finding is not None]
        finally:
            child.close()
        if failed:
            raise BenchError(f"the intake did not take everything: {failed[0]}")


def router(field: Field) -> list[str | Path]:
    """The command that serves a node with everything on."""
    (field.folder / "hub.password").write_text(field.broker.password)
    (field.folder / "hub.password").chmod(0o600)
    config = field.folder / "node.toml"
    config.write_text(
        f'[node]\nname = "{NODE}"\nworkers = {field.workers}\n'
        f'key = "{field.keys}/{NODE}.key.pem"\ncertificate = "{field.keys}/{NODE}.cert.pem"\n'
        f'[hub]\nkind = "rabbitmq"\nhost = "{field.broker.host}"\nport = {field.broker.port}\n'
        f'vhost = "{field.vhost}"\nuser = "{field.broker.user}"\npassword_file = "hub.password"\n'
        f'[[children]]\nname = "{FROM}"\nprefixes = ["H53"]\nunsigned_receipts = true\n'
        f'[[children]]\nname = "{TO}"\nprefixes = ["H41"]\nunsigned_receipts = true\n'
        f'[trust]\nanchors = "{field.keys}/anchors.pem"\n'
        f'crls = ["{field.keys}/issuing.crl.pem", "{field.keys}/root.crl.pem"]\n'
        f'[signature]\nengine = "{field.engine}"\n[log]\nformat = "json"\n',
        encoding="utf-8",
    )
    settings = load(config)
    settings.node.data.mkdir()
    ledger = own_ledger.open_ledger(settings)
    migrate.upgrade(ledger.engine)
    ledger.close()
    return [Path(sys.executable).parent / "edxml-router", "--config", config, "serve"]


def bare(field: Field) -> list[str | Path]:
    """The command that runs the loop without the router."""
    owner = field.broker
    return [
        sys.executable, ROOT / "scripts" / "bench_bare.py",
        "--url", f"amqp://{owner.user}:{owner.password}@{owner.host}:{owner.port}/{field.vhost}",
        "--take", topology.up(FROM),
        "--give", *topology.address(topology.down(TO)),
        "--schema", schema_file("edxml.receive.xsd"),
        "--certificate", field.keys / f"{SENDER}.cert.pem",
        "--database", field.folder / "bare.db",
    ]  # fmt: skip


SIDES: dict[str, Callable[[Field], list[str | Path]]] = {"router": router, "bare": bare}


@contextmanager
def running(command: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


# --- measuring ----------------------------------------------------------------------------------------


class Arrivals:
    """The child's end: counts what arrives, and calls ``mark`` at the first and the last arrival."""

    def __init__(self, settings: RabbitSettings, expected: int, mark: Callable[[], None]) -> None:
        self.digests: list[str] = []
        self.done = threading.Event()
        self._expected, self._mark = expected, mark
        self._connection = pika.SelectConnection(parameters(settings), on_open_callback=self._opened)
        self._thread = threading.Thread(target=self._connection.ioloop.start, daemon=True)
        self._thread.start()

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._consume)

    def _consume(self, channel: Any) -> None:
        channel.basic_consume(topology.down(TO), self._arrived, auto_ack=True)

    def _arrived(self, _channel: Any, _method: Any, _properties: Any, body: bytes) -> None:
        self.digests.append(sha256(body[body.index(b"\n") + 1 :]).hexdigest())
        if len(self.digests) in (1, self._expected):
            self._mark()
        if len(self.digests) == self._expected:
            self.done.set()

    def close(self) -> None:
        self._connection.ioloop.add_callback_threadsafe(self._connection.ioloop.stop)
        self._thread.join()


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = [
        int(child)
        for children in Path(f"/proc/{pid}/task").glob("*/children")
        for child in children.read_text().split()
    ]
    return [pid, *(each for child in below for each in family(child))]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all below it."""
    fields = (Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(pid))
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def peak_mib(pid: int) -> float:
    """Largest resident memory of a process and all below it, each since its start, added up."""
    statuses = "\n".join(Path(f"/proc/{each}/status").read_text() for each in family(pid))
    return sum(int(line.split()[1]) for line in statuses.splitlines() if line.startswith("VmHWM")) / 1024


def measure(side: str, field: Field, work: Sequence[Parcel], digests: set[str]) -> Round:
    """Place the work, run the side, wait for the last arrival."""
    field.prepare()
    field.fill(work)
    command = SIDES[side](field)
    log = field.folder / "output.log"
    with running(command, log) as process, Progress(console=screen, transient=True) as progress:
        marks: list[tuple[float, float]] = []
        arrivals = Arrivals(
            field.reached_by(TO),
            len(work),
            lambda: marks.append((time.perf_counter(), cpu_seconds(process.pid))),
        )
        task = progress.add_task(side, total=len(work))
        seen, seen_at = 0, time.monotonic()
        while not arrivals.done.wait(0.2):
            if len(arrivals.digests) > seen:
                seen, seen_at = len(arrivals.digests), time.monotonic()
                progress.update(task, completed=seen)
            if process.poll() is not None or time.monotonic() - seen_at > PATIENCE:
                raise BenchError(f"{side}: {seen} of {len(work)} arrived\n{log.read_text()[-2000:]}")
        peak = peak_mib(process.pid)
        arrivals.close()
    if sorted(arrivals.digests) != sorted(digests):
        raise BenchError(f"{side}: what arrived is not what was sent")
    (begin, cpu_before), (end, cpu_after) = marks
    count, seconds, cpu = len(work), end - begin, cpu_after - cpu_before
    return Round(side, count, seconds, count / seconds, cpu, 1000 * cpu / count, peak)


# --- the report ---------------------------------------------------------------------------------------


def report(rounds: Sequence[Round], size: int, workers: int, as_json: bool) -> None:
    sides = list(dict.fromkeys(each.side for each in rounds))
    rates = {side: median(each.per_second for each in rounds if each.side == side) for side in sides}
    costs = {side: median(each.cpu_ms for each in rounds if each.side == side) for side in sides}
    ratios = {}
    if len(sides) > 1:
        ratios = {"ratio": rates["router"] / rates["bare"], "cpu_ratio": costs["bare"] / costs["router"]}
    if as_json:
        figures = {"envelope_bytes": size, "workers": workers, "rounds": [asdict(each) for each in rounds]}
        print(json.dumps({**figures, "per_second": rates, "cpu_ms": costs, **ratios}, indent=2))
        return
    table = Table("round", "side", "envelopes/s", "CPU s", "CPU ms each", "peak MiB")
    for number, each in enumerate(rounds):
        row = (each.per_second, each.cpu_seconds, each.cpu_ms, each.peak_mib)
        table.add_row(str(number + 1), each.side, *(f"{value:.2f}" for value in row))
    Console().print(table)
    said = [f"{side} {rate:.0f}/s at {costs[side]:.2f} ms CPU" for side, rate in rates.items()]
    said += [f"{name.replace('_', ' ')} {value:.2f}" for name, value in ratios.items()]
    print(f"{rounds[0].envelopes} envelopes of {size} bytes, {workers} workers; medians: {', '.join(said)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=3000, help="envelopes per round (3000)")
    parser.add_argument("--size", type=int, default=12_000, help="bytes of an envelope (12000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side, alternating (3)")
    parser.add_argument("--workers", type=int, default=0, help="node.workers (0: one for each core, the default)")
    parser.add_argument("--engine", default="signxml", help="signature.engine of the node (signxml, the default)")
    parser.add_argument("--only", choices=SIDES, help="one side only, e.g. under a profiler")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edxml-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        keys = authority(folder / "keys")
        bodies = envelopes(options.count, options.size, keys)
        work, digests = transfers(bodies), {sha256(body).hexdigest() for body in bodies}
        with private_rabbitmq(folder / "rabbitmq") as broker:
            for user in (FROM, TO):
                broker.ctl("add_user", user, PASSWORD)
            rounds = []
            for number in range(options.rounds):
                for side in [options.only] if options.only else SIDES:
                    own = folder / f"{side}-{number}"
                    own.mkdir()
                    field = Field(broker, own.name, keys, own, options.workers, options.engine)
                    rounds.append(measure(side, field, work, digests))
        report(rounds, len(bodies[0]), options.workers or os.cpu_count() or 1, options.json)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, ServerError, Refusal) as error:
        sys.exit(f"bench: {error}")
