"""Which envelopes keep their order with each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.chains import CHAINS_MAX, chain, chains

FIRST, SECOND = chain("H53", "1/QĐ"), chain("H53", "2/QĐ")


def test_what_changes_a_document_is_of_its_chain() -> None:
    known = {("H53", "1/QĐ"): chains("H53", "1/QĐ", (), {})}
    assert known["H53", "1/QĐ"] == (FIRST,)
    assert chains("H53", "2/QĐ", ("1/QĐ",), known) == (FIRST,)
    assert chains("H53", "2/QĐ", ("1/QĐ",), {}) == (FIRST,)  # whether the document has come here or not
    known["H53", "2/QĐ"] = (FIRST,)
    assert chains("H53", "3/QĐ", ("2/QĐ",), known) == (FIRST,)  # a change of a change
    assert chains("H53", "2/QĐ", (), known) == (FIRST,)  # the same id again, as another kind
    assert chains("H53", "", ("1/QĐ",), known) == (FIRST,)  # a status


def test_each_sender_has_chains_of_his_own() -> None:
    assert chains("H01", "2/QĐ", ("1/QĐ",), {("H53", "1/QĐ"): (FIRST,)}) == (chain("H01", "1/QĐ"),)


def test_what_changes_several_documents_is_of_all_their_chains() -> None:
    assert chains("H53", "3/QĐ", ("1/QĐ", "2/QĐ"), {}) == (FIRST, SECOND)
    assert len(chains("H53", "x", tuple(map(str, range(100))), {})) == CHAINS_MAX


def test_a_status_that_names_nothing_is_of_none() -> None:
    assert chains("H53", "", (), {}) == ()


@given(st.text(), st.text())
def test_a_chain_fits_the_column(sender: str, key: str) -> None:
    assert 0 < chain(sender, key) < 2**63
