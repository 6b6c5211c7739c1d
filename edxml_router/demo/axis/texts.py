"""What the test axis says, by key; see :mod:`edxml_router.demo.texts`. ``fault.NAME`` tells what a trouble does, and
``task.NAME`` what software has to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AXIS_TEXTS: Final[Mapping[str, str]] = {
    "axis.making": "A test axis in {folder} …",
    "axis.up": "The test axis is up, after {seconds:.1f} s. All that your system needs is in {folder}; read {page}.",
    "axis.up_first": "Your first letter:",
    "axis.kept": "Ctrl-C ends it; the folder stays.",
    "axis.gone": "Ctrl-C ends it, and the folder goes.",
    "axis.seen": "What comes, and what is answered:",
    "axis.cut": "no answer",
    "axis.planted": "planted: {name}",
    "axis.remedy": "{title}. {remedy}",
    "axis.act_confirmed": "confirmed {document} of {peer}",
    "axis.act_returned": "returned {document} to {peer}",
    "axis.act_silent": "says nothing to {document} of {peer}",
    "axis.act_status": "sent status {detail} about {document} to {peer}",
    "axis.act_wrote": "sent {document} to {peer} ({detail})",
    "axis.title": "Test axis",
    "axis.about": (
        "Two nodes with their gateways on this machine. Your system is an office of one of them, or both. The office "
        "`{answering}` ({agency}) answers by itself: it confirms, sends the statuses 01, 03, 04, 05 and 06, and writes "
        "back. Nothing leaves this machine. Keys, tokens and secrets here are good for nothing else."
    ),
    "axis.first": "Your first letter",
    "axis.first_end": (
        "The first answer is 201: the node answers for the letter. The second lists what has come back: statuses, and "
        "a letter in answer. Ask again with the `cursor` of the answer for the next ones."
    ),
    "axis.access": "What your system is set up with",
    "axis.head_access": "Office | Agency | Address | Token | System id | Secret",
    "axis.access_end": (
        "`ca.pem` is the authority of the addresses' certificate, and of all signatures. With `client.cert.pem` and "
        "`client.key.pem` an office logs in without a token; with `agency.key.pem` and `agency.cert.pem` it signs its "
        "letters. The node holds seals for both agencies as well, so that it can sign what is sent as JSON. "
        "`bo-noi-vu` may send letters without a signature, `van-thu` may not. `webhook-key.txt` verifies webhooks, for "
        "which the axis is started with `--webhook`. `samples` has a message of every kind."
    ),
    "axis.forms": "Every form at the same address",
    "axis.head_forms": "Form | Address",
    "axis.forms_end": (
        "The national axis's SDK takes three settings: the endpoint above, the system id and the secret. Everything "
        "else is in the guide for makers (docs/guide-office.md) and in `$NODE/v1/openapi.json`."
    ),
    "axis.writings": "Letters on request",
    "axis.writings_about": "The office that answers writes to you when you ask it to: {kinds}.",
    "axis.troubles": "Troubles on request",
    "axis.troubles_about": (
        "Each meets the next request that it fits, or the next `times`; those of the node last for `seconds`. The "
        "terminal of the axis shows what met what. Your system passes when no letter is lost, none is registered "
        "twice, and its users are told what they must do."
    ),
    "axis.head_troubles": "Trouble | What happens | What your software does",
    "axis.examine": "Have your system examined",
    "axis.examine_about": (
        "The conformance kit is `bo-noi-vu` here and writes to your system, which is `van-thu`, through every rule "
        "that it can see. It says what people at your system are to do meanwhile, and reports (`--html`, `--json`)."
    ),
    "fault.busy": "503 with Retry-After: the gateway has no room.",
    "task.busy": "Waits as long as Retry-After says and sends the same again.",
    "fault.slow": "The answer is held back for `seconds`.",
    "task.slow": "Has a time limit, does not stand still for its users, and repeats the call after it.",
    "fault.cut-upload": "The line breaks in the middle of what you send.",
    "task.cut-upload": "Sends it again; a large one goes on where it broke off (Upload-Offset).",
    "fault.damaged-upload": "A byte changes on the way to the gateway: EDX419 or EDX425.",
    "task.damaged-upload": "Sends the same letter again, instead of telling its user that it was refused.",
    "fault.lost-answer": "The request arrives and is carried out, and the line breaks before the answer.",
    "task.lost-answer": "Repeats the call with the same bytes, and takes 200 with `repeated` for what it is.",
    "fault.cut-fetch": "The line breaks in the middle of a letter that you fetch.",
    "task.cut-fetch": "Goes on with Range or fetches again, and keeps nothing half.",
    "fault.damaged-fetch": "A byte of a letter changes on the way to you.",
    "task.damaged-fetch": "Compares the SHA-256 with the letter's name, fetches again, and does not confirm.",
    "fault.broken-signature": "A letter comes with another subject, and with digests in the headers that fit it.",
    "task.broken-signature": "Sees it by the letter's name or by the signature, and registers nothing.",
    "fault.duplicate": "The last list of the inbox is answered once more.",
    "task.duplicate": "Knows letters by their names, and registers none twice.",
    "fault.expired-token": "Your token is answered as one that has expired: 401, EDX415.",
    "task.expired-token": "Stops, tells its operator, and loses nothing that waits to be sent.",
    "fault.revoked-certificate": "Your client certificate is answered as one that is revoked: EDX415.",
    "task.revoked-certificate": "As with an expired token.",
    "fault.rate-limit": "Two requests a minute are allowed for `seconds`: 429 with Retry-After, EDX417.",
    "task.rate-limit": "Waits as long as Retry-After says, and asks with `wait` in place of a loop.",
    "fault.clock-off": "The time stamps of all calls of the SDK are too old for `seconds`: EDX423.",
    "task.clock-off": "Makes a new client object for each round, and tells its operator to set the clock.",
    "fault.crash": "The node is killed with `kill -9` and started again.",
    "task.crash": "Dials again; what was accepted is there, and what was not is sent again.",
    "fault.refusal": "The recipient receives your letter and refuses it by status 02.",
    "task.refusal": "Shows its user the refusal and its reason.",
    "fault.return": "The recipient's system sends your letter back: `returned`, EDX801.",
    "task.return": "Shows its user that the letter came back, and why; sends nothing by itself.",
    "fault.silence": "The recipient does not confirm your letter.",
    "task.silence": "Shows it as under way, not as delivered; it can be recalled.",
    "fault.webhook-error": "A call to your webhook is answered 500 in your receiver's place.",
    "task.webhook-error": "Misses nothing: the call comes again after five seconds.",
    "fault.webhook-twice": "A call to your webhook comes twice with the same webhook-id.",
    "task.webhook-twice": "Does nothing twice.",
}
