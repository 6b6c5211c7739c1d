"""A document is found by what a caller says of it, and its way is told hop by hop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from edxml_router.config import load
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop
from edxml_router.core.problems import Refusal
from edxml_router.services import trial_authority
from edxml_router.services.following import searching
from edxml_router.services.following.picture import delay_text, way_in_words, way_picture
from edxml_router.services.following.searching import FoundDocuments, search
from edxml_router.services.following.way import WayStep, way, whole_time
from edxml_router.services.node import serving
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode
from tests.letters.conftest import AGENCIES, Desk, letter

NOON = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)


def envelope(*hops: Hop) -> EnvelopeRow:
    values = {"digest": "ab" * 32, "identity": "", "kind": "document", "business": 0, "sender": "H01.151",
              "document_id": "H01.151,2026/11/27,125/UBND-VP", "refers_to": (), "status_code": "", "size": 1,
              "attachments": 0, "urgent": False, "accepted_at": NOON, "expires_at": NOON, "peer": "xa",
              "channel": "http", "indication": "passed", "reason": "", "signer": ""}  # fmt: skip
    return EnvelopeRow(**values, hops=hops)  # type: ignore[arg-type]


def delivery(state: State, at: datetime, **fields: object) -> Delivery:
    one = Delivery(1, "ab" * 32, "G22", state, Route.link("h01"), Route.office("xa"), 0, 1, False, at, at, False, "",
                   "", at, 1)  # fmt: skip
    return replace(one, **fields)  # type: ignore[arg-type]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


FIRST = Hop("xa", NOON)


@pytest.mark.parametrize(
    ("told", "places"),
    [
        ((), ["xa", "G22"]),
        ((Hop("h01", after(2)), Hop("goc", after(5))), ["xa", "h01", "goc", "G22"]),  # what receipts add
        ((FIRST, Hop("h01", after(2))), ["xa", "h01", "G22"]),  # the whole way once more
    ],
)
def test_a_way_has_each_node_once_and_ends_at_the_recipient(told: tuple[Hop, ...], places: list[str]) -> None:
    steps = way(envelope(FIRST), delivery(State.CONFIRMED, after(9), ended_at=after(9)), {"G22": told})
    assert [step.place for step in steps] == places
    assert whole_time(steps) == timedelta(seconds=9)
    assert sum((step.delay or timedelta() for step in steps), timedelta()) == timedelta(seconds=9)


def test_what_is_under_way_has_no_end_yet_and_says_where_it_goes() -> None:
    *_, end = way(envelope(FIRST), delivery(State.DEFERRED, after(60)), {})
    assert (end.at, end.delay, end.next_hop) == (None, None, "link:h01")


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("state", list(State))
def test_the_picture_is_well_formed_escaped_and_read_aloud(state: State, language: str) -> None:
    evil = '</text><script>alert("Đắk")</script>'
    steps = [WayStep(evil, NOON), WayStep("goc", after(-3), timedelta(seconds=-3))]
    steps.append(WayStep(evil, None, None, state, evil))
    text = way_picture(steps, language)
    assert "<script" not in text
    root = ET.fromstring(text)  # noqa: S314  # our own
    assert root.get("role") == "img"
    assert {child.tag.rpartition("}")[2] for child in root} == {"title", "desc", "line", "circle", "text"}
    said = "".join(root.itertext())
    assert evil[:20] in said
    assert way_in_words(steps, language) in said
    assert ("-3,0 giây" if language == "vi" else "-3.0 s") in said
    assert "stroke-dasharray" in text  # the part that nobody has told of yet


def test_a_long_way_is_cut_and_keeps_its_end() -> None:
    steps = [WayStep(f"n{number}", after(number), timedelta(seconds=1)) for number in range(40)]
    text = way_picture([*steps, WayStep("G22", after(41), timedelta(seconds=1), State.CONFIRMED)], "en")
    assert text.count("<circle") == 12
    assert "G22" in text


@pytest.mark.parametrize(
    ("seconds", "english", "vietnamese"),
    [(0.04, "0.0 s", "0,0 giây"), (61, "1 min 1 s", "1 phút 1 giây"), (93784, "1 d 2 h", "1 ngày 2 giờ"),
     (-7200, "-2 h", "-2 giờ")],
)  # fmt: skip
def test_a_delay_is_said_as_people_do(seconds: float, english: str, vietnamese: str) -> None:
    assert [delay_text(language, timedelta(seconds=seconds)) for language in ("en", "vi")] == [english, vietnamese]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StoredNode, str]]:
    """A node that has accepted three documents; the digest of the first."""
    folder: Path = tmp_path_factory.mktemp("following")
    own_pki = folder / "pki"
    trial_authority.init(own_pki, datetime.now(UTC))
    for agency in AGENCIES:
        trial_authority.issue(own_pki, agency, datetime.now(UTC))
    file = folder / "node.toml"
    seals = "".join(
        f'\n[[seals]]\nagency = "{code}"\nkey = "{own_pki}/{code}.key.pem"\ncertificate = "{own_pki}/{code}.cert.pem"\n'
        for code in ("H01.151", "H01")
    )
    file.write_text(
        f'[node]\nname = "h01"\n[trust]\nanchors = "{own_pki / "anchors.pem"}"\n'
        f'[[offices]]\nname = "xa"\nagencies = ["H01.151"]\n'
        f'[[offices]]\nname = "tinh"\nagencies = ["H01", "G22"]\n{seals}',
        encoding="utf-8",
    )
    serving.make(file)
    with node_of(load(file)) as node:
        desk = Desk(load(file), node)
        digest = desk.send("xa", "letter", letter()).digest
        desk.send("xa", "letter", letter(number="126", notation="QĐ-UBND", recipients=["G22"]))
        desk.send("tinh", "letter", letter(number="125", notation="BC-STC", sender="H01", recipients=["G22"]))
        node.number_journal()
        yield node, digest


def asked(node: StoredNode, text: str) -> FoundDocuments:
    return search(node.ledger.views, node.rules.registry, text, datetime.now(UTC) + timedelta(seconds=5))


def numbers(found: FoundDocuments) -> set[str]:
    return {one.envelope.document_id.rpartition(",")[2] for one in found.documents}


def test_a_document_is_found_by_anything_that_a_caller_says(kept: tuple[StoredNode, str]) -> None:
    node, digest = kept
    everything = {"125/UBND-VP", "126/QĐ-UBND", "125/BC-STC"}
    day = datetime.now(UTC).astimezone().strftime("%d/%m/%Y")
    name = next(one.name for one in node.rules.registry if one.code == "H01.151")
    said = {
        "": everything,
        "  ": everything,
        digest: {"125/UBND-VP"},
        digest[:8].upper(): {"125/UBND-VP"},
        "125": {"125/UBND-VP", "125/BC-STC"},
        "số 125/UBND-VP": {"125/UBND-VP"},
        "Công văn số 125 ubnd-vp": {"125/UBND-VP"},
        "0126/qd-ubnd": {"126/QĐ-UBND"},
        "H01.151": {"125/UBND-VP", "126/QĐ-UBND"},
        name: {"125/UBND-VP", "126/QĐ-UBND"},
        f"125 của {name}": {"125/UBND-VP"},
        "van phong chinh phu": everything,
        f"ngày {day}": everything,
        f"125 BC-STC {day}": {"125/BC-STC"},
        "01/01/2024": set(),
        "EDX505": set(),
    }
    for text, expected in said.items():
        found = asked(node, text)
        assert numbers(found) == expected, text
        assert found.meant, text
    whole_id = asked(node, "").documents[-1].envelope.document_id
    assert numbers(asked(node, whole_id)) == {whole_id.rpartition(",")[2]}


def test_the_newest_come_first_and_what_is_left_out_is_said(kept: tuple[StoredNode, str]) -> None:
    node, _ = kept
    found = search(node.ledger.views, node.rules.registry, "125", datetime.now(UTC) + timedelta(seconds=5), limit=1)
    assert numbers(found) == {"125/BC-STC"}
    assert found.more


@pytest.mark.parametrize("text", ["nobody is called so", "của", "' OR 1=1 --", "%", "<b>x</b>"])
def test_what_means_nothing_is_refused(kept: tuple[StoredNode, str], text: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(kept[0], text)
    assert refused.value.code == "EDX606"


def test_words_that_too_many_agencies_have_are_refused(
    kept: tuple[StoredNode, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_AGENCIES", 1)
    with pytest.raises(Refusal, match="more than 1 agencies") as refused:
        asked(kept[0], "tinh")
    assert refused.value.code == "EDX418"


def test_a_text_without_end_is_cut(kept: tuple[StoredNode, str]) -> None:
    with pytest.raises(Refusal):
        asked(kept[0], "x" * 1_000_000)
