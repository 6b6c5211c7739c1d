"""A call of the axis's SDK is proven by its headers, and by nothing that was changed in them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.axis import call as axis
from edxml_router.core.problems import Refusal
from tests.axis.sdk import SdkClient

VIETNAM = timezone(timedelta(hours=7))
NOW = datetime(2026, 11, 22, 0, 30, 44, 732000, VIETNAM)
SECRET = "bí mật của trục"
HOUR = timedelta(hours=1)

Headers = list[tuple[bytes, bytes]]


def _client(at: datetime = NOW, **kept: str) -> SdkClient:
    client = SdkClient("", 0, "", "000.00.00.H57", SECRET, at=at)
    client.kept.update(kept)
    return client


def _headers(client: SdkClient, encoding: str = "utf-8") -> Headers:
    return [(name.encode(), value.encode(encoding, "replace")) for name, value in client.headers().items()]


def _prove(headers: Headers, secret: str = SECRET, now: datetime = NOW, window: timedelta = HOUR) -> axis.SignedCall:
    return axis.prove(axis.read_claim(headers), secret.encode(), now, window, (VIETNAM, UTC))


def _refused(headers: Headers, code: str = "EDX422", **how: object) -> str:
    with pytest.raises(Refusal) as caught:
        _prove(headers, **how)  # type: ignore[arg-type]
    assert caught.value.code == code
    return str(caught.value.finding)


def _with(headers: Headers, name: str, value: bytes) -> Headers:
    return [(key, value if key.decode().lower() == f"xroadvnpt-{name}" else old) for key, old in headers]


def test_the_observed_stamp_is_read_as_milliseconds_and_not_as_a_zone() -> None:
    client = _client()
    assert client.kept["timestamp"] == "22112026T003044+0732"
    call = _prove(_headers(client))
    assert call.at == NOW
    assert call.system == "000.00.00.H57"
    assert axis.stamp(NOW) == "22112026T003044+0732"


def test_values_are_those_that_were_signed_whatever_the_case_of_their_names() -> None:
    call = _prove(_headers(_client(docid="a.H57", to='["000.00.00.G22","H53"]')))
    assert call.value("docId") == "a.H57"
    assert json.loads(call.value("to")) == ["000.00.00.G22", "H53"]
    assert call.value("AgencyCode") == ""


def test_an_unsigned_header_is_as_if_it_had_not_come() -> None:
    headers = [*_headers(_client()), (b"XroadVnpt-docId", b"b.H57")]
    assert _prove(headers).value("docId") == ""


def test_two_spellings_of_one_header_that_a_client_object_kept_must_agree() -> None:
    assert _prove(_headers(_client(docid="a.H57", docId="a.H57"))).value("docId") == "a.H57"
    call = _prove(_headers(_client(docid="a.H57", docId="b.H57")))
    with pytest.raises(Refusal, match="EDX422"):
        call.value("docId")


TAMPERED: dict[str, Callable[[Headers], Headers]] = {
    "a header changed on the way": lambda found: _with(found, "docid", b"b.H57"),
    "the signed text changed": lambda found: _with(
        found, "sign-header", dict(found)[b"XroadVnpt-sign-header"].replace(b"a.H57", b"b.H57")
    ),
    "a header taken away": lambda found: [one for one in found if one[0] != b"XroadVnpt-docId"],
    "another system": lambda found: _with(found, "systemid", b"000.00.00.G22"),
    "the list of names shortened": lambda found: _with(found, "sign-header-key", b"timestamp;systemid"),
    "no proof": lambda found: [one for one in found if one[0] != b"XroadVnpt-hash-header"],
    "an empty proof": lambda found: _with(found, "hash-header", b""),
    "a proof of zeros": lambda found: _with(found, "hash-header", b"0" * 64),
    "two proofs": lambda found: [*found, (b"xroadvnpt-hash-header", b"0" * 64)],
    "two systems": lambda found: [*found, (b"xroadvnpt-systemid", b"000.00.00.G22")],
    "no signed text": lambda found: [one for one in found if one[0] != b"XroadVnpt-sign-header"],
    "a long system id": lambda found: _with(found, "systemid", b"H" * 101),
    "a signed text without end": lambda found: _with(found, "sign-header", b"{" * (axis.SIGNED_LIMIT + 1)),
    "no headers at all": lambda found: [],
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_changed_is_refused(what: str) -> None:
    headers = _headers(_client(docId="a.H57"))
    assert _prove(headers).value("docId") == "a.H57"
    _refused(TAMPERED[what](headers))


def test_another_secret_proves_nothing() -> None:
    _refused(_headers(_client()), secret="bí mật khác")
    _refused(_headers(_client()), secret="")


def _signed(text: str, names: str) -> Headers:
    """Headers over a text that no client writes, with a proof that is right."""
    proof = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    fields = {
        "systemid": "000.00.00.H57",
        "timestamp": "22112026T003044+0732",
        "sign-header-key": names,
        "sign-header": text,
        "hash-header": proof,
    }
    return [(f"XroadVnpt-{name}".encode(), value.encode()) for name, value in fields.items()]


STAMP = '"XroadVnpt-timestamp":"22112026T003044+0732"'
SYSTEM = '"XroadVnpt-systemid":"000.00.00.H57"'
ODD_TEXTS = {
    "not JSON": ("nothing", "nothing"),
    "an array": ("[1,2]", ""),
    "an array of pairs": ('[["XroadVnpt-systemid","000.00.00.H57"]]', "systemid"),
    "no system": (f"{{{STAMP}}}", "timestamp"),
    "no time stamp": (f"{{{SYSTEM}}}", "systemid"),
    "a number": (f'{{{SYSTEM},{STAMP},"XroadVnpt-docId":7}}', "systemid;timestamp;docId"),
    "null": (f'{{{SYSTEM},{STAMP},"XroadVnpt-docId":null}}', "systemid;timestamp;docId"),
    "a name without prefix": (f'{{{SYSTEM},{STAMP},"docId":"x"}}', "systemid;timestamp;docId"),
    "a name twice": (f"{{{SYSTEM},{SYSTEM},{STAMP}}}", "systemid;systemid;timestamp"),
    "two spellings of the system": (
        f'{{{SYSTEM},{STAMP},"XroadVnpt-SystemId":"000.00.00.H57"}}',
        "systemid;timestamp;SystemId",
    ),
    "nested without end": ('{"XroadVnpt-systemid":' + "[" * 100_000, "systemid"),
    "too many": (
        "{" + ",".join([SYSTEM, STAMP, *(f'"XroadVnpt-{n}":""' for n in range(axis.NAMES_LIMIT))]) + "}",
        ";".join(["systemid", "timestamp", *map(str, range(axis.NAMES_LIMIT))]),
    ),
}


@pytest.mark.parametrize("what", ODD_TEXTS)
def test_a_signed_text_that_is_none_is_refused_although_its_proof_is_right(what: str) -> None:
    _refused(_signed(*ODD_TEXTS[what]))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "22112026",
        "2026-11-22T00:30:44",
        "32112026T003044+0732",
        "22112026T003044-0732",
        "22112026T003044+1000",
        "２2112026T003044+0732",
        "22112026T003044+0732Z",
    ],
)
def test_a_time_stamp_of_another_form_is_refused(written: str) -> None:
    assert "ddMMyyyy" in _refused(_headers(_client(timestamp=written)))


@pytest.mark.parametrize(
    ("age", "known"),
    [
        (timedelta(), True),
        (timedelta(minutes=59), True),
        (timedelta(minutes=-59), True),
        (timedelta(minutes=61), False),
        (timedelta(minutes=-61), False),
        (timedelta(days=1), False),
        (timedelta(hours=7), True),  # a machine whose clock shows UTC
        (timedelta(hours=-7), False),
        (timedelta(hours=9), False),
    ],
)
def test_a_call_counts_within_its_window_by_either_clock(age: timedelta, known: bool) -> None:
    headers = _headers(_client(at=NOW - age))
    if known:
        assert abs(_prove(headers).at - NOW) <= HOUR
    else:
        _refused(headers, "EDX423")


@pytest.mark.parametrize("written", ["01010001T000000+0000", "31129999T235959+0999"])
def test_the_ends_of_the_calendar_are_outside_of_every_window(written: str) -> None:
    _refused(_headers(_client(timestamp=written)), "EDX423")


def test_letters_outside_ascii_count_as_far_as_http_carries_them() -> None:
    told = _client(description="déjà vu")
    assert _prove(_headers(told)).value("description") == "déjà vu"
    assert _prove(_headers(told, "latin-1")).value("description") == "déjà vu"
    lost = _headers(_client(description="Đã nhận"), "ascii")
    assert "ASCII" in _refused(lost)


def test_a_body_hash_counts_in_both_spellings() -> None:
    digest = bytes([0, 5, 16, 255] * 8)
    assert axis.short_hex(digest) == "0510ff" * 8
    assert axis.is_hash_of(axis.short_hex(digest), digest)
    assert axis.is_hash_of(digest.hex().upper(), digest)
    assert not axis.is_hash_of("", digest)
    assert not axis.is_hash_of(hashlib.sha256(b"").hexdigest(), digest)
    assert not axis.is_hash_of("đ", digest)


_NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
_VALUES = st.text(st.characters(codec="ascii", min_codepoint=0x20, max_codepoint=0x7E), max_size=100)
_KEPT = st.dictionaries(
    _NAMES.filter(lambda name: name.lower() not in ("systemid", "timestamp", "version")),
    _VALUES,
    max_size=20,
)


@given(_KEPT)
def test_what_a_client_signs_is_what_is_read(kept: dict[str, str]) -> None:
    call = _prove(_headers(_client(**kept)))
    for name, value in kept.items():
        assert value in call.values[name.lower()]


@given(_KEPT)
def test_what_we_sign_proves_itself(kept: dict[str, str]) -> None:
    values = {"systemid": "000.00.00.H57", "timestamp": axis.stamp(NOW), **kept}
    headers = [(name.encode(), value.encode()) for name, value in axis.signed_headers(values, SECRET.encode())]
    call = _prove(headers)
    assert all(value in call.values[name.lower()] for name, value in kept.items())


@given(_KEPT, st.data())
def test_no_flipped_bit_of_the_signed_text_passes(kept: dict[str, str], data: st.DataObject) -> None:
    headers = _headers(_client(**kept))
    text = bytearray(dict(headers)[b"XroadVnpt-sign-header"])
    at = data.draw(st.integers(0, len(text) * 8 - 1))
    text[at // 8] ^= 1 << at % 8
    _refused(_with(headers, "sign-header", bytes(text)))


_FIELDS = st.tuples(st.sampled_from([b"systemid", b"sign-header", b"hash-header", b"x"]), st.binary(max_size=40))


@given(st.lists(_FIELDS))
def test_no_headers_break_the_reading(found: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Refusal):
        _prove([(b"XroadVnpt-" + name, value) for name, value in found])


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_only_a_digest_has_its_hash(one: bytes, other: bytes) -> None:
    assert axis.is_hash_of(axis.short_hex(one), one)
    assert axis.is_hash_of(axis.short_hex(one), other) == (axis.short_hex(one) == axis.short_hex(other))
