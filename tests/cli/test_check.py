"""``edxml-router check``, ``sign`` and ``pki``: files, without a node."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edxml_router.core.problems import PROBLEMS
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.credentials import keys
from edxml_router.services import trial_authority
from tests import fixtures
from tests.cli.conftest import OneNode, call, rows, run, signed
from tests.shapes import code_of


def put(name: str, data: bytes) -> Path:
    path = Path(name)
    path.write_bytes(data)
    return path


def test_the_verdict_on_a_document(pki: Path) -> None:
    data = fixtures.document(sender="H53", to=["G22", "H01"], document_id="H53-1")
    result = call("check", put("a.edxml", signed(pki, data)), "--anchors", pki / "anchors.pem", "--json")
    assert result.exit_code == 0
    [row] = rows(result)
    signature = row.pop("signature")
    assert (signature["indication"], signature["reason"], signature["coverage"]) == ("passed", "ok", "whole")
    assert signature["signer"]["subject"].startswith("CN=H53,")
    assert {key: row[key] for key in ("file", "accepted", "problem", "kind", "business", "sender")} == {
        "file": "a.edxml", "accepted": True, "problem": None, "kind": "document", "business": 0,
        "sender": "H53",
    }  # fmt: skip
    assert (row["recipients"], row["document_id"], row["remarks"]) == (["G22", "H01"], "H53-1", [])
    assert [(one["name"], one["size"]) for one in row["attachments"]] == [("cong-van.pdf", len(fixtures.PDF))]


def test_a_status_and_what_is_unusual_in_it() -> None:
    data = fixtures.status(sender="G22", timestamp="22/11/2026 09:00")
    [row] = rows(call("check", put("s.edxml", data), "--json"))
    assert (row["accepted"], row["kind"], row["status_code"], row["attachments"]) == (True, "status", "01", [])
    assert [remark["code"] for remark in row["remarks"]] == ["EDX203", "EDX501"]  # the catalogue has no H53.02


def test_one_object_per_file_and_1_when_any_is_refused() -> None:
    good, bad = put("good.edxml", fixtures.document()), put("bad.edxml", b"<!DOCTYPE x><x/>")
    result = call("check", good, bad, "not-there.edxml", ".", "--json")
    assert result.exit_code == 1
    said = [(row["file"], row["accepted"], code_of(row)) for row in rows(result)]
    assert said == [
        ("good.edxml", True, None),
        ("bad.edxml", False, "EDX104"),
        ("not-there.edxml", False, "EDX111"),
        (".", False, "EDX111"),
    ]


def test_standard_input() -> None:
    result = call("check", "-", "--json", given=fixtures.document())
    assert (result.exit_code, rows(result)[0]["file"]) == (0, "-")


def test_a_problem_takes_three_lines_in_either_language() -> None:
    put("bad.edxml", b'<?xml version="1.0"?>\n<!DOCTYPE x><x/>')
    english, vietnamese = call("check", "bad.edxml"), call("check", "bad.edxml", "--lang", "vi")
    assert rows(call("check", "bad.edxml", "--json"))[0]["problem"]["actor"] == "sender"
    assert english.stdout.splitlines()[:3] == [
        "bad.edxml: refused",
        "EDX104 The envelope contains a document type declaration",
        "  where   bad.edxml, line 2, column 1",
    ]
    assert english.stdout.splitlines()[3].startswith("  remedy  the sender: Remove <!DOCTYPE …>")
    assert vietnamese.stdout.splitlines()[:3] == [
        "bad.edxml: từ chối",
        "EDX104 Gói tin chứa khai báo DTD",
        "  nơi    bad.edxml, dòng 2, cột 1",
    ]
    assert vietnamese.stdout.splitlines()[3].startswith("  xử lý  bên gửi: Bỏ <!DOCTYPE …>")


def test_the_schema_is_explained() -> None:
    data = fixtures.document(replace={"<edXML:Subject>": "<edXML:Title>", "</edXML:Subject>": "</edXML:Title>"})
    result = call("check", put("bad.edxml", data), "--json")
    [row] = rows(result)
    assert code_of(row) == "EDX201"
    assert row["expected"][0]["found"] == "Title"
    assert "Title" in call("check", "bad.edxml").stdout


# --- whose signature counts ---------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", list(Coverage))
@pytest.mark.parametrize(
    ("options", "accepted", "indication", "reason"),
    [
        ([], True, "indeterminate", "chain-unknown"),
        (["--require-signature"], False, "indeterminate", "chain-unknown"),
        (["--anchors", "{pki}/anchors.pem"], True, "passed", "ok"),
        (["--anchors", "{pki}/anchors.pem", "--require-signature"], True, "passed", "ok"),
        (["--anchors", "{pki}/H53.cert.pem"], False, "indeterminate", "chain-unknown"),
    ],
)
def test_a_good_signature(
    pki: Path, coverage: Coverage, options: list[str], accepted: bool, indication: str, reason: str
) -> None:
    file = put("a.edxml", signed(pki, fixtures.document(sender="H53", ids=True), coverage=coverage))
    result = call("check", file, *(option.format(pki=pki) for option in options), "--json")
    [row] = rows(result)
    assert (row["accepted"], row["signature"]["indication"], row["signature"]["reason"]) == (
        accepted, indication, reason
    )  # fmt: skip
    assert result.exit_code == (0 if accepted else PROBLEMS[code_of(row) or ""].exit_status)


@pytest.mark.parametrize("options", [[], ["--anchors", "{pki}/anchors.pem"]])
def test_a_changed_document_is_refused_with_and_without_anchors(pki: Path, options: list[str]) -> None:
    data = signed(pki, fixtures.document(sender="H53")).replace(b"UBND-VP", b"UBND-VX")
    result = call("check", put("a.edxml", data), *(option.format(pki=pki) for option in options), "--json")
    [row] = rows(result)
    assert (row["accepted"], code_of(row), row["signature"]["indication"]) == (False, "EDX302", "failed")


def test_what_old_software_signed_is_only_refused_where_a_signature_is_required(pki: Path) -> None:
    legacy = "<Signature><SignedInfo/></Signature>"
    file = put("old.edxml", fixtures.document(signature=legacy))
    for options, accepted in (([], True), (["--anchors", pki / "anchors.pem"], True), (["--require-signature"], False)):
        [row] = rows(call("check", file, *options, "--json"))
        assert (row["accepted"], row["signature"]["reason"]) == (accepted, "unverifiable-legacy")


def test_unsigned_is_refused_where_a_signature_is_required() -> None:
    file = put("a.edxml", fixtures.document())
    [row] = rows(call("check", file, "--require-signature", "--json"))
    assert (row["accepted"], code_of(row), row["signature"]["indication"]) == (False, "EDX301", "absent")


def test_anchors_that_cannot_be_read_are_a_mistake_of_the_call() -> None:
    put("a.edxml", fixtures.document())
    put("junk.pem", b"junk")
    for anchors in ("junk.pem", "not-there.pem"):
        result = call("check", "a.edxml", "--anchors", anchors)
        assert (result.exit_code, result.stderr[:6]) == (78, "EDX902")


def test_files_beside_the_envelope_are_named_as_typed_with_what_is_wanted() -> None:
    put("a.edxml", fixtures.document())
    put("junk.pem", b"junk")
    put("nothing.pem", b"")
    for option, name in (("--anchors", "junk.pem"), ("--anchors", "nothing.pem"), ("--intermediates", "junk.pem"),
                         ("--crl", "junk.pem"), ("--anchors", "not-there.pem")):  # fmt: skip
        result = call("check", "a.edxml", option, name)
        what, where, remedy = result.stderr.splitlines()
        assert (result.exit_code, what[:6], where) == (78, "EDX902", f"  where   {name}")
        assert "PEM" in remedy


def test_an_empty_file_is_told_from_one_that_is_no_xml() -> None:
    def detail(data: bytes) -> str:
        [row] = rows(call("check", put("any", data), "--json"))
        assert code_of(row) == "EDX101"
        return str(row["problem"]["detail"])

    assert detail(b"") == "the file is empty (0 bytes)"
    assert detail(b"hello") == detail(b"{}") == "does not begin with <"
    assert detail(b"<?xml version='1.0'?>\nhello") == detail(b" \n") == "no element begins here"


def test_the_remedy_of_check_does_not_send_the_reader_to_check() -> None:
    file = put("a.edxml", fixtures.document(replace={"edXML:From>": "edXML:Frm>"}))
    [row] = rows(call("check", file, "--json"))
    shown = call("check", file)
    for said in (shown.stdout, row["problem"]["remedy"], call("check", file, "--lang", "vi").stdout):
        assert "edxml-router check" not in said
    assert code_of(row) == "EDX201"
    assert "listed below" in shown.stdout
    assert shown.stdout.splitlines()[4].startswith("    /")  # what was expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_the_bytes_there_is_a_verdict(data: bytes) -> None:
    result = call("check", put("any", data), "--json")
    [row] = rows(result)
    assert result.exit_code == 1
    assert row["problem"]["code"].startswith("EDX1")


# --- sign and pki -------------------------------------------------------------------------------------


def test_the_way_of_a_newcomer() -> None:
    """The real commands: an authority, a certificate, a signature, and the verdict."""
    assert run("pki", "init", "pki").returncode == 0
    done = run("pki", "issue", "pki", "--agency", "000.00.01.H53", "--key-type", "rsa", "--json")
    assert done.returncode == 0, done.stderr
    assert Path("pki/000.00.01.H53.key.pem").stat().st_mode & 0o777 == 0o600
    put("a.edxml", fixtures.document(sender="000.00.01.H53"))
    key, cert = "pki/000.00.01.H53.key.pem", "pki/000.00.01.H53.cert.pem"
    for parts in ([], ["--parts"]):
        done = run("sign", "a.edxml", "--key", key, "--cert", cert, *parts, "-o", "b.edxml")
        assert done.returncode == 0, done.stderr
        done = run("check", "b.edxml", "--anchors", "pki/anchors.pem", "--require-signature")
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("b.edxml: accepted")
    done = run("check", "b.edxml", "--crl", "pki/issuing.crl.pem", "--crl", "pki/root.crl.pem",
               "--anchors", "pki/anchors.pem", "--require-signature", LC_ALL="vi_VN.UTF-8")  # fmt: skip
    assert "hợp lệ" in done.stdout


def test_a_revoked_certificate_is_refused() -> None:
    call("pki", "init", "pki")
    call("pki", "issue", "pki", "--agency", "H53")
    put("a.edxml", signed(Path("pki"), fixtures.document(sender="H53")))
    [row] = rows(call("pki", "list", "pki", "--json"))
    assert call("pki", "revoke", "pki", row["serial"]).exit_code == 0
    lists = ("--crl", "pki/issuing.crl.pem", "--crl", "pki/root.crl.pem")
    [row] = rows(call("check", "a.edxml", "--anchors", "pki/anchors.pem", *lists, "--json"))
    assert (code_of(row), row["signature"]["indication"]) == ("EDX313", "failed")
    assert call("pki", "revoke", "pki", "ffff").exit_code == 66


def test_signing_to_standard_output(pki: Path) -> None:
    data = fixtures.document(sender="H53")
    put("a.edxml", data)
    result = call("sign", "a.edxml", "--key", pki / "H53.key.pem", "--cert", pki / "H53.cert.pem", "-o", "-")
    assert result.stdout_bytes == signed(pki, data)


def test_signing_does_not_overwrite_what_it_reads(pki: Path) -> None:
    put("a.edxml", fixtures.document(sender="H53"))
    key, cert = (put(name, (pki / name).read_bytes()) for name in ("H53.key.pem", "H53.cert.pem"))
    key.chmod(0o600)
    Path("link.edxml").symlink_to("a.edxml")
    for output in ("a.edxml", "./a.edxml", "link.edxml", key, cert):
        before = Path(output).read_bytes()
        result = call("sign", "a.edxml", "--key", key, "--cert", cert, "-o", output)
        assert (result.exit_code, result.stderr[:6]) == (1, "EDX908")
        assert result.stderr.splitlines()[1] == f"  where   {Path(output)}"
        assert Path(output).read_bytes() == before


def test_a_key_that_others_can_read_is_not_used(pki: Path) -> None:
    put("a.edxml", fixtures.document(sender="H53"))
    key = put("open.key.pem", (pki / "H53.key.pem").read_bytes())
    key.chmod(0o644)
    result = call("sign", "a.edxml", "--key", key, "--cert", pki / "H53.cert.pem", "-o", "b.edxml")
    assert (result.exit_code, result.stderr[:6]) == (78, "EDX903")
    assert not Path("b.edxml").exists()


def test_the_key_of_another_is_not_used(pki: Path) -> None:
    put("a.edxml", fixtures.document(sender="H53"))
    key, cert = pki / "G22.key.pem", pki / "H53.cert.pem"
    result = call("sign", "a.edxml", "--key", key, "--cert", cert, "-o", "b.edxml")
    assert result.exit_code == 78
    assert result.stderr.splitlines()[:2] == [
        "EDX903 A private key or a password file cannot be used, or others can read it: "
        "the key does not belong to the first certificate",
        f"  where   {key}, {cert}",
    ]


def test_what_cannot_be_signed_is_named_with_its_file(pki: Path) -> None:
    put("a.edxml", signed(pki, fixtures.document(sender="H53")))
    result = call("sign", "a.edxml", "--key", pki / "H53.key.pem", "--cert", pki / "H53.cert.pem", "-o", "b.edxml")
    assert (result.exit_code, result.stderr[:6]) == (1, "EDX304")
    assert result.stderr.splitlines()[1].startswith("  where   a.edxml, /edXML/")


def test_pki_asks_for_what_it_needs() -> None:
    call("pki", "init", "pki")
    assert call("pki", "init", "pki").stderr.startswith("EDX908")
    assert call("pki", "issue", "pki").exit_code == 2
    assert call("pki", "issue", "pki", "--agency", "H53", "--host", "a.example.vn").exit_code == 2
    assert call("pki", "issue", "pki", "--agency", "../../etc").stderr.startswith("EDX503")
    assert call("pki", "issue", "elsewhere", "--agency", "H53").exit_code == 66
    [row] = rows(call("pki", "issue", "pki", "--node", "tay-ninh", "--host", "mq.example.vn", "--json"))
    assert row["certificate"] == "pki/tay-ninh.cert.pem"


def test_json_for_a_terminal_holds_no_characters_that_drive_it() -> None:
    hostile = "V/v \x9b2J\x7f\u202egnp\u061c\u2028"
    path = put("tên\u202e\x1b[31m.edxml", fixtures.document(subject=hostile, sender="H53", document_id="H53\x9b-1"))
    result = call("check", path, "--json")
    assert not [each for each in result.stdout.rstrip("\n") if unicodedata.category(each) in {"Cc", "Cf", "Zl"}]
    assert rows(result)[0]["file"] == str(path)


@pytest.mark.parametrize(
    ("recipients", "code"),
    [(["H53,G22"], "EDX503"), (["G22", "000.00.00.G22"], "EDX207"), (["H53.01.", "G22"], "EDX503")],
)
def test_codes_that_no_node_takes_are_refused_as_a_node_does(node: OneNode, recipients: list[str], code: str) -> None:
    data = fixtures.document(sender="H53", to=recipients)
    [row] = rows(call("check", put("a.edxml", data), "--json"))
    assert (row["accepted"], code_of(row)) == (False, code)
    answer = call("--config", node.config, "send", put("b.edxml", signed(node.pki, data)), "--as", "vp", "--json")
    assert rows(answer)[0]["problem"]["code"] == code


def test_a_code_that_a_catalogue_must_know(node: OneNode) -> None:
    """The program's own catalogue does not know every agency; that of a node decides for that node."""
    file = put("a.edxml", signed(node.pki, fixtures.document(sender="H53", to=["H53.77"])))
    [row] = rows(call("check", file, "--json"))
    assert (row["accepted"], [remark["code"] for remark in row["remarks"]]) == (True, ["EDX501"])
    [row] = rows(call("check", file, "--json", "--config", node.config))
    assert (row["accepted"], code_of(row), row["problem"]["where"]) == (False, "EDX501", "recipient 1")
    [answer] = rows(node.call("send", file, "--as", "vp", "--json"))
    assert (answer["problem"]["code"], answer["problem"]["where"]) == (code_of(row), row["problem"]["where"])


@pytest.mark.parametrize("options", [["--require-signature"], []])
def test_the_signature_of_another_agency_is_refused(pki: Path, options: list[str]) -> None:
    data = signed(pki, fixtures.document(sender="H57", to=["G22"], document_id="H57-1"))  # with the key of H53
    for anchors in (["--anchors", pki / "anchors.pem"], []):
        if options and not anchors:
            continue
        result = call("check", put("a.edxml", data), *options, *anchors, "--json")
        [row] = rows(result)
        assert (result.exit_code, row["accepted"], row["outcome"], code_of(row)) == (1, False, "refused", "EDX402")
        assert row["authority"] == "contradicts-sender"


def test_a_certificate_without_a_code_is_not_judged(pki: Path) -> None:
    """Only a node's table of bindings knows; such a file is never plainly accepted."""
    issued = trial_authority.issue_node(pki, "nobody", datetime.now(UTC))
    chain = keys.load_certificates(issued.certificate)
    data = signing.sign_document(
        fixtures.document(sender="H53", to=["G22"]), keys.load_key(issued.key), chain, Coverage.WHOLE
    )
    file = put("a.edxml", data)
    [row] = rows(call("check", file, "--require-signature", "--anchors", pki / "anchors.pem", "--json"))
    assert (row["accepted"], row["outcome"], row["signature"]["indication"]) == (False, "not-judged", "passed")
    said = call("check", file, "--require-signature", "--anchors", pki / "anchors.pem").stdout
    assert "a.edxml: not judged" in said
    assert "accepted" not in said


def test_a_node_that_is_named_brings_its_anchors(node: OneNode, pki: Path, tmp_path: Path) -> None:
    """Else a letter that nobody vouches for is accepted here and refused there."""
    strange = tmp_path / "strange"
    trial_authority.init(strange, datetime.now(UTC))
    trial_authority.issue(strange, "H53", datetime.now(UTC))
    letter = fixtures.document(sender="H53", to=["G22"])
    for authority, answer in ((pki, (0, True, None)), (strange, (1, False, "EDX308"))):
        result = call("check", put("a.edxml", signed(authority, letter)), "--config", node.config, "--json")
        [row] = rows(result)
        assert (result.exit_code, row["accepted"], code_of(row)) == answer
        [said] = rows(node.call("send", "a.edxml", "--as", "vp", "--json"))
        assert (said["accepted"], code_of(said)) == answer[1:]


@pytest.mark.parametrize(("option", "name"), [("--crl", "issuing.crl.pem"), ("--intermediates", "issuing.cert.pem")])
def test_a_list_that_would_count_for_nothing_is_a_mistake_of_the_call(pki: Path, option: str, name: str) -> None:
    """Without anchors no chain is followed, and a revoked signer would be accepted with its list beside it."""
    file = put("a.edxml", signed(pki, fixtures.document(sender="H53", to=["G22"])))
    result = call("check", file, option, pki / name)
    assert (result.exit_code, "go with --anchors" in result.stderr) == (2, True)


def test_a_blocked_agency_sends_nothing_signed_or_not(node: OneNode, pki: Path) -> None:
    assert node.call("trust", "block", "H53", "--reason", "lost its key").exit_code == 0
    letter = fixtures.document(sender="000.00.00.H53", to=["G22"])
    for data in (letter, signed(pki, letter)):
        [row] = rows(call("check", put("a.edxml", data), "--config", node.config, "--json"))
        assert (row["outcome"], code_of(row), row["authority"]) == ("refused", "EDX409", None)
