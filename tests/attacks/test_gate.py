"""Every attack meets its problem at the gate of a node, and the honest message passes it.

The signature's own layer is asked in ``signature/``, the parser alone in ``test_parse``; here the whole way is gone,
as a stranger's message goes it, by both engines.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edxml_router.core.problems import PROBLEMS
from tests.attacks import gate
from tests.attacks.attack import Attack
from tests.attacks.corpus import ATTACKS, FAMILIES, SOONER
from tests.attacks.signature.cases import CASES, Uris, good
from tests.attacks.signature.craft import PARTS, WHOLE


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_it_meets_its_problem(attack: Attack, tmp_path: Path) -> None:
    assert attack.meet(tmp_path) == attack.code


@pytest.mark.parametrize("uris", [WHOLE, PARTS])
def test_the_honest_message_passes(uris: Uris) -> None:
    """Without this, a gate that refuses everything would pass all of the above."""
    item = gate.judge(good(uris))
    assert (gate.outcome(item), item.sender, item.routes) == ("", gate.SENDER, {"H41.03": f"office:{gate.OTHER}"})


def test_the_corpus_is_in_order() -> None:
    assert len({str(attack) for attack in ATTACKS}) == len(ATTACKS)
    assert {attack.family for attack in ATTACKS} == set(FAMILIES)
    assert set(SOONER) <= {case.name for case in CASES}
    for attack in ATTACKS:
        assert attack.code in PROBLEMS or attack.harmless, f"{attack}: what is taken must be said to be harmless"
