"""What each attack costs: ``python -m tests.attacks.cost [--json]``, from the project's folder.

A process of its own, because a peak of memory belongs to a process: before each attack the kernel's mark of the peak
is put back (Linux, ``/proc/self/clear_refs``), and the growth is what the message costs beside its own bytes. The
time is for people to read: it hangs on the machine, so nothing is asserted of it.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
import time
from pathlib import Path

from tests.attacks import gate
from tests.attacks.corpus import ATTACKS

STATUS = Path("/proc/self/status")


def _memory(name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB$", STATUS.read_text("ascii"), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def measure() -> dict[str, tuple[str, int, int, float]]:
    """By attack: the code it met, its size, the growth of memory (bytes), and the time (seconds)."""
    give_back = ctypes.CDLL(None).malloc_trim
    found = {}
    for attack in ATTACKS:
        if attack.before:  # the store's part is asked in test_gate
            continue
        data, rules = attack.build(), attack.rules()
        transfer = attack.transfer(data) if attack.transfer else None
        give_back(0)  # what earlier attacks have freed must not hide what this one takes
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        before, began = _memory("VmRSS"), time.perf_counter()
        code = gate.outcome(gate.judge(data, rules, attack.peer, transfer, attack.at))
        lasted = time.perf_counter() - began
        found[str(attack)] = (code, len(data), _memory("VmHWM") - before, lasted)
    return found


def main() -> None:
    found = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps(found))
        return
    print(f"{'ms':>8} {'MiB more':>9} {'kB':>8}  met     attack")
    for name, (code, size, grown, lasted) in sorted(found.items(), key=lambda item: -item[1][3]):
        print(f"{lasted * 1000:8.1f} {grown / 2**20:9.1f} {size / 1000:8.0f}  {code or 'taken':7} {name}")


if __name__ == "__main__":
    main()
