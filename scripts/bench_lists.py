"""What a large revocation list costs: reading it, whether its authority signed it, and looking a number up.

    scripts/bench lists [MEBIBYTES]

The list is made of random serial numbers of 16 bytes, two of three with a reason, as public authorities write them.
"""

from __future__ import annotations

import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from edxml_router.core import pki
from edxml_router.core.trust import der
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.services.trial_authority import new_key

REASON = bytes.fromhex("300c300a0603551d1504030a0101")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
LOOKS = 1000


def made(authority: pki.Issuer, size: int) -> tuple[bytes, list[int]]:
    """A list of about this many bytes, and some of the numbers on it."""
    now = datetime.now(UTC)
    entries, some = bytearray(), []
    while len(entries) < size:
        number = b"\x5a" + os.urandom(15)
        fields = der.value(der.INTEGER, number) + der.value(der.UTC_TIME, b"260101000000Z")
        entries += der.value(der.SEQUENCE, fields + (REASON if number[-1] % 3 else b""))
        if number[-2:] < b"\x01\x00":
            some.append(int.from_bytes(number, "big"))
    dates = [der.value(der.UTC_TIME, f"{at:%y%m%d%H%M%SZ}".encode()) for at in (now, now + timedelta(days=30))]
    head = der.value(der.INTEGER, b"\x01") + ECDSA_SHA256 + authority.certificate.subject.public_bytes()
    signed = der.value(der.SEQUENCE, head + b"".join(dates) + der.value(der.SEQUENCE, bytes(entries)))
    key = authority.key
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256())) if isinstance(key, ec.EllipticCurvePrivateKey) else b""
    return der.value(der.SEQUENCE, signed + ECDSA_SHA256 + der.value(0x03, b"\0" + signature)), some


def resident() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    authority = pki.root(new_key(), "Lists", serial=1, at=datetime.now(UTC), days=9)
    data, some = made(authority, size * 1024 * 1024)
    before = resident()
    begun = time.process_time()
    one = RevocationList(data)
    signed = one.signed_by(authority.certificate)
    trouble = one.trouble
    once = time.process_time() - begun
    if not signed or trouble:
        raise SystemExit(trouble or "not signed")
    more = resident() - before
    listed = [random.choice(some) for _ in range(LOOKS)]  # noqa: S311
    others = [int.from_bytes(os.urandom(15), "big") for _ in range(LOOKS)]
    begun = time.process_time()
    right = all(one.revoked(number) for number in listed)
    found = (time.process_time() - begun) / LOOKS
    begun = time.process_time()
    wrong = any(one.revoked(number) for number in others)
    missed = (time.process_time() - begun) / LOOKS
    if wrong or not right:
        raise SystemExit("a number was not found, or one too many")
    print(f"list of {len(data) / 1024**2:.0f} MiB: read, verified and indexed once {once:.2f} s of CPU")
    print(f"memory beside its bytes: {more / 1024**2:.0f} MiB")
    print(f"a look-up: {found * 1000:.2f} ms for a number that is on it, {missed * 1000:.2f} ms for another")


if __name__ == "__main__":
    main()
