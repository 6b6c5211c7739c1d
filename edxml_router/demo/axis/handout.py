"""The folder of the test axis: what a maker's system is set up with, and a page that says how to begin.

======================= ==========================================================================
``README.md``           what to do first, and all troubles; ``README.vi.md`` in Vietnamese
``ca.pem``              the authority of the addresses' certificate, and of all signatures
``webhook-key.txt``     the public key that verifies webhooks
``OFFICE/env.sh``       address, token and authority as variables of a shell
``OFFICE/token``        the token alone; beside it ``secret``, and keys with certificates
``OFFICE/letter.edxml`` a signed letter to the office that answers
``samples/``            a message of every kind and status, unsigned
======================= ==========================================================================
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edxml_router.demo.axis.counterpart import WRITINGS
from edxml_router.demo.axis.faults import FAULTS
from edxml_router.demo.axis.plans import ANSWERING, ANSWERING_AGENCY, PARENT, TrialOffice
from edxml_router.demo.letters import Post
from edxml_router.demo.texts import narrate
from edxml_router.services.letters import examples
from edxml_router.services.offices import webhooks
from edxml_router.wiring.agencies import load_registry

if TYPE_CHECKING:
    from edxml_router.demo.axis.trial import TrialAxis

PAGES: Final = {"en": "README.md", "vi": "README.vi.md"}
FIRST_NUMBER: Final = 1


def hand_out(axis: TrialAxis) -> None:
    """Write the folder."""
    post = Post(axis.pki)
    shutil.copy(axis.pki / "anchors.pem", axis.folder / "ca.pem")
    key = webhooks.public_keys(axis.tree.settings(PARENT))[0]
    (axis.folder / "webhook-key.txt").write_text(f"{key}\n")
    for office in axis.offices.values():
        own = axis.folder / office.name
        own.mkdir(mode=0o700)
        _credentials(axis, office, own)
        letter = post.document(office.agency, [ANSWERING_AGENCY], FIRST_NUMBER, "V/v thử nghiệm kết nối")
        (own / "letter.edxml").write_bytes(letter)
    samples = axis.folder / "samples"
    samples.mkdir()
    registry = load_registry(axis.tree.settings(PARENT))
    for name, data in examples.messages(registry, datetime.now(UTC)):
        (samples / name).write_bytes(data)
    for language, page in PAGES.items():
        (axis.folder / page).write_text("\n".join(_page(axis, language)) + "\n", encoding="utf-8")


def _credentials(axis: TrialAxis, office: TrialOffice, own: Path) -> None:
    copies = {
        f"{office.certificate}.cert.pem": "client.cert.pem",
        f"{office.certificate}.key.pem": "client.key.pem",
        f"revoked-{office.name}.cert.pem": "revoked.cert.pem",
        f"revoked-{office.name}.key.pem": "revoked.key.pem",
        f"{office.agency}.cert.pem": "agency.cert.pem",
        f"{office.agency}.key.pem": "agency.key.pem",
        f"{office.name}.secret": "secret",
    }
    for name, copy in copies.items():
        shutil.copy(axis.pki / name, own / copy)  # with its mode: keys are the account's alone
    token = own / "token"
    token.touch(mode=0o600)
    token.write_text(axis.tokens[office.name])
    script = own / "env.sh"
    script.touch(mode=0o600)
    script.write_text("".join(f"export {name}='{value}'\n" for name, value in environment(axis, office).items()))


def environment(axis: TrialAxis, office: TrialOffice) -> dict[str, str]:
    """What programs of the guide take from the environment. The authority is told to curl, Node and OpenSSL."""
    authority = str(axis.folder / "ca.pem")
    return {
        "NODE": office.url,
        "OFFICE": str(axis.folder / office.name),
        "TOKEN": axis.tokens[office.name],
        "CURL_CA_BUNDLE": authority,
        "NODE_EXTRA_CA_CERTS": authority,
        "SSL_CERT_FILE": authority,
        "SYSTEM_ID": office.system_id,
        "SECRET": office.secret,
    }


def _page(axis: TrialAxis, language: str) -> Iterator[str]:
    """What to do first, and what there is."""

    def say(key: str, **values: object) -> str:
        return narrate(language, f"axis.{key}", **values)

    yield from (f"# {say('title')}", "", say("about", answering=ANSWERING, agency=ANSWERING_AGENCY), "")
    yield from (f"## {say('first')}", "", "```sh", *first_commands(axis), "```", "", say("first_end"), "")
    yield from (f"## {say('access')}", "", f"| {say('head_access')} |", "|---|---|---|---|---|---|")
    for one in axis.offices.values():
        cells = (f"`{one.name}`", one.agency, one.url, f"`{one.name}/token`", one.system_id, f"`{one.name}/secret`")
        yield f"| {' | '.join(cells)} |"
    yield from ("", say("access_end"), "")
    yield from (f"## {say('forms')}", "", f"| {say('head_forms')} |", "|---|---|")
    for form, path in (("/v1", "/v1"), ("SDK", "/vxp"), ("LGSP", "/lgsp"), ("WSO2", "/truclienthong/v1.0.0")):
        yield f"| {form} | `{axis.offices['van-thu'].url}{path}` |"
    yield from ("", "```sh", *form_commands(), "```", "", say("forms_end"), "")
    yield from (f"## {say('writings')}", "", say("writings_about", kinds=", ".join(WRITINGS)), "", "```sh",
                control_command("POST", "letters/recall"), "```", "")  # fmt: skip
    yield from (f"## {say('troubles')}", "", say("troubles_about"), "", "```sh",
                control_command("POST", "faults/lost-answer?times=2"), control_command("GET", ""),
                control_command("DELETE", "faults"), "```", "")  # fmt: skip
    yield from (f"| {say('head_troubles')} |", "|---|---|---|")
    for name in FAULTS:
        yield f"| `{name}` | {narrate(language, f'fault.{name}')} | {narrate(language, f'task.{name}')} |"
    yield from ("", f"## {say('examine')}", "", say("examine_about"), "")
    yield from ("```console", f"$ {examination(axis)}", "```")


def examination(axis: TrialAxis) -> str:
    """The command by which the kit, as one office of the maker, examines the other."""
    kit, tested, own = axis.offices["bo-noi-vu"], axis.offices["van-thu"], axis.folder / "bo-noi-vu"
    return (
        f"edxml-router conformance {kit.url} --to {tested.agency} --token {own}/token --ca {axis.folder}/ca.pem"
        f" --sign-key {own}/agency.key.pem --sign-cert {own}/agency.cert.pem"
    )


def first_commands(axis: TrialAxis) -> list[str]:
    """From nothing to the first letter: as they stand."""
    own = axis.folder / "van-thu"
    return [
        f". {own}/env.sh",
        f"DIGEST=$(sha256sum {own}/letter.edxml | cut -c1-64)",
        f'curl -sS --fail-with-body -T {own}/letter.edxml -H "Authorization: Bearer $TOKEN"'
        ' -H "Content-Type: application/xml" "$NODE/v1/envelopes/$DIGEST"',
        'curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" "$NODE/v1/inbox?wait=30"',
    ]


def form_commands() -> list[str]:
    """A call in each form, and by certificate in place of the token, after ``env.sh``."""
    return [
        'curl -sS --fail-with-body -H "Authorization: Bearer $TOKEN" "$NODE/v1/agencies?q=tay+ninh"',
        'curl -sS --fail-with-body -H "Content-Type: application/json" "$NODE/lgsp/v1/auth/login"'
        ' -d "{\\"username\\": \\"$SYSTEM_ID\\", \\"password\\": \\"$SECRET\\"}"',
        'curl -sS --fail-with-body -u "$SYSTEM_ID:$SECRET" -d grant_type=client_credentials'
        ' "$NODE/truclienthong/v1.0.0/token"',
        'curl -sS --fail-with-body --cert "$OFFICE/client.cert.pem" --key "$OFFICE/client.key.pem" "$NODE/v1/inbox"',
        *sdk_commands(),
    ]


def sdk_commands() -> list[str]:
    """A call as the SDK signs it: its headers as one JSON text, and the HMAC of that."""
    return [
        "AT=$(TZ=ICT-7 date +%d%m%YT%H%M%S+0000)",
        """SIGNED='{"XroadVnpt-timestamp":"'$AT'","XroadVnpt-systemid":"'$SYSTEM_ID'"}'""",
        """HASH=$(printf %s "$SIGNED" | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d' ' -f1)""",
        'curl -sS --fail-with-body -H "XroadVnpt-timestamp: $AT" -H "XroadVnpt-systemid: $SYSTEM_ID"'
        ' -H "XroadVnpt-sign-header-key: timestamp;systemid" -H "XroadVnpt-sign-header: $SIGNED"'
        ' -H "XroadVnpt-hash-header: $HASH" -H "Content-Type: application/json" -d "{}"'
        ' "$NODE/vxp/countReceiveEdoc"',
    ]


def control_command(method: str, what: str) -> str:
    target = f"$NODE/axis/{what}" if what else "$NODE/axis"
    return f'curl -sS --fail-with-body -X {method} -H "Authorization: Bearer $TOKEN" "{target}"'
