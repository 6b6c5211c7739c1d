"""What may go and what must stay, as a table."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.core.retention.judging import KeptBody, Reason, body_ruling, words_ruling
from edxml_router.core.retention.terms import GENERAL, RetentionClass, RetentionTerms
from edxml_router.core.retention.values import digest_of_removed, removal_of
from tests.contract.databases import NOW, envelope

TERM = timedelta(days=90)
TERMS = RetentionTerms(bodies=TERM)
ENDED = NOW + timedelta(days=3)
OVER = ENDED + TERM


def one(state: State = State.CONFIRMED, number: int = 1) -> Delivery:
    ended_at = ENDED if state in ENDS else None
    route, origin = Route.link("tay-ninh"), Route.office("vp")
    return Delivery(number, envelope().digest, f"H53.0{number}", state, route, origin, 0, 1, False, NOW, NOW,
                    True, "", "", ENDED, 3, ended_at=ended_at)  # fmt: skip


KEPT = KeptBody(envelope(), [one()])


@pytest.mark.parametrize(
    ("kept", "reasons"),
    [
        (KEPT, ()),
        (replace(KEPT, deliveries=[]), ()),
        (replace(KEPT, deliveries=[one(state, n) for n, state in enumerate(sorted(ENDS), 1)]), ()),
        (replace(KEPT, deliveries=[one(), one(State.AVAILABLE, 2)]), (Reason.INBOX,)),
        (replace(KEPT, deliveries=[one(State.AVAILABLE), one(State.HELD, 2)]), (Reason.OPEN, Reason.INBOX)),
        (replace(KEPT, untold=1), (Reason.UNTOLD,)),
        (replace(KEPT, unnumbered=2), (Reason.UNPROVEN,)),
        (replace(KEPT, held=True), (Reason.HELD,)),
        *((replace(KEPT, deliveries=[one(), one(state, 2)]), (Reason.OPEN,))
          for state in State if state not in ENDS and state is not State.AVAILABLE),
    ],
)  # fmt: skip
def test_only_what_nobody_needs_goes(kept: KeptBody, reasons: tuple[Reason, ...]) -> None:
    ruling = body_ruling(TERMS, kept, OVER + timedelta(days=1))
    assert (ruling.reasons, ruling.goes) == (reasons, not reasons)


def test_a_term_begins_with_the_last_end() -> None:
    late = replace(one(number=2), ended_at=ENDED + timedelta(days=10))
    kept = replace(KEPT, deliveries=[one(), late])
    assert body_ruling(TERMS, kept, OVER + timedelta(days=10, microseconds=-1)).reasons == (Reason.NOT_YET,)
    assert body_ruling(TERMS, kept, OVER + timedelta(days=10)).goes


def test_by_default_everything_is_kept_for_ever() -> None:
    assert RetentionTerms().shortest is None
    assert body_ruling(RetentionTerms(), KEPT, NOW + timedelta(days=36500)).reasons == (Reason.FOR_EVER,)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": "status", "urgent": True}, "statuses"),
        ({"urgent": True}, "urgent"),
        ({"sender": "H53.31"}, "province"),
        ({"sender": "H531"}, GENERAL),
        ({"sender": "G22"}, GENERAL),
    ],
)
def test_the_first_class_that_fits_counts(changes: dict[str, object], rule: str) -> None:
    classes = [
        RetentionClass(name="statuses", kind="status", bodies=timedelta(days=1)),
        RetentionClass(name="urgent", urgent=True),
        RetentionClass(name="province", senders=["H53"], bodies=timedelta(days=900)),
    ]
    terms = RetentionTerms(bodies=TERM, classes=classes)
    assert terms.rule_for(envelope(**{"sender": "G22", **changes})).name == rule
    assert terms.shortest == timedelta(days=1)


LEVELS = {"G22": "national", "H53": "province", "H53.31": "unit", "H53.31.22": "commune", "H53.31.23": "commune"}


@pytest.mark.parametrize(
    ("sender", "recipients", "rule"),
    [
        ("H53.31.22", ["G22"], "from-communes"),
        ("H53", ["H53.31.22", "H53.31.23"], "to-communes"),
        ("H53", ["H53.31.22", "G22"], GENERAL),  # each recipient counts
        ("H53", [], GENERAL),
        ("H53.99", ["H53.98"], GENERAL),  # of no level that the catalogue knows
    ],
)
def test_a_class_is_of_the_senders_level_or_of_all_recipients(sender: str, recipients: list[str], rule: str) -> None:
    classes = [
        RetentionClass(name="from-communes", levels=["commune"], bodies=timedelta(days=1)),
        RetentionClass(name="to-communes", recipient_levels=["commune"], words=timedelta(days=2)),
    ]
    terms = RetentionTerms(bodies=TERM, classes=classes, level_of=lambda code: LEVELS.get(code, ""))
    kept = KeptBody(envelope(sender=sender), [replace(one(), recipient=code) for code in recipients])
    assert body_ruling(terms, kept, OVER).rule.name == words_ruling(terms, kept, OVER).rule.name == rule


def test_words_have_a_term_of_their_own_and_what_keeps_a_letter_keeps_them() -> None:
    terms = RetentionTerms(bodies=TERM, words=2 * TERM)
    assert body_ruling(terms, KEPT, OVER).goes
    assert words_ruling(terms, KEPT, OVER).reasons == (Reason.NOT_YET,)
    assert words_ruling(terms, KEPT, OVER + TERM).goes
    assert words_ruling(terms, replace(KEPT, held=True), OVER + TERM).reasons == (Reason.HELD,)
    assert words_ruling(TERMS, KEPT, OVER + TERM).reasons == (Reason.FOR_EVER,)
    assert [RetentionTerms().empty, RetentionTerms(words=TERM).empty] == [True, False]


def test_what_went_is_told_by_its_digest_in_any_order() -> None:
    both = removal_of(NOW, GENERAL, "node", [("b" * 64, 5), ("a" * 64, 7)])
    assert (both.count, both.size) == (2, 12)
    assert both.digest == digest_of_removed(["a" * 64, "b" * 64])
    assert both.digest == hashlib.sha256(b"a" * 64 + b"\n" + b"b" * 64).hexdigest()
