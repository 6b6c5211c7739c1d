"""The search behind ``scripts/shapes``: every shape that costs too much, and in the end the dearest that do not.

Exit status 1 when something was found.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hypothesis import HealthCheck, Phase, given, seed, settings, target  # noqa: E402 - found through the line above

from tests.attacks.shapes import Cost, Scale, Shape, shapes  # noqa: E402 - as above


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    until = time.monotonic() + 60 * parser.parse_args().minutes
    found: dict[Shape, Cost] = {}

    def search(scale: Scale) -> None:
        @seed(random.getrandbits(64))
        @settings(
            max_examples=60,  # then from somewhere else: the best that it knows is not the worst there is
            deadline=None,
            database=None,
            derandomize=False,
            phases=[Phase.generate, Phase.target],
            suppress_health_check=list(HealthCheck),
        )
        @given(shapes())
        def weigh(shape: Shape) -> None:
            if time.monotonic() > until or shape in found:
                return
            cost = found[shape] = scale.weigh(shape)
            target(cost.seconds, label="seconds")
            target(float(cost.memory), label="bytes of memory")
            if cost.dear:
                print(f"FOUND {cost}\n  {shape}", flush=True)

        weigh()

    with Scale() as scale:
        while time.monotonic() < until:
            search(scale)
    print(f"{len(found)} shapes; the dearest:")
    for measure in (lambda one: one[1].seconds, lambda one: one[1].memory):
        for shape, cost in sorted(found.items(), key=measure)[-3:]:
            print(f"  {cost}\n    {shape}")
    return int(any(cost.dear for cost in found.values()))


if __name__ == "__main__":
    sys.exit(main())
