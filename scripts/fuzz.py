"""scripts/fuzz: look for messages that break the gate (``tests/attacks/fuzzing.py`` says what that would be).

    scripts/fuzz                  one minute
    scripts/fuzz --minutes 60
    scripts/fuzz --plain          without atheris, though it is there

atheris mutates towards code that no message has reached yet, and goes on next time where it stopped; without it, random
mutations of the same kinds. A message
that breaks something is written to tests/attacks/corpus, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REACHED = ROOT / ".venv/share/fuzz"  # what reached new code, kept from run to run
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]


def keep(data: bytes) -> Path:
    """Into the corpus, by digest."""
    from tests.attacks.fuzzing import CORPUS  # noqa: PLC0415 - after atheris has instrumented what it imports

    path = CORPUS / f"found-{hashlib.sha256(data).hexdigest()[:16]}.xml"
    path.write_bytes(data)
    return path


def attempt(data: bytes) -> None:
    """One message; what breaks ends the process."""
    from tests.attacks.fuzzing import try_bytes  # noqa: PLC0415 - as above

    try:
        try_bytes(data)
    except Exception:  # noqa: BLE001 - that is what we are looking for
        traceback.print_exc()
        print(f"Found: {keep(data).relative_to(ROOT)}", flush=True)
        os._exit(1)  # atheris would catch SystemExit and call it another find


def guided(seconds: int, seed: int) -> None:
    import atheris  # noqa: PLC0415 - optional

    with atheris.instrument_imports(include=["edxml_router", "signxml"]):
        from tests.attacks import fuzzing  # noqa: PLC0415 - imported here to be instrumented

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        if seed % 3 == 0:
            return atheris.Mutate(data, most)  # type: ignore[no-any-return]
        return fuzzing.mutate(data, random.Random(seed))[:most]  # noqa: S311 - not a secret

    REACHED.mkdir(parents=True, exist_ok=True)
    for data in fuzzing.seeds():
        (REACHED / hashlib.sha256(data).hexdigest()).write_bytes(data)
    options = [f"-max_total_time={seconds}", "-max_len=16384", "-timeout=20", "-rss_limit_mb=2048", f"-seed={seed}"]
    atheris.Setup([sys.argv[0], str(REACHED), *options, "-print_final_stats=1"], attempt, custom_mutator=mutator)
    atheris.Fuzz()


def plain(seconds: int, seed: int) -> None:
    from tests.attacks import fuzzing  # noqa: PLC0415 - beside guided()

    choice = random.Random(seed)  # noqa: S311 - not a secret
    seeds, tried, end = list(fuzzing.seeds()), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        attempt(fuzzing.mutate(choice.choice(seeds), choice))
        tried += 1
    print(f"{tried} messages, all taken or refused.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Look for messages that break the gate.")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    given: Any = parser.parse_args()
    run = plain if given.plain or importlib.util.find_spec("atheris") is None else guided
    run(max(1, int(given.minutes * 60)), given.seed)


if __name__ == "__main__":
    main()
