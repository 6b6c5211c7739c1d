"""How long a national catalogue takes to load, and how much memory: 150,000 generated agencies.

    .venv/bin/python scripts/registry_bench.py [AGENCIES]

Prints seconds and megabytes of a process that does nothing else, then the cost of a look-up.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

from edxml_router.resources import folder
from edxml_router.store import catalogue

HEADER = "code,name,level,parent,state,valid_from,valid_to,verified,dates_verified,source\n"


def rows() -> Iterator[str]:
    """Communes directly under provinces, two units in each: the shape since July 2025."""
    end = ",active,2025-07-01,,no,no,generated\n"
    for commune in range(1, 1000):
        for province in range(1, 64):
            code = f"H{province:02}.{commune:03}"
            yield f"{code},Ủy ban nhân dân xã số {commune} của tỉnh số {province},commune,{end}"
            yield f"{code}.01,Văn phòng HĐND và UBND xã số {commune} của tỉnh số {province},unit,{end}"
            yield f"{code}.02,Phòng Văn hóa - Xã hội xã số {commune} của tỉnh số {province},unit,{end}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150_000
    with tempfile.TemporaryDirectory() as place:
        with (Path(place) / "agencies.csv").open("w", encoding="utf-8") as file:
            file.write(HEADER)
            file.writelines(islice(rows(), count))
        wall, processor = time.perf_counter(), time.process_time()
        registry = catalogue.load_catalogue(folder("agency_codes"), Path(place))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(f"{len(registry):,} agencies: {wall:.2f} s ({processor:.2f} s of processor), peak {peak:.0f} MB")
    codes = [agency.code for agency in registry if agency.code.startswith("H26.")][:10_000]
    start = time.process_time()
    for code in codes:
        registry.resolve(code, date(2026, 1, 1))
    print(f"resolve: {(time.process_time() - start) / len(codes) * 1e6:.1f} µs")


if __name__ == "__main__":
    main()
