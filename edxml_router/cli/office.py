"""What an e-office does from the command line: ``send``, ``inbox``, ``fetch``, ``confirm``.

The commands act on the node's own database, so whoever may read the configuration and its keys acts for the
offices named in it. Programs attach over AMQP instead.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from edxml_router import inbox, pipeline, wiring
from edxml_router.cli.commands import Command
from edxml_router.cli.opening import exit_with, open_ledger, open_node
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.agency_code import AgencyCode
from edxml_router.core.problems import EXIT_REFUSED, EXIT_TEMPORARY, Finding, Refusal
from edxml_router.core.skeleton import LARGE, PIECE
from edxml_router.intake import verdict_fields
from edxml_router.pipeline import Answer
from edxml_router.ports import Body
from edxml_router.records import Submission
from edxml_router.rules import Node
from edxml_router.store import auditing, queries
from edxml_router.store.auditing import Note
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.queries import Waiting

STDOUT: Final = "-"
_BATCH_BYTES: Final = 64 * 1024 * 1024  # of envelopes in memory at once
_PAGE: Final = 500


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--as", "office", required=True, metavar="OFFICE", help="Name of the office that sends ([[offices]]).")
@json_option
@pass_session
def send(session: Session, files: Sequence[Path], office: str, as_json: bool) -> None:
    """Submit envelopes to the node, as the office named.

    When this says "accepted", the node answers for the envelope. Exit status 1 if any is refused, 75 if any should
    be sent again later.
    """
    settings = session.settings()
    _require_office(settings, office)
    refused = passing = 0
    with open_node(settings) as node, session.progress(session.say("send.working"), len(files)) as advance:
        for batch in _batches(files, node):
            answers = pipeline.accept(node, [Submission(data, office, "cli") for _, data in batch])
            for (file, data), answer in zip(batch, answers, strict=True):
                refused += not answer.accepted and not answer.passing
                passing += answer.passing
                if not isinstance(data, bytes):
                    data.discard()
                _show_answer(session, file, answer, as_json)
                advance(1)
    if refused or passing:
        click.get_current_context().exit(EXIT_TEMPORARY if passing else EXIT_REFUSED)


def _batches(files: Sequence[Path], node: Node) -> Iterator[list[tuple[Path, bytes | Body]]]:
    """The files with their bytes, the large ones as bodies; of one that is too large only enough to see that it is."""
    most = node.rules.limits.max_bytes
    batch: list[tuple[Path, bytes | Body]] = []
    size = 0
    for file in files:
        with file.open("rb") as opened:
            data: bytes | Body = opened.read(min(LARGE, most) + 1)
            if LARGE < len(data) <= most:
                opened.seek(0)
                data = node.bodies.receive(iter(lambda: opened.read(PIECE), b""))  # read at once
        held = len(data) if isinstance(data, bytes) else 0
        if batch and (len(batch) >= node.rules.batch or size + held > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((file, data))
        size += held
    if batch:
        yield batch


def _show_answer(session: Session, file: Path, answer: Answer, as_json: bool) -> None:
    if as_json:
        session.json({"file": str(file), **verdict_fields(answer)})
        return
    word = "passing" if answer.passing else "refused"
    if answer.accepted:
        word = "repeated" if answer.repeated else "accepted"
    document = f" {answer.envelope.document_id}" if answer.envelope else ""
    style = "bold green" if answer.accepted else "bold red"
    session.line(f"{file}: {session.say(f'send.{word}')}{document} {answer.digest[:16]}", style)
    if answer.finding:
        session.problem(answer.finding, about=str(file), out=True)
    for remark in answer.remarks:
        session.line(f"  {session.say('error.remark')}: {remark.code} {remark.title(session.language)} {remark.where}")


@click.command("inbox", cls=Command)
@click.option("--agency", metavar="CODE", help="Only what lies ready for this agency.")
@click.option("--office", metavar="NAME", help="Only what lies ready for this office.")
@click.option("--notices", is_flag=True, help="What became of envelopes that the office has sent.")
@click.option("--clear", is_flag=True, help="With --notices: do not show these again.")
@json_option
@pass_session
def inbox_(session: Session, agency: str | None, office: str | None, notices: bool, clear: bool, as_json: bool) -> None:
    """List what lies ready to be fetched, or the notices about what was sent."""
    if clear and not notices:
        raise click.UsageError("--clear goes with --notices")
    settings = session.settings()
    if office is not None:
        _require_office(settings, office)
    offices = [one for one in settings.offices if office in (None, one.name)]
    with open_ledger(settings) as ledger:
        if notices:
            _notices(session, ledger, [one.name for one in offices], clear, as_json)
            return
        registry = wiring.load_registry(settings)
        texts = [agency] if agency is not None else [code for one in offices for code in one.agencies]
        codes = [registry.canonical_or_none(text) or AgencyCode.parse(text).known_as() for text in texts]
        routes = {f"office:{one.name}" for one in offices}
        rows = [row for row in _waiting(ledger, codes) if row.delivery.route in routes]
        _show_inbox(session, rows, as_json)


def _waiting(ledger: SqlLedger, codes: Sequence[str]) -> Iterator[Waiting]:
    after = 0
    while page := queries.inbox(ledger, codes, after, _PAGE):
        yield from page
        after = page[-1].delivery.id


def _show_inbox(session: Session, rows: Sequence[Waiting], as_json: bool) -> None:
    if as_json:
        for row in rows:
            session.json(_waiting_fields(row))
        return
    if not rows:
        session.line(session.say("inbox.empty"))
        return
    session.table(
        ("#id", "recipient", "sender", "kind", "document", "#size", "at", "expires"),
        [
            (
                row.delivery.id,
                row.delivery.recipient,
                row.envelope.sender,
                row.envelope.status_code or session.say(f"business.{row.envelope.business}"),
                row.envelope.document_id,
                row.envelope.size,
                row.envelope.accepted_at,
                row.delivery.expires_at,
            )
            for row in rows
        ],
    )


def _waiting_fields(row: Waiting) -> dict[str, Any]:
    delivery, envelope = row.delivery, row.envelope
    return {
        "delivery": delivery.id,
        "office": delivery.route.partition(":")[2],
        "recipient": delivery.recipient,
        "sender": envelope.sender,
        "document_id": envelope.document_id,
        "kind": envelope.kind,
        "business": envelope.business,
        "status_code": envelope.status_code or None,
        "refers_to": list(envelope.refers_to),
        "urgent": delivery.urgent,
        "envelope": envelope.digest,
        "size": envelope.size,
        "attachments": envelope.attachments,
        "signature": envelope.indication,
        "accepted_at": envelope.accepted_at,
        "expires_at": delivery.expires_at,
    }


def _notices(session: Session, ledger: SqlLedger, offices: Sequence[str], clear: bool, as_json: bool) -> None:
    rows: list[Note] = []
    for office in offices:
        after = 0
        while page := auditing.notices(ledger, f"office:{office}", after, _PAGE):
            rows += page
            after = page[-1].number
    if as_json:
        for row in rows:
            session.json(_notice_fields(row))
    elif not rows:
        session.line(session.say("notices.empty"))
    else:
        session.table(
            ("#id", "at", "envelope", "recipient", "outcome", "problem"),
            [
                (
                    row.number,
                    row.receipt.at,
                    row.receipt.envelope[:16],
                    row.receipt.recipient,
                    session.say(f"state.{row.receipt.outcome}"),
                    f"{row.receipt.code} {row.receipt.detail}".strip(),
                )
                for row in rows
            ],
        )
    if clear and rows:
        with ledger.book() as book:
            book.receipts_sent([row.number for row in rows], ledger.clock.now())


def _notice_fields(row: Note) -> dict[str, Any]:
    receipt = row.receipt
    return {
        "notice": row.number,
        "office": row.origin.partition(":")[2],
        "at": receipt.at,
        "envelope": receipt.envelope,
        "recipient": receipt.recipient,
        "outcome": str(receipt.outcome),
        "problem": receipt.code or None,
        "detail": receipt.detail,
        "hops": [{"node": hop.node, "at": hop.at} for hop in receipt.hops],
    }


@click.command(cls=Command)
@click.argument("delivery", type=click.IntRange(min=1))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help='File; "-" is standard output.',
)
@pass_session
def fetch(session: Session, delivery: int, output: Path) -> None:
    """Write the envelope of a DELIVERY (its number in the inbox) to a file, byte for byte as it was sent."""
    settings = session.settings()
    with open_ledger(settings) as ledger:
        [(office, _)] = _by_office(ledger, [delivery]).items()
    with open_node(settings) as node:
        data = inbox.fetch(node, office, delivery)
    if str(output) == STDOUT:
        sys.stdout.buffer.write(data)
        return
    # Official mail is for the account that fetched it, and a link in its place is not followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(output, "wb", opener=lambda path, _: os.open(path, flags, 0o600)) as file:  # opener
        file.write(data)
    session.note(session.say("fetch.done", number=delivery, size=len(data), file=output))


@click.command(cls=Command)
@click.argument("deliveries", nargs=-1, required=True, metavar="DELIVERY...", type=click.IntRange(min=1))
@click.option("--refuse", is_flag=True, help="Return them to the sender instead.")
@click.option("--reason", default="", help="Why they are returned (required with --refuse).")
@json_option
@pass_session
def confirm(session: Session, deliveries: Sequence[int], refuse: bool, reason: str, as_json: bool) -> None:
    """Confirm that envelopes were taken over, or return them with --refuse. This ends the delivery."""
    if refuse and not reason.strip():
        raise click.UsageError("--refuse needs --reason")
    settings = session.settings()
    with open_ledger(settings) as ledger:
        by_office = _by_office(ledger, list(dict.fromkeys(deliveries)))
    answers: dict[int, Finding | None] = {}
    with open_node(settings) as node:
        for office, numbers in by_office.items():
            done = inbox.refuse(node, office, numbers, reason) if refuse else inbox.confirm(node, office, numbers)
            answers.update(zip(numbers, done, strict=True))
    word = session.say("confirm.refused" if refuse else "confirm.confirmed")
    for number, finding in answers.items():
        if as_json:
            session.json({"delivery": number, "done": finding is None, "problem": finding.code if finding else None})
        elif finding is None:
            session.line(f"{number}: {word}", "green")
        else:
            session.problem(finding, out=True)
    exit_with(list(answers.values()))


def _by_office(ledger: SqlLedger, numbers: Sequence[int]) -> dict[str, list[int]]:
    """The deliveries by the office whose inbox they are in. Raises Refusal EDX606 for one that is in none."""
    offices: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        delivery = queries.one_delivery(ledger, number)
        kind, _, name = delivery.route.partition(":") if delivery else ("", "", "")
        if kind != "office":
            raise Refusal("EDX606", where=f"delivery {number}")
        offices[name].append(number)
    return offices


def _require_office(settings: Settings, name: str) -> None:
    if name not in {office.name for office in settings.offices}:
        raise Refusal("EDX403", where=str(settings.path), detail=name)
