"""One revocation list: odd ones harm nobody else, and the serials of large ones are found."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core import pki
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust import der, revoked_entries
from edxml_router.core.trust.certificate import DAMAGED
from edxml_router.core.trust.revocation import RevocationLists, check_new_list
from edxml_router.core.trust.revocation_list import RevocationList, read_lists
from edxml_router.core.trust.revoked_entries import RUN_BYTES, RevokedEntries
from tests.certificates import NOW, crl, issuing, key, leaf, root

DAY = timedelta(days=1)
REASON = bytes.fromhex("300c300a0603551d1504030a0101")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def entry(serial: int, date: bytes = b"261101000000Z", more: bytes = b"") -> bytes:
    number = serial.to_bytes(((serial if serial >= 0 else serial + 1).bit_length()) // 8 + 1, "big", signed=True)
    dated = der.value(der.UTC_TIME if len(date) == 13 else der.GENERALIZED_TIME, date)
    return der.value(der.SEQUENCE, der.value(der.INTEGER, number) + dated + more)


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    said = der.value(der.BOOLEAN, b"\xff") if critical else b""
    return der.value(der.SEQUENCE, bytes.fromhex(oid) + said + der.value(0x04, value))


def made(*entries: bytes, extensions: tuple[bytes, ...] = (), inside: bytes = ECDSA_SHA256) -> bytes:
    """A list of the issuing authority's, put together byte by byte and really signed."""
    rows = der.value(der.SEQUENCE, b"".join(entries)) if entries else b""
    own = der.value(der.CONTEXT, der.value(der.SEQUENCE, b"".join(extensions))) if extensions else b""
    signed = der.value(
        der.SEQUENCE,
        der.value(der.INTEGER, b"\x01")
        + inside
        + issuing().certificate.subject.public_bytes()
        + der.value(der.UTC_TIME, f"{NOW - DAY:%y%m%d%H%M%SZ}".encode())
        + der.value(der.UTC_TIME, f"{NOW + 6 * DAY:%y%m%d%H%M%SZ}".encode())
        + rows
        + own,
    )
    signer = issuing().key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    signature = signer.sign(signed, ec.ECDSA(hashes.SHA256()))
    return der.value(der.SEQUENCE, signed + ECDSA_SHA256 + der.value(0x03, b"\0" + signature))


NUMBER = extension("0603551d14", b"\x02\x01\x07")
# Each is refused by the library only when it is asked for the part, or by our rules.
ODD = {
    "a number twice": (made(extensions=(NUMBER, NUMBER)), "twice"),
    "a number that is none": (made(extensions=(extension("0603551d14", b"\x04\x01\x07"),)), ""),
    "a number that nobody could write down": (
        made(extensions=(extension("0603551d14", der.value(der.INTEGER, b"\x01" * 2000)),)), "20 bytes"),
    "a name of an unknown form": (
        made(extensions=(extension("0603551d23", bytes.fromhex("3009a107a305a003130161")),)), ""),
    "a critical extension": (made(extensions=(extension("06032a0304", b"\x05\x00", critical=True),)), "critical"),
    "a delta list": (made(extensions=(extension("0603551d1b", b"\x02\x01\x07", critical=True),)), "delta"),
    "an entry with a critical extension": (
        made(entry(5, more=der.value(der.SEQUENCE, extension("0603551d15", b"\x0a\x01\x01", critical=True)))),
        "critical entry"),
    "an entry that is none": (made(der.value(der.SEQUENCE, b"\x02\x01\x05")), "entry"),
    "a serial number with a zero too many": (
        made(der.value(der.SEQUENCE, b"\x02\x02\x00\x05" + der.value(der.UTC_TIME, b"261101000000Z"))), "serial"),
    "no entry where one must be": (made(der.value(der.INTEGER, b"\x05")), "entry"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_list_harms_only_itself(name: str) -> None:
    data, words = ODD[name]
    [one] = read_lists([data], "trust.crls")
    assert one.trouble
    assert words in one.trouble
    assert one.name  # with which people are told of it
    assert RevocationLists([one]).lists == ()  # and nothing is raised
    with pytest.raises(Setback) as caught:
        check_new_list(data, crl(), [root().certificate, issuing().certificate], NOW, "http://ca.example.vn/x.crl")
    assert caught.value.code == "EDX318"


def test_what_a_list_has_beside_its_entries_is_small() -> None:
    """It is read before anybody knows whose it is, by a library that takes seconds for megabytes."""
    with pytest.raises(Refusal, match="EDX902"):
        read_lists([made(extensions=(extension("06032a0304", bytes(300_000)),))])


def test_reasons_that_nobody_knows_do_not_hide_a_revocation() -> None:
    """OpenSSL reads such lists too. What is on the list is revoked, whatever the reason is said to be."""
    for reason in (0, 6, 7, 8, 42, 127):
        more = der.value(der.SEQUENCE, extension("0603551d15", bytes((0x0A, 1, reason))))
        [one] = read_lists([made(entry(5, more=more), entry(6))])
        assert (one.trouble, one.revoked(5) is not None, one.revoked(7)) == ("", True, None)
    twice = der.value(der.SEQUENCE, extension("0603551d15", b"\x0a\x01\x01") * 2)
    [one] = read_lists([made(entry(5, more=twice))])
    assert (one.trouble, one.revoked(5) is not None) == ("", True)


def test_the_algorithm_inside_must_be_the_one_outside() -> None:
    with pytest.raises(Refusal):
        read_lists([made(entry(5), inside=RSA_SHA256)])
    [good] = read_lists([made(entry(5))])
    assert good.signed_by(issuing().certificate)
    assert not good.signed_by(root().certificate)


@pytest.mark.parametrize("kind", ["rsa-2048", "p-384"])
def test_the_signature_counts_as_the_library_counts_it(kind: str) -> None:
    signer = pki.root(key(kind, "lists"), "Lists", serial=1, at=NOW - DAY, days=9)
    good = crl(pki.RevokedCertificate(5, NOW - DAY), issuer=signer)
    bent = bytearray(good)
    bent[good.index(b"Lists")] ^= 1
    changed = bytearray(good)
    changed[-1] ^= 1
    for data in (good, bytes(changed)):
        loaded = x509.load_der_x509_crl(data)
        assert RevocationList(data).signed_by(signer.certificate) == loaded.is_signature_valid(signer.key.public_key())  # type: ignore[arg-type]
    assert not RevocationList(bytes(bent)).signed_by(signer.certificate)


def test_a_list_signed_with_pss() -> None:
    signer = pki.root(key("rsa-2048", "pss"), "Pss", serial=1, at=NOW - DAY, days=9)
    builder = x509.CertificateRevocationListBuilder().issuer_name(signer.certificate.subject)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signed = (
        builder.last_update(NOW - DAY).next_update(NOW + DAY).sign(signer.key, hashes.SHA256(), rsa_padding=scheme)  # type: ignore[arg-type]
    )
    assert RevocationList(signed.public_bytes(Encoding.DER)).signed_by(signer.certificate)


MARKS = (0x170D, 0x17170D0D, 0x180F170D, 0xFF170D17)  # as the marks of dates, which cut the entries
serials = st.one_of(st.integers(-(2**63), 2**160 - 1), st.integers(0, 300), st.sampled_from(MARKS))
extras = st.sampled_from(
    [
        b"",
        REASON,
        der.value(der.SEQUENCE, extension("0603551d15", b"\x0a\x01\x07")),
        der.value(der.SEQUENCE, extension("0603551d18", der.value(der.GENERALIZED_TIME, b"20261101000000Z"))),
        der.value(der.SEQUENCE, extension("06032a0304", bytes(200))),
    ]
)
dates = st.sampled_from([b"261101000000Z", b"260228235959Z", b"20510101000000Z"])


@given(st.lists(st.tuples(serials, dates, extras), max_size=40, unique_by=lambda row: row[0]), serials)
def test_every_number_is_found_and_no_other(rows: list[tuple[int, bytes, bytes]], other: int) -> None:
    data = b"".join(entry(*row) for row in rows)
    found = RevokedEntries(b"head" + data + b"tail", 4, 4 + len(data))
    listed = {serial for serial, _, _ in rows}
    for serial, date, _ in rows:
        form = "%y%m%d%H%M%SZ" if len(date) == 13 else "%Y%m%d%H%M%SZ"
        since = found.revoked(serial)
        assert since is not None
        assert since.replace(tzinfo=None) == datetime.strptime(date.decode(), form)
    if other not in listed:
        assert found.revoked(other) is None


def test_entries_of_countless_shapes_are_found_without_learning_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make the expression anew for each of 256 shapes took nine seconds, for a list of 30 kB."""
    made: list[int] = []

    def counted(shapes: dict[bytes, None]) -> re.Pattern[bytes]:
        made.append(len(shapes))
        return expression(shapes)

    expression = revoked_entries._expression
    monkeypatch.setattr(revoked_entries, "_expression", counted)
    extensions = [der.value(der.SEQUENCE, extension("0603551d63", bytes(size))) for size in range(40)]
    rows = [entry(1000 + number, more=extensions[number % 40]) for number in range(4000)]
    data = b"".join(rows)
    found = RevokedEntries(data, 0, len(data))
    assert all(found.revoked(1000 + number) for number in range(4000))
    assert found.revoked(999) is None
    assert len(made) < 8


def test_the_runs_of_a_large_list_meet_without_a_gap() -> None:
    chance = random.Random(7)  # noqa: S311
    numbers = [chance.getrandbits(chance.choice((8, 127, 128))) for _ in range(60_000)]
    data = b"".join(entry(number, more=REASON if number % 3 else b"") for number in numbers)
    assert len(data) > 4 * RUN_BYTES
    found = RevokedEntries(data, 0, len(data))
    assert all(found.revoked(number) for number in numbers[::7])
    others = {chance.getrandbits(128) for _ in range(500)} - set(numbers)
    assert not any(found.revoked(number) for number in others)
    for cut in (1, 20):
        with pytest.raises(ValueError, match="cut off"):
            RevokedEntries(data, 0, len(data) - cut)


@given(st.binary(max_size=300))
def test_nothing_else_is_raised_for_any_bytes(data: bytes) -> None:
    good = bytearray(made(entry(5), extensions=(NUMBER,)))
    for start in (0, 60, len(good) - len(data) - 80):
        bent = bytes(good[:start]) + data + bytes(good[start + len(data) :])
        try:
            [one] = read_lists([bent])
        except Refusal as refusal:
            assert refusal.code == "EDX902"
            continue
        one.signed_by(issuing().certificate)
        if not one.trouble:
            one.revoked(5)


def test_what_a_certificate_has_wrong_is_no_matter_of_the_list() -> None:
    """An authority's certificate with an extension twice signs nothing that is heard; nothing is raised."""
    [one] = read_lists([crl()])

    class Odd:
        subject = one.issuer

        @property
        def extensions(self) -> x509.Extensions:
            raise DAMAGED[0]("damaged")

    assert not one.signed_by(Odd())  # type: ignore[arg-type]
    assert one.revoked(leaf().serial_number) is None
