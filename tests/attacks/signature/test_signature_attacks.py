"""Every attack of ``cases`` is refused by the signature's own layer, with the problem that it is.

The schema would stop many of them earlier. That is no comfort: here it is left out on purpose.
"""

from __future__ import annotations

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.core.signature.by_signxml import Coverage, Indication, verify
from edxml_router.core.xml.safe_xml import parse
from tests import certificates
from tests.attacks.signature.cases import CASES, Case, Uris, good
from tests.attacks.signature.craft import PARTS, WHOLE

RUNS = [
    pytest.param(one, uris, code, id=f"{one.name}-{'parts' if uris == PARTS else 'whole'}")
    for one in CASES
    for uris, code in one.expected.items()
]


def verdict_code(data: bytes) -> str:
    try:
        verdict = verify(data, parse(data), certificates.store(), certificates.NOW)
    except Refusal as refusal:
        return refusal.code
    if verdict.indication is Indication.PASSED:
        return "passed"
    assert verdict.signed_root is None
    assert verdict.finding
    return verdict.finding.code


@pytest.mark.parametrize(("one", "uris", "code"), RUNS)
def test_it_is_refused_by_name(one: Case, uris: Uris, code: str) -> None:
    assert verdict_code(one.build(uris)) == code


@pytest.mark.parametrize("uris", [WHOLE, PARTS])
def test_the_honest_message_passes(uris: Uris) -> None:
    """Without this, a verifier that refuses everything would pass all of the above."""
    data = good(uris)
    verdict = verify(data, parse(data), certificates.store(), certificates.NOW)
    assert verdict.indication is Indication.PASSED
    assert verdict.coverage is (Coverage.WHOLE if uris == WHOLE else Coverage.PARTS)


def test_names_are_unique() -> None:
    assert len({one.name for one in CASES}) == len(CASES)
