"""Who may speak for which agency: the table, the certificate's own claim, delegation, blocks, and peers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings, may_bring, speaks_for, write_row
from edxml_router.core.trust.certificate import Signer, signer
from tests import certificates
from tests.certificates import NOW

DAY = timedelta(days=1)
KEY = "ab" * 32


def somebody(*agencies: str, spki: str = KEY) -> Signer:
    return Signer("CN=x", "CN=y", "01", spki, agencies, NOW + 100 * DAY)


def speaks(who: Signer, sender: str, *rows: BindingRow, at: datetime = NOW) -> str:
    """ "" when allowed, else the code of the refusal."""
    try:
        speaks_for(who, sender, Bindings(rows), at)
    except Refusal as refusal:
        return refusal.code
    return ""


def bind(agency: str, since: datetime = NOW - DAY, until: datetime = NOW + DAY, key: str = KEY) -> BindingRow:
    return BindingRow(Act.BIND, key, agency, since, until)


# --- the certificate's own claim -----------------------------------------------------------------------------


def test_a_certificate_speaks_for_the_agency_it_names() -> None:
    assert speaks(signer(certificates.leaf("H53.02")), "H53.02") == ""


@pytest.mark.parametrize("sender", ["H53", "H53.0", "H53.02.01", "H41.03", "h53.02", "H53.02 ", ""])
def test_and_for_no_other(sender: str) -> None:
    """Not for its parent, not for its units, not for a code that only begins alike."""
    assert speaks(somebody("H53.02"), sender) == "EDX402"


def test_a_certificate_may_name_several() -> None:
    assert speaks(somebody("H53.02", "H53.03"), "H53.03") == ""


@pytest.mark.parametrize("agencies", [(), ("",)])
def test_a_certificate_that_names_nobody_speaks_for_nobody(agencies: tuple[str, ...]) -> None:
    assert speaks(somebody(*agencies), "H53.02") == "EDX402"
    assert speaks(somebody(*agencies), "") == "EDX402"


def test_a_code_in_the_certificate_may_be_an_alias() -> None:
    aliases = {"000.00.02.H53": "H53.02"}
    speaks_for(somebody("000.00.02.H53"), "H53.02", Bindings(), NOW, canonical=aliases.get)
    with pytest.raises(Refusal, match="EDX402"):
        speaks_for(somebody("000.00.99.H53"), "H53.02", Bindings(), NOW, canonical=aliases.get)


# --- the table -----------------------------------------------------------------------------------------------


def test_a_binding_lets_a_key_speak() -> None:
    assert speaks(somebody(), "H53.02", bind("H53.02")) == ""
    assert speaks(somebody(spki="cd" * 32), "H53.02", bind("H53.02")) == "EDX402"


def test_the_table_wins_over_the_certificate() -> None:
    assert speaks(somebody("H53.02"), "H53.02", bind("H41.03")) == "EDX402"
    assert speaks(somebody("H53.02"), "H41.03", bind("H41.03")) == ""


def test_a_binding_is_dated() -> None:
    row = bind("H53.02", NOW, NOW + DAY)
    moments = {NOW - timedelta(microseconds=1): "EDX402", NOW: "", NOW + DAY: "EDX402"}
    for at, code in moments.items():
        assert speaks(somebody(), "H53.02", row, at=at) == code


def test_an_ended_binding_does_not_fall_back_on_the_certificate() -> None:
    assert speaks(somebody("H53.02"), "H53.02", bind("H53.02", until=NOW)) == "EDX402"


# --- delegation ----------------------------------------------------------------------------------------------


def delegate(since: datetime = NOW - DAY, until: datetime = NOW + DAY) -> BindingRow:
    return BindingRow(Act.DELEGATE, "H53", "H53.02", since, until)


def test_a_delegation_lets_the_parent_sign_for_the_unit() -> None:
    assert speaks(somebody("H53"), "H53.02", delegate()) == ""
    assert speaks(somebody(), "H53.02", bind("H53"), delegate()) == ""


def test_a_delegation_reaches_no_further() -> None:
    assert speaks(somebody("H53"), "H53.03", delegate()) == "EDX402"
    assert speaks(somebody("H53"), "H53.02.01", delegate()) == "EDX402"
    assert speaks(somebody("H53.02"), "H53", delegate()) == "EDX402"
    chained = BindingRow(Act.DELEGATE, "H53.02", "H53.02.01")
    assert speaks(somebody("H53"), "H53.02.01", delegate(), chained) == "EDX402"


def test_a_delegation_is_dated() -> None:
    assert speaks(somebody("H53"), "H53.02", delegate(until=NOW)) == "EDX402"
    assert speaks(somebody("H53"), "H53.02", delegate(since=NOW + DAY)) == "EDX402"


# --- blocks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [KEY, "H53.02"])
def test_a_block_wins_over_everything(subject: str) -> None:
    block = BindingRow(Act.BLOCK, subject, since=NOW)
    rows = (bind("H53.02"), block)
    assert speaks(somebody("H53.02"), "H53.02", *rows) == "EDX409"
    assert speaks(somebody("H53.02"), "H53.02", *rows, at=NOW - timedelta(seconds=1)) == ""


@pytest.mark.parametrize(
    ("who", "rows"),
    [
        (somebody("H53"), [delegate()]),  # through a delegation
        (somebody("H53"), [bind("H53.02")]),  # its certificate names the blocked one
        (somebody(), [bind("H53"), bind("H53.02")]),  # the key of several agencies
        (somebody(), [bind("H53"), delegate()]),
    ],
)
def test_a_blocked_agencys_key_signs_for_nobody(who: Signer, rows: list[BindingRow]) -> None:
    assert speaks(who, "H53.02", *rows) == ""
    assert speaks(who, "H53.02", *rows, BindingRow(Act.BLOCK, "H53", since=NOW)) == "EDX409"
    assert speaks(who, "H53.02", *rows, BindingRow(Act.BLOCK, "H53", since=NOW + DAY)) == ""
    assert speaks(who, "H53.02", *rows, BindingRow(Act.BLOCK, "H41", since=NOW)) == ""


def test_a_binding_that_has_ended_makes_no_key_the_agencys() -> None:
    rows = bind("H53", until=NOW), bind("H53.02"), BindingRow(Act.BLOCK, "H53")
    assert speaks(somebody(), "H53.02", *rows) == ""


def test_a_block_hits_nobody_else() -> None:
    assert (
        speaks(
            somebody("H53.03", spki="cd" * 32), "H53.03", BindingRow(Act.BLOCK, KEY), BindingRow(Act.BLOCK, "H53.02")
        )
        == ""
    )


# --- the table as a file -------------------------------------------------------------------------------------

TABLE = f"""\ufeffact,subject,agency,since,until,reason
# sau khi sáp nhập
bind,{KEY.upper()},H53.02,2026-01-01,2026-12-31,Quyết định 12
delegate,H53,H53.02,,,ủy quyền
block,{":".join(["cd"] * 32)},,2026-03-02T09:00:00+07:00,,lộ khóa

block,H41.03,,,,
"""


def test_the_file_is_read() -> None:
    table = Bindings.from_csv(TABLE.encode())
    bound, delegated, blocked, _ = table.rows
    assert (bound.subject, bound.agency, bound.reason) == (KEY, "H53.02", "Quyết định 12")
    # Days are days of Vietnam time, the last one included.
    assert bound.since == datetime(2025, 12, 31, 17, tzinfo=UTC)
    assert bound.until == datetime(2026, 12, 31, 17, tzinfo=UTC)
    assert delegated.in_force(datetime(1999, 1, 1, tzinfo=UTC))
    assert blocked.subject == "cd" * 32
    assert blocked.since == NOW


def test_what_is_written_is_read_again() -> None:
    table = Bindings.from_csv(TABLE.encode())
    odd = replace(table.rows[0], reason='số "12"; thay, đổi\n# x')
    rows = (*table.rows, odd)
    again = Bindings.from_csv("\n".join(map(write_row, rows)).encode()).rows
    assert again == (*table.rows, replace(odd, reason='số "12"; thay, đổi # x'))  # one row, one line


@pytest.mark.parametrize(
    "line",
    [
        "bind,H53.02,H53.02,,,",
        f"bind,{KEY},,,,",
        f"bind,{KEY[:-1]},H53.02,,,",
        f"delegate,{KEY},H53.02,,,",
        "delegate,,H53.02,,,",
        "block,,,,,",
        "block,H53.02,H53.02,,,",
        "allow,H53,H53.02,,,",
        f"bind,{KEY},H53.02,2026-02-30,,",
        f"bind,{KEY},H53.02,02/03/2026,,",
        f"bind,{KEY},H53.02,2026-03-02T09:00:00,,",
        f"bind,{KEY},H53.02,2026-03-02,2026-03-01,",
        f"bind,{KEY},H53.02,,9999-12-31,",
        f"bind,{KEY},H53.02",
    ],
)
def test_every_bad_line_is_named(line: str) -> None:
    with pytest.raises(Refusal) as caught:
        Bindings.from_csv(f"{TABLE}{line}\n{line}\n".encode())
    assert caught.value.code == "EDX901"
    assert "line 8:" in caught.value.finding.detail
    assert "line 9:" in caught.value.finding.detail


def test_the_file_must_be_utf8() -> None:
    with pytest.raises(Refusal, match="EDX901"):
        Bindings.from_csv("bind,x,H53,,,lộ".encode("utf-16"))


# --- peers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [("H53", True), ("H53.31", True), ("H53.31.22", True), ("H531", False), ("H5", False), ("H41", False), ("", False)],
)
def test_prefixes_end_at_dots(sender: str, allowed: bool) -> None:
    """For a child what is allowed inside, for the parent what is allowed outside."""
    for inside in (True, False):
        if allowed is inside:
            may_bring(["H53"], [], sender, inside=inside)
        else:
            with pytest.raises(Refusal, match="EDX401"):
                may_bring(["H53"], [], sender, inside=inside)


def test_single_codes_are_single() -> None:
    may_bring([], ["H53.02"], "H53.02")
    with pytest.raises(Refusal, match="EDX401"):
        may_bring([], ["H53.02"], "H53.02.01")
    with pytest.raises(Refusal, match="EDX401"):
        may_bring([], ["H53.02"], "H53.02", inside=False)


def test_a_peer_without_agencies_brings_nothing() -> None:
    with pytest.raises(Refusal, match="EDX401"):
        may_bring([], [], "H53.02")


def test_a_block_holds_by_key_by_certificate_and_by_agency() -> None:
    named = signer(certificates.leaf("H53.02"))
    for subject in (named.spki_sha256, named.fingerprint, "H53.02"):
        assert len(subject) != 64 or named.spki_sha256 != named.fingerprint
        with pytest.raises(Refusal, match="EDX409"):
            speaks_for(named, "H53.02", Bindings([BindingRow(Act.BLOCK, subject)]), certificates.NOW)
    other = Bindings([BindingRow(Act.BLOCK, "ab" * 32), BindingRow(Act.BLOCK, "H53")])
    speaks_for(named, "H53.02", other, certificates.NOW)


def test_codes_of_the_table_become_canonical() -> None:
    key = "ab" * 32
    rows = [BindingRow(Act.BIND, key, "alias"), BindingRow(Act.DELEGATE, "alias", "other")]
    table = Bindings([*rows, BindingRow(Act.BLOCK, "alias")])
    known = table.with_codes({"alias": "H53"}.get)
    assert [(row.subject, row.agency) for row in known.rows] == [(key, "H53"), ("H53", "other"), ("H53", "")]
    assert known.of(Act.BLOCK, "H53")


def test_what_an_acceptance_rests_on_can_be_computed_by_any_program() -> None:
    """The digest of the table is that of its JSON."""
    rows = [BindingRow(Act.BLOCK, "H53", reason="khoá bị lộ"), BindingRow(Act.DELEGATE, "H53.01", "H53.02")]
    ever = '"since":"0001-01-01T00:00:00+00:00"', '"until":"9999-12-31T23:59:59.999999+00:00"'
    first = f'{{"act":"block","agency":"","reason":"khoá bị lộ",{ever[0]},"subject":"H53",{ever[1]}}}'
    second = f'{{"act":"delegate","agency":"H53.02","reason":"",{ever[0]},"subject":"H53.01",{ever[1]}}}'
    assert Bindings(rows).digest == hashlib.sha256(f"[{first},{second}]".encode()).hexdigest()
    assert Bindings(rows[::-1]).digest != Bindings(rows).digest
