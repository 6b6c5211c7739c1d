"""What the commands say, by key: table heads, sentences, questions. Here in English; the catalogues have the rest.

``say("vi", "queue.done", count=3)``. Titles and remedies of problems come from the problem table, help texts from the
commands. The language is ``--lang``, else the locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG`` beginning with ``vi``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edxml_router.language import catalogues
from edxml_router.language.doctor_texts import DOCTOR_TEXTS
from edxml_router.language.flow_texts import FLOW_TEXTS
from edxml_router.language.link_texts import LINK_TEXTS
from edxml_router.language.people_texts import PEOPLE_TEXTS
from edxml_router.language.replay_texts import REPLAY_TEXTS
from edxml_router.language.retention import RETENTION_TEXTS
from edxml_router.language.upkeep_texts import UPKEEP

LANGUAGES: Final = ("en", "vi")

TEXTS: Final[Mapping[str, str]] = {
    # errors: three lines
    "error.where": "where",
    "error.remedy": "remedy",
    "error.remark": "remark",
    # columns
    "table.left_out": "Not shown here: {columns} (--wide shows all).",
    "col.act": "act",
    "col.account": "who",
    "col.agency": "agency",
    "col.at": "time",
    "col.authority": "authority",
    "col.attempts": "attempts",
    "col.check": "check",
    "col.code": "code",
    "col.count": "count",
    "col.compared": "compared",
    "col.gaps": "gaps",
    "col.days": "days",
    "col.detail": "detail",
    "col.document": "document",
    "col.due": "next",
    "col.envelope": "envelope",
    "col.event": "event",
    "col.expires": "expires",
    "col.token": "token",
    "col.office": "office",
    "col.scopes": "scopes",
    "col.note": "note",
    "col.file": "file",
    "col.fingerprint": "SHA-256 of the certificate",
    "col.group": "which",
    "col.id": "no.",
    "col.issued": "issued",
    "col.kind": "kind",
    "col.letter": "letter",
    "col.level": "level",
    "col.line": "line",
    "col.entries": "entries",
    "col.cosigned": "cosigned of ours",
    "col.name": "name",
    "col.node": "node",
    "col.outcome": "outcome",
    "col.place": "place",
    "col.problem": "problem",
    "col.proof": "proof",
    "col.recipient": "recipient",
    "col.result": "result",
    "col.route": "route",
    "col.revoked": "revoked",
    "col.sender": "sender",
    "col.serial": "serial",
    "col.setting": "setting",
    "col.signature": "signature",
    "col.size": "bytes",
    "col.source": "from",
    "col.state": "state",
    "col.status": "status",
    "col.reason": "reason",
    "col.since": "since",
    "col.subject": "key or agency",
    "col.turn": "turn",
    "col.until": "until",
    "col.value": "value",
    "yes": "yes",
    "no": "no",
    # fields of one delivery, or of one quarantined item
    "field.asked_at": "asked about last",
    "field.at": "time",
    "field.attempts": "attempts",
    "field.channel": "channel",
    "field.code": "problem",
    "field.count": "times it came",
    "field.detail": "detail",
    "field.digest": "envelope (SHA-256)",
    "field.document_id": "document",
    "field.due_at": "next attempt",
    "field.ended_at": "ended",
    "field.expires_at": "expires",
    "field.far_accepted": "accepted by the next node",
    "field.generation": "opened, times",
    "field.handed_at": "handed over",
    "field.id": "no.",
    "field.kept": "bytes kept",
    "field.lapses": "unfinished attempts",
    "field.last_at": "last time",
    "field.number": "no.",
    "field.origin": "from",
    "field.peer": "who",
    "field.recipient": "recipient",
    "field.route": "route",
    "field.size": "bytes",
    "field.state": "state",
    "field.updated_at": "changed",
    "field.urgent": "urgent",
    "field.where": "place",
    # check
    "check.accepted": "accepted",
    "check.not-judged": (
        "not judged: only a node's table of bindings knows whether this certificate speaks for the sender"
    ),
    "check.refused": "refused",
    "check.working": "checking",
    "check.summary": "{accepted} accepted, {not_judged} not judged, {refused} refused, {unread} not read",
    "check.unread": "not read",
    "check.expected": "Correct the element named; what was expected there is listed below.",
    "check.correct": "Correct the element named; docs/messages.md describes what belongs there.",
    "kind.document": "document",
    "kind.status": "status",
    "business.0": "new",
    "business.1": "recall",
    "business.2": "update",
    "business.3": "replace",
    "signature.passed": "passed",
    "signature.failed": "failed",
    "signature.indeterminate": "indeterminate",
    "signature.absent": "absent",
    "check.signature": "signature",
    "check.attachments": "attachments: {count}",
    # sign, pki, init
    "sign.done": "signed: {file} (SHA-256 {digest})",
    "pki.made": "The authority is in {folder}; its anchors are {anchors}.",
    "pki.throwaway": "It is for demonstrations, tests and pilots: its keys lie in this folder without a password.",
    "pki.issued": "{agency}: {key}, {certificate}",
    "init.done": "The configuration is {file}.",
    "init.next": "Next: edit it, then `edxml-router --config {file} doctor` and `edxml-router --config {file} serve`.",
    "service.would-write": "Would write {file}:",
    "service.written": "Written: {file}",
    "service.would-run": "Would run: {command}",
    "service.unchanged": "Every file is there, and as it should be.",
    "service.next": (
        "Next, unless there is a node already: `edxml-router init {folder} --data {data} --name NAME`, edit "
        "{folder}/node.toml, and call this again with --replace. Then `systemctl enable --now edxml-router`."
    ),
    "link.next": (
        "Next: add {here}/node.toml.part (if it is there) to {file}, give {here}/definitions.json (if it is there) to "
        "`rabbitmqctl import_definitions`, make the node reload (SIGHUP), and hand {there} over in a safe way."
    ),
    "link.child_unproven": (
        "Still to be done: receipts of {name} do not count here (EDX411) until its section names its certificate, or "
        "an authority for it. Ask for the certificate that goes with its node.key, or make the link with --pki."
    ),
    "link.own_unproven": (
        "Still to be done: this node has no node.certificate, so {name} cannot count its receipts (EDX411). Set "
        "node.key and node.certificate, and hand the certificate over as well, for `certificate` in [parent]."
    ),
    "link.no_tls_key": (
        "Still to be done: {there}/node.toml.part names {name}.cert.pem and {name}.key.pem for TLS, and they are not "
        "there; {name} puts its own beside it, from an authority that the broker trusts."
    ),
    "file.exists": "{file} exists already and is left as it is",
    # trust
    "trust.anchor": "root",
    "trust.intermediate": "intermediate",
    "trust.own": "own",
    "trust.neighbour": "neighbour",
    "trust.signer": "signer",
    "trust.list": "revocation list",
    "trust.answer": "OCSP answer",
    "trust.soon": "ends within {days} days",
    "trust.vouching": "neighbour's authority",
    "trust.broker": "broker's authority",
    "trust.ended": "has ended",
    "trust.blocked": "blocked",
    "trust.stale": "past its date, still in use",
    "trust.ask": "Trust these from now on?",
    "trust.there": "{name} is there already",
    "trust.in_force": "in force",
    "trust.over": "over",
    "trust.later": "later",
    "trust.written": "Written: {row} (since: {since}, until: {until}). A running node applies it within seconds.",
    "trust.covered": "Not written again, it is there already: {row} (since: {since}, until: {until}).",
    # config
    "config.good": "{file} is correct",
    "config.wrong": "{file} has mistakes: {count}",
    "config.default": "default",
    "config.given": "file",
    # explain
    "explain.family": "family",
    "explain.who": "who acts",
    "explain.weight": "weight",
    "explain.http": "HTTP status",
    "explain.exit": "exit status",
    "actor.sender": "the sender",
    "actor.operator": "the operator",
    "actor.recipient": "the recipient",
    "actor.router": "the makers of the router",
    "weight.permanent": "permanent: the same input is refused again",
    "weight.transient": "passing: it is tried again",
    "weight.remark": "a remark: nothing is stopped",
    # office
    "send.accepted": "accepted",
    "send.repeated": "accepted before",
    "send.passing": "not now, send again",
    "send.refused": "refused",
    "send.unread": "not read",
    "send.working": "sending",
    "webhook.again": "{office} is called again at once.",
    "webhook.ended": "no more",
    "inbox.empty": "The inbox is empty.",
    "letter.waits": "{document} waits for its signature, as {name}",
    "letter.to_sign": "to be signed with {algorithm}; digest {digest}",
    "sent.empty": "Nothing was sent that matches.",
    "notices.empty": "There are no notices.",
    "fetch.done": "{name}: {size} bytes in {file}",
    "confirm.confirmed": "confirmed",
    "confirm.refused": "returned to the sender",
    # queue
    "queue.empty": "Nothing matches.",
    "queue.webhooks": "{count} calls to offices' systems wait or were refused: `edxml-router queue list --webhooks`.",
    "queue.would": "would {act}: {done}, not possible: {failed}",
    "queue.alike": "and {count} more of this kind: {numbers}",
    "queue.later": "What is accepted from now on is not held by this.",
    "queue.done": "{act}: {done} done, {failed} not possible",
    "queue.working": "working",
    "act.hold": "hold",
    "act.release": "release",
    "act.retry": "retry",
    "act.cancel": "cancel",
    "act.discard": "discard",
    "act.resend": "resend",
    "col.waits": "waits for",
    "waits.link": "{route} has not accepted it yet (handed over {at}, attempts: {attempts}); its operator has to act",
    "waits.recipient": "{route} accepted it (as of {at}); the recipient has not confirmed yet",
    "waits.earlier": "delivery {number}, which is of the same document and goes first",
    "waits.hub": "{route} is not answered since {at} ({detail}); it goes as soon as there is an answer",
    "waits.office": "ready since {at}; {route} has to fetch and confirm it",
    # trace and journal
    "certificate.holds": "The certificate holds.",
    "certificate.proved": "What is proved:",
    "certificate.not_proved": "What is not proved:",
    "certificate.written": "{file}: {size} bytes",
    "trace.signature": "signature",
    "trace.accepted": "accepted",
    "trace.hops": "hops",
    "trace.outcome": "outcome",
    "trace.changes.1": "recalls",
    "trace.changes.2": "updates",
    "trace.changes.3": "replaces",
    "trace.changed.1": "recalled by",
    "trace.changed.2": "updated by",
    "trace.changed.3": "replaced by",
    "trace.refused": "{document}: refused, and never accepted by this node",
    "trace.quarantined": (
        "{at}, from {peer} ({channel}), times: {count}; see `queue show --quarantine {number}`, "
        "`queue list --quarantine` and `journal query --document {digest}`"
    ),
    "trace.also_refused": (
        "Under this id something was refused as well, see `queue show --quarantine NUMBER`: {numbers}"
    ),
    "proof.proven": "proven",
    "proof.unproven": "unproven",
    "proof.own": "ended here",
    "trace.table_only": "told by the tables only, since an earlier version wrote the entries: {names}",
    "trace.more": "… further recipients: {count} (--all)",
    "outcome.open": "under way",
    "outcome.confirmed": "confirmed by all",
    "outcome.failed": "failed",
    "outcome.mixed": "partly confirmed",
    "outcome.empty": "no recipient here",
    "state.queued": "queued",
    "state.forwarding": "forwarding",
    "state.forwarded": "forwarded",
    "state.deferred": "deferred",
    "state.held": "held",
    "state.available": "available",
    "state.confirmed": "confirmed",
    "state.returned": "returned",
    "state.expired": "expired",
    "state.cancelled": "cancelled",
    "extract.written": "{file}: {count} rows, and the table `about` says of what",
    "journal.cut": "{limit} are shown; --after {place} goes on",
    "database.older": "This database is of an older version of the program: what that did not keep cannot be asked",
    "database.newer": (
        "This database is of a newer version of the program: what is new in it is not looked at, and may be taken for"
        " damage; ask it with that version"
    ),
    "database.only": "The database alone was looked at: {count} large bodies lie in files outside it",
    "journal.working": "verifying",
    "journal.good": "The journal verifies: {size} entries, root {root}",
    "journal.follows": "The tables follow from it: {envelopes} envelopes, {deliveries} deliveries, {bodies} bodies",
    "journal.stamps.cut": "There may be more than these {limit}: --before {size}.",
    "journal.files": "Bodies in files that were read, and are what was accepted: {count}",
    "journal.uncovered": (
        "Not covered before position {position}: {count} entries of earlier versions do not hold what rows follow from"
    ),
    "journal.waiting": (
        "Not protected by this root yet: {count} entries, the oldest of {since}; `edxml-router serve` numbers them"
    ),
    # texts beside files in an office's folder
    "folder.refused": "NOT ACCEPTED: {name}",
    "folder.refused.then": "Correct it, then lay the file into the outbox again. The file with the ending .json says "
    "the same for programs.",
    "folder.answered": "About the letter {name}",
    "folder.withdrawn": "The letter {name} has ended before it was confirmed, and was taken out of the inbox.",
    "folder.state": "State: {state}",
    "folder.reason": "Why is the letter {name} returned? Write the reason below, then save this file.",
    "folder.reason.then": "Lines that begin with # are passed over. The letter is returned once a reason is here.",
    "folder.receipt": "Document {document}, for {recipient}",
    "folder.at": "Time: {at:%d/%m/%Y %H:%M:%S}",
    "folder.again": "The node was restored from a back-up. Documents that were handed in since {since:%d/%m/%Y "
    "%H:%M:%S} are to be handed in again.",
    "folder.again.then": "Copy them from the folder sent into the outbox. Nobody gets anything twice.",
    "folder.cover.from": "From: {name} ({code})",
    "folder.cover.number": "Number: {number}, date: {date}",
    "folder.cover.kind": "Kind: {kind}",
    "folder.cover.subject": "Subject: {subject}",
    "folder.cover.status": "Status {code} of document {document}",
    "folder.problem": "Why: {title} ({code})",
    "folder.detail": "Details: {detail}",
    "folder.where": "Where: {where}",
    "folder.remedy": "What to do: {remedy}",
    # agency
    "col.written": "as written",
    "agency.code": "code",
    "agency.name": "name",
    "agency.legacy13": "old form",
    "agency.level": "level",
    "agency.parent": "under",
    "agency.state": "state",
    "agency.active": "in use",
    "agency.closed": "closed",
    "agency.valid": "valid",
    "agency.successors": "successors",
    "agency.aliases": "aliases",
    "agency.children": "directly below",
    "agency.source": "source",
    "agency.unverified": "not verified",
    "agency.count": "{shown} of {total}",
    "agency.working": "importing",
    "agency.rows": "{rows} rows: {counts}",
    "agency.written": "{agencies} agencies and {aliases} aliases written to {folder}",
    "agency.would": "{agencies} agencies and {aliases} aliases would be written to {folder}",
    "verdict.mapped": "mapped",
    "verdict.alias": "kept as it stands",
    "verdict.duplicate": "duplicate",
    "verdict.malformed": "malformed",
    # clock
    "clock.accepted": "The node goes by the machine's clock: {time:%Y-%m-%d %H:%M:%S %Z}",
    # token
    "token.issued": "{prefix}: for {office} until {until}. This was the only time that it is shown.",
    "token.revoked": "{prefix} of {office} is revoked",
    **DOCTOR_TEXTS,
    **FLOW_TEXTS,
    **LINK_TEXTS,
    **REPLAY_TEXTS,
    **PEOPLE_TEXTS,
    **RETENTION_TEXTS,
    **UPKEEP,
}


def say(language: str, key: str, /, **values: object) -> str:
    """The text of ``key``, with ``values`` put in. An unknown key is a mistake of ours (KeyError)."""
    return catalogues.text(language, key, TEXTS[key], values)


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the locale asks for (POSIX: the first of these that is set decides)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "vi" if value.lower().startswith("vi") else "en"
    return "en"
