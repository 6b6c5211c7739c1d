"""docs/attacks.md: every attack of the corpus and what it meets, from the list that the tests go through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from edxml_router.core.problems import PROBLEMS
from tests.attacks.corpus import ATTACKS, FAMILIES


def attacks() -> Iterator[str]:
    yield "# Attacks and what they meet"
    yield ""
    yield f"{len(ATTACKS)} hostile messages, each brought to the gate of a node by `tests/attacks/test_gate.py`, with"
    yield "both signature engines, which must agree. The code beside each is asserted; so is that none takes 64 MiB of"
    yield "memory beside its own bytes (`tests/attacks/test_cost.py`). What they take of time on your machine shows"
    yield "`python -m tests.attacks.cost`. [security.md](security.md) tells what they are about."
    yield ""
    yield "*Form* is what the signature covers: the `whole` message, or its `parts` by id. Where none is named, it"
    yield "makes no difference."
    for family, title in FAMILIES.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| attack | form | meets | which is |"
        yield "|---|---|---|---|"
        rows: dict[tuple[str, str, str], list[str]] = {}
        for attack in ATTACKS:
            if attack.family == family:
                said = attack.harmless or PROBLEMS[attack.code].title["en"]
                rows.setdefault((attack.name, attack.code, said), []).append(attack.form)
        for (name, code, said), forms in rows.items():
            met = f"[{code}](problems.md#{_anchor(code)})" if code in PROBLEMS else code or "taken"
            yield f"| {name.replace('-', ' ')} | {', '.join(filter(None, forms))} | {met} | {said} |"


def _anchor(code: str) -> str:
    """Of the heading in problems.md, as GitHub and others make it."""
    return f"{code} {PROBLEMS[code].slug}".lower().replace(" ", "-")
