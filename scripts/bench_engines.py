"""The two signature engines beside each other, in one run (scripts/bench engines --help).

Verifications per second of a signed envelope of 12 kB, from bytes to verdict, in alternating rounds; and an envelope
with an attachment of 100 MB, received in pieces, verified and stored by the stream engine in a process of its own:
CPU seconds, and resident memory beyond what that process held after an ordinary envelope.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import bench
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edxml_router.core.body import MemoryBody
from edxml_router.core.signature import by_signxml as signature
from edxml_router.core.signature import by_stream as stream
from edxml_router.core.signature.signing import sign_document
from edxml_router.core.signature.verdict import Engine, Indication
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml import safe_xml, skeleton
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.stages.acceptance.examination import examine
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import connect
from tests.fixtures import File, document

LIMITS = Limits(max_bytes=512 * 1024 * 1024, max_attachment_bytes=512 * 1024 * 1024)
PIECE = 1024 * 1024
MIB = 1024 * 1024


def trust_of(keys: Path) -> TrustStore:
    lists = [(keys / name).read_bytes() for name in ("issuing.crl.pem", "root.crl.pem")]
    return TrustStore.from_pem((keys / "anchors.pem").read_bytes(), crls=lists)


# --- verifications per second -------------------------------------------------------------------------


def by_signxml(data: bytes, trust: TrustStore, at: datetime) -> Indication:
    return signature.verify(data, safe_xml.parse(data, LIMITS), trust, at).indication


def by_stream(data: bytes, trust: TrustStore, at: datetime) -> Indication:
    bones = skeleton.scan(MemoryBody(data), LIMITS, "t" * 32)
    root = safe_xml.parse(bones.text, LIMITS)
    bones.contents_in(root)
    return stream.verify(bones, root, trust, at).indication


ENGINES: dict[str, Callable[[bytes, TrustStore, datetime], Indication]] = {"signxml": by_signxml, "stream": by_stream}


def rates(bodies: Sequence[bytes], trust: TrustStore, rounds: int) -> dict[str, float]:
    """Verifications per second of CPU time, the best round: whatever else runs only ever takes away."""
    at, found = datetime.now(UTC), {name: list[float]() for name in ENGINES}
    for _ in track(range(rounds), "verifying", console=bench.screen, transient=True):
        for name, verify in ENGINES.items():
            begin = time.process_time()
            if {verify(body, trust, at) for body in bodies} != {Indication.PASSED}:
                raise bench.BenchError(f"{name} does not accept its own work")
            found[name].append(len(bodies) / (time.process_time() - begin))
    return {name: max(each) for name, each in found.items()}


# --- one large envelope -------------------------------------------------------------------------------


def large_envelope(megabytes: int, keys: Path) -> bytes:
    """A signed envelope with one attachment of so many million bytes."""
    content = bytes(range(256)) * (megabytes * 1_000_000 // 256)
    plain = document(sender=bench.SENDER, to=(bench.RECIPIENT,), files=[File(content=content)])
    key = load_key(keys / f"{bench.SENDER}.key.pem")
    return sign_document(plain, key, load_certificates(keys / f"{bench.SENDER}.cert.pem"), limits=LIMITS)


def take(small: Path, large: Path, keys: Path, folder: Path) -> None:
    """In a process of its own: verify and store ``large``; print the costs as JSON."""
    engine = connect(f"sqlite:///{folder / 'journal.db'}")
    migrate.upgrade(engine)
    bodies, trust, at = BodyStore(engine, folder / "bodies", reserve_bytes=1), trust_of(keys), datetime.now(UTC)
    examine(small.read_bytes(), LIMITS, trust, at, Engine.STREAM)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before, begin = memory("VmRSS"), time.process_time()
    with large.open("rb") as file:
        body = bodies.receive(pieces(file.read))
    examined = examine(MemoryBody(body), LIMITS, trust, at)
    bodies.stage({examined.digest: MemoryBody(body)})
    cpu = time.process_time() - begin
    if examined.verdict.indication is not Indication.PASSED:
        raise bench.BenchError(f"the large envelope is {examined.verdict.reason}")
    print(json.dumps({"bytes": len(body), "cpu_seconds": cpu, "extra_mib": memory("VmHWM") - before}))


def pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(PIECE):
        yield piece


def memory(field: str) -> float:
    """A line of the process's status, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


# --- the report ---------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench engines", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="envelopes per round (200)")
    parser.add_argument("--size", type=int, default=12_000, help="bytes of an envelope (12000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each engine, alternating (5)")
    parser.add_argument("--megabytes", type=int, default=100, help="size of the large attachment (100)")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--take", nargs=4, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.take:
        take(*options.take)
        return
    with tempfile.TemporaryDirectory(prefix="edxml-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        keys = bench.authority(folder / "keys")
        bodies = bench.envelopes(options.count, options.size, keys)
        speed = rates(bodies, trust_of(keys), options.rounds)
        (folder / "small.xml").write_bytes(bodies[0])
        (folder / "large.xml").write_bytes(large_envelope(options.megabytes, keys))
        ran = subprocess.run(
            [sys.executable, __file__, "--take", folder / "small.xml", folder / "large.xml", keys, folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        cost = json.loads(ran.stdout)
    ratio = speed["stream"] / speed["signxml"]
    if options.json:
        print(json.dumps({"verifications_per_cpu_second": speed, "ratio": ratio, "large": cost}, indent=2))
        return
    table = Table("engine", "verifications per CPU second")
    for engine, rate in speed.items():
        table.add_row(engine, f"{rate:.0f}")
    Console().print(table)
    print(f"envelopes of {len(bodies[0])} bytes: stream is {ratio:.2f} times as fast as signxml")
    print(
        f"attachment of {options.megabytes} MB ({cost['bytes']} bytes of XML), received, verified and stored: "
        f"{cost['cpu_seconds']:.2f} s CPU, {cost['extra_mib']:.0f} MiB more memory"
    )


if __name__ == "__main__":
    main()
