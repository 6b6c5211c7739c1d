"""A node issues the certificates of the nodes below it, and no others: whoever is shown what it has signed beyond that
counts it for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core import pki
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.demo.tree import Tree
from edxml_router.services import trial_authority
from edxml_router.services.trial_authority import ANCHORS, ISSUING, ISSUING_KEY, KeyType
from edxml_router.services.trust import delegation
from tests.cli.conftest import call, rows
from tests.clocks import Moved
from tests.test_pipeline import PLANS
from tests.test_proof import END, SENDER, confirmed, evidence, opened

NOW = datetime.now(UTC)
Chain = Sequence[x509.Certificate]


def delegated(
    above: Path, folder: Path, serves: Sequence[str], depth: int = 0, days: int = 300, at: datetime = NOW
) -> Path:
    """An authority of a node below that in ``above``."""
    path = delegation.request_authority(folder, folder.name, serves, depth, KeyType.EC)
    asked = delegation.read_request(path.read_bytes(), path.name)
    chain = delegation.sign_request(above, asked, at, days)
    delegation.adopt(folder, write_pem(chain), (above / ANCHORS).read_bytes(), at)
    return folder


@pytest.fixture
def nation(tmp_path: Path) -> Path:
    trial_authority.init(tmp_path / "nation", NOW)
    return tmp_path / "nation"


def judged(nation: Path, chain: Chain, at: datetime = NOW) -> tuple[Chain, str]:
    """The chain as a node verifies it, and why it does not hold."""
    store = TrustStore.from_pem((nation / ANCHORS).read_bytes()).of_nodes()
    verdict = store.judge([one.public_bytes(Encoding.DER) for one in chain], at)
    return verdict.chain, verdict.finding.code if verdict.finding else ""


def test_a_province_certifies_its_nodes_down_to_a_district(nation: Path, tmp_path: Path) -> None:
    province = delegated(nation, tmp_path / "tay-ninh", ["H53.*"], depth=1)
    district = delegated(province, tmp_path / "go-dau", ["H53.31.*"])
    path = delegation.request_node(tmp_path, "xa-an-thanh", ["mq.example.vn"], ["H53.31.22"], KeyType.EC)
    chain = delegation.sign_request(district, delegation.read_request(path.read_bytes(), ""), NOW, 30)
    found, wrong = judged(nation, chain)
    assert (wrong, len(found), len(chain)) == ("", 5, 4)  # the root is not shown
    assert pki.is_of_node(found[0], "xa-an-thanh")
    assert [pki.entitled(found, code) for code in ("H53.31.22", "H53.31", "H53", "H01")] == [True, False, False, False]
    # A folder like any other: it issues, lists and revokes.
    files = trial_authority.issue_node(district, "xa-b", NOW, serves=["H53.31.23"])
    assert judged(nation, load_certificates(files.certificate))[1] == ""
    assert [row.name for row in trial_authority.issued(district)] == ["xa-an-thanh", "xa-b"]
    serial = trial_authority.issued(district)[1].serial
    trial_authority.revoke(district, serial, NOW)
    lists = [(folder / "issuing.crl.pem").read_bytes() for folder in (nation, province, district)]
    lists.append((nation / "root.crl.pem").read_bytes())
    store = TrustStore.from_pem((nation / ANCHORS).read_bytes(), b"", lists).of_nodes()
    shown = [one.public_bytes(Encoding.DER) for one in load_certificates(files.certificate)]
    verdict = store.judge(shown, NOW)
    assert verdict.finding is not None and verdict.finding.code == "EDX313"


@pytest.mark.parametrize(
    ("serves", "depth"),
    [
        (["H01"], None), (["H53.31", "H01.02"], None), (["H53"], None), (["H53.*"], None), (["H530"], None),
        (["H53.31.*"], 1), ([], None), ([], 0),
    ],
)  # fmt: skip
def test_what_an_authority_may_not_issue_it_does_not(
    nation: Path, tmp_path: Path, serves: list[str], depth: int | None
) -> None:
    """Of H53.31 and below: another's, above its own, one that begins likewise, too deep, and for nobody."""
    province = delegated(nation, tmp_path / "province", ["H53.31.*"], depth=1)
    below = tmp_path / "below"
    below.mkdir()
    if depth is None:
        path = delegation.request_node(below, "x", [], serves, KeyType.EC)
    else:
        path = delegation.request_authority(below, "x", serves, depth, KeyType.EC)
    asked = delegation.read_request(path.read_bytes(), path.name)
    with pytest.raises(Refusal, match="EDX638"):
        delegation.sign_request(province, asked, NOW, 30)
    if serves and depth is None:
        with pytest.raises(Refusal, match="EDX638"):
            trial_authority.issue_node(province, "y", NOW, serves=serves)
    with pytest.raises(Refusal, match="EDX638"):
        trial_authority.issue(province, "H53.31", NOW)  # who signs documents it does not certify at all
    assert trial_authority.issued(province) == ()


def forged(folder: Path, name: str, serves: Sequence[str], at: datetime = NOW) -> Chain:
    """What an authority signs with a program of its own."""
    issuer = pki.Issuer(load_key(folder / ISSUING_KEY), load_certificates(folder / ISSUING)[0])
    key = trial_authority.new_key().public_key()
    made = pki.node(issuer, key, name, [], serves, serial=x509.random_serial_number(), at=at, days=30)
    return [made, *load_certificates(folder / ISSUING)]


def test_what_it_signs_all_the_same_counts_for_nothing(nation: Path, tmp_path: Path) -> None:
    province = delegated(nation, tmp_path / "tay-ninh", ["H53.*"])
    wrong, _ = judged(nation, forged(province, "an-giang", ["H01", "H53"]))
    assert [pki.entitled(wrong, code) for code in ("H01", "H53")] == [False, True]
    # An authority below one that may have none.
    issuer = pki.Issuer(load_key(province / ISSUING_KEY), load_certificates(province / ISSUING)[0])
    key = trial_authority.new_key()
    deeper = pki.node_authority(issuer, key.public_key(), "deeper", ["H53.1"], serial=7, at=NOW, days=30)
    leaf = pki.node(pki.Issuer(key, deeper), key.public_key(), "x", [], ["H53.1"], serial=8, at=NOW, days=9)
    assert judged(nation, [leaf, deeper, *load_certificates(province / ISSUING)])[1] == "EDX308"
    # Beyond its own time, although the node's certificate goes on.
    assert judged(nation, forged(province, "x", ["H53.1"], NOW), NOW + timedelta(days=29))[1] == ""
    late = NOW + timedelta(days=301)
    assert judged(nation, forged(province, "x", ["H53.1"], late), late)[1] == "EDX308"
    # Documents are not signed under it, whatever the certificate says.
    shown = [one.public_bytes(Encoding.DER) for one in forged(province, "x", ["H53.1"])]
    verdict = TrustStore.from_pem((nation / ANCHORS).read_bytes()).judge(shown, NOW)
    assert verdict.finding is not None and "certifies nodes only" in verdict.finding.detail


def test_what_an_expired_authority_would_issue_is_refused(nation: Path, tmp_path: Path) -> None:
    province = delegated(nation, tmp_path / "tay-ninh", ["H53.*"], days=2)
    path = delegation.request_node(tmp_path, "x", [], ["H53.1"], KeyType.EC)
    asked = delegation.read_request(path.read_bytes(), path.name)
    [made, *_] = delegation.sign_request(province, asked, NOW, 30)
    assert made.not_valid_after_utc <= load_certificates(province / ISSUING)[0].not_valid_after_utc
    with pytest.raises(Refusal, match="EDX638"):
        delegation.sign_request(province, asked, NOW + timedelta(days=3), 30)


def test_a_request_that_is_none_is_refused(nation: Path, tmp_path: Path) -> None:
    path = delegation.request_node(tmp_path, "x", [], ["H53.1"], KeyType.EC)
    data = path.read_bytes()
    for false in (b"", data[:200], data * 3000, write_pem(load_certificates(nation / ISSUING))):
        with pytest.raises(Refusal, match="EDX903"):
            delegation.read_request(false, "request.pem")
    with pytest.raises(Refusal, match="EDX903"):  # another's certificate
        folder = tmp_path / "province"
        delegation.request_authority(folder, "province", ["H53.*"], 0, KeyType.EC)
        delegation.adopt(folder, (nation / ISSUING).read_bytes(), (nation / ANCHORS).read_bytes(), NOW)


@pytest.mark.parametrize(("prefix", "proven"), [("H01.*", True), ("H02.*", False)])
def test_an_outcome_is_proven_through_a_province_and_only_within_its_prefix(
    tmp_path: Path, prefix: str, proven: bool
) -> None:
    """Three nodes; that of the recipient has its certificate from an authority below the national one."""
    with Tree(tmp_path / "tree", PLANS) as tree:
        province = delegated(tree.pki, tmp_path / "province", [prefix], at=datetime.now(UTC))
        for end in ("key.pem", "cert.pem"):
            (tree.pki / f"{END}.{end}").unlink()
        chain = forged_files(province, tree.pki / END, ["H01"])
        assert len(chain) == 3
        with opened(tree, Moved()) as nodes:
            digest = confirmed(nodes)
            nodes.settle()
            known = evidence(nodes, SENDER, digest)
            assert known.proven == proven
            if not proven:
                assert known.doubt is not None
                assert (known.doubt.code, "does not name H01" in known.doubt.detail) == ("EDX328", True)


def forged_files(folder: Path, place: Path, serves: Sequence[str]) -> Chain:
    """Key and certificate of a node in files, whether the authority may issue it or not."""
    issuer = pki.Issuer(load_key(folder / ISSUING_KEY), load_certificates(folder / ISSUING)[0])
    key = trial_authority.new_key()
    made = pki.node(issuer, key.public_key(), place.name, [], serves, serial=9, at=datetime.now(UTC), days=30)
    chain = [made, *load_certificates(folder / ISSUING)]
    trial_authority.write_key(place.with_name(f"{place.name}.key.pem"), key)
    trial_authority.write_new(place.with_name(f"{place.name}.cert.pem"), write_pem(chain))
    return chain


def test_the_commands_lead_from_a_request_to_a_node_of_the_province(nation: Path, tmp_path: Path) -> None:
    """At the moment of the commands, which may be long after this module was read."""
    province, commune = tmp_path / "tay-ninh", tmp_path / "xa"
    wanted = call("pki", "request", province, "tay-ninh", "--authority", "--serves", "H53.*", "--json")
    [made] = rows(wanted)
    looked = call("pki", "sign", nation, made["request"])
    assert "H53.*" in looked.stdout and "--yes" in looked.stdout
    assert not (nation / "tay-ninh.cert.pem").exists()
    [signed] = rows(call("pki", "sign", nation, made["request"], "--yes", "--json"))
    assert (signed["authority"], signed["serves"]) == (True, ["H53.*"])
    assert call("pki", "adopt", province, signed["certificate"], "--anchors", nation / ANCHORS).exit_code == 0
    call("pki", "request", commune, "xa", "--serves", "H53.31")
    assert call("pki", "sign", province, commune / "xa.request.pem", "--yes").exit_code == 0
    found, wrong = judged(nation, load_certificates(province / "xa.cert.pem"), datetime.now(UTC))
    assert (wrong, pki.entitled(found, "H53.31")) == ("", True)
    call("pki", "request", commune, "y", "--serves", "H01")
    refused = call("pki", "sign", province, commune / "y.request.pem", "--yes")
    assert (refused.exit_code, "EDX638" in refused.stderr) == (1, True)
