"""What an e-office does from the command line: ``send``, ``inbox``, ``fetch``, ``confirm``.

The commands act on the node's own database, so whoever may read the configuration and its keys acts for the
offices named in it. Programs attach over AMQP instead.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from edxml_router import pipeline
from edxml_router.cli import files
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.naming import naming
from edxml_router.cli.opening import open_ledger, open_node
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.delivery.resync import Resync
from edxml_router.core.delivery.route import Route
from edxml_router.core.delivery.values import Body
from edxml_router.core.delivery.views import Note, Waiting
from edxml_router.core.delivery.wire import letter_name
from edxml_router.core.problems import Finding, Refusal, Setback, Weight
from edxml_router.shapes.delivery import confirmation_shape, letter_shape
from edxml_router.shapes.notice import call_shape, notice_shape
from edxml_router.shapes.verdict import SentShape
from edxml_router.stages import inbox
from edxml_router.stages.node import Node
from edxml_router.stages.submission import Answer, Submission
from edxml_router.store.epochs.recovery import pending
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring import node as wiring

_BATCH_BYTES: Final = 64 * 1024 * 1024  # of envelopes in memory at once
_PAGE: Final = 500
_SHOWN: Final = 16  # characters of a digest in the inbox
_BEGINNING: Final = 12  # characters that name a letter; more digits than a delivery's number has
_NO_NAME: Final = f"a letter is named by {_BEGINNING} or more digits of its SHA-256, as `edxml-router inbox` shows them"


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="FILE...", type=files.File)
@click.option("--as", "office", required=True, metavar="OFFICE", help="Name of the office that sends ([[offices]]).")
@json_option
@pass_session
def send(session: Session, names: Sequence[str], office: str, as_json: bool) -> None:
    """Submit envelopes to the node, as the office named. "-" reads standard input.

    When this says "accepted", the node answers for the envelope. What a file suffers from does not stop the others.
    Exit status 75 if any should be sent again later, else that of the refusals' problem (1, mostly), else 66 if any
    cannot be read.
    """
    settings = session.settings()
    _require_office(settings, office)
    wrong: list[Finding] = []
    with open_node(settings) as node, session.progress(session.say("send.working"), len(names)) as advance:
        for batch in _batches(names, node):
            fit = [Submission(data, office, "cli") for _, data in batch if not isinstance(data, Answer)]
            answers = iter(pipeline.accept(node, fit) if fit else ())
            for file, data in batch:
                answer = data if isinstance(data, Answer) else next(answers)
                if not isinstance(data, bytes | Answer):
                    data.discard()
                wrong += [answer.finding] if answer.finding and not answer.accepted else []
                _show_answer(session, file, answer, as_json)
                advance(1)
    files.exit_after(wrong)


def _batches(names: Sequence[str], node: Node) -> Iterator[list[tuple[str, bytes | Body | Answer]]]:
    """The files with their bytes, the large ones as bodies; one that cannot be had, with the answer to it."""
    most = node.rules.limits.max_bytes
    batch: list[tuple[str, bytes | Body | Answer]] = []
    size = 0
    for file in names:
        data: bytes | Body | Answer
        try:
            data = files.read(file, most, node.bodies.receive)
        except (Refusal, Setback) as trouble:
            data = Answer("", passing=isinstance(trouble, Setback), finding=trouble.finding)
        held = len(data) if isinstance(data, bytes) else 0
        if batch and (len(batch) >= node.rules.batch or size + held > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((file, data))
        size += held
    yield batch


def _outcome(answer: Answer) -> str:
    if answer.accepted:
        return "accepted"
    unread = answer.finding is not None and answer.finding.code == files.UNREADABLE
    return "passing" if answer.passing else "unread" if unread else "refused"


def _show_answer(session: Session, file: str, answer: Answer, as_json: bool) -> None:
    if as_json:
        told: SentShape = {"file": file, **answer.shape()}
        session.json(told)
        return
    word = "repeated" if answer.accepted and answer.repeated else _outcome(answer)
    document = f" {answer.envelope.document_id}" if answer.envelope else ""
    style = "bold green" if answer.accepted else "bold red"
    session.line(f"{file}: {session.say(f'send.{word}')}{document} {answer.digest[:16]}".rstrip(), style)
    for recipient, state in answer.standing.items():
        session.line(f"  {recipient}: {session.say(f'state.{state}')}")
    if answer.finding:
        session.problem(answer.finding, about=file, out=True)
    for remark in answer.remarks:
        place = session.detail(remark.where)
        session.line(f"  {session.say('error.remark')}: {remark.code} {remark.title(session.language)} {place}")


@click.command("inbox", cls=Command)
@click.option("--agency", metavar="CODE", help="Only what lies ready for this agency.")
@click.option("--office", metavar="NAME", help="Only what lies ready for this office.")
@click.option("--notices", is_flag=True, help="What became of envelopes that the office has sent.")
@click.option("--clear", is_flag=True, help="With --notices: do not show these again.")
@json_option
@pass_session
def inbox_(session: Session, agency: str | None, office: str | None, notices: bool, clear: bool, as_json: bool) -> None:
    """List what lies ready to be fetched, or notices.

    Notices tell what became of envelopes that were sent.
    """
    if clear and not notices:
        raise click.UsageError("--clear goes with --notices")
    settings = session.settings()
    if office is not None:
        _require_office(settings, office)
    offices = [one for one in settings.offices if office in (None, one.name)]
    with open_ledger(settings) as ledger:
        _call(session, ledger, [one.name for one in offices], as_json=as_json and notices)
        if notices:
            _notices(session, ledger, [one.name for one in offices], clear, as_json)
            return
        registry = wiring.load_registry(settings)
        texts = [agency] if agency is not None else [code for one in offices for code in one.agencies]
        codes = [_agency(registry, text) for text in texts]
        routes = {Route.office(one.name) for one in offices}
        rows = [row for row in _waiting(ledger, codes) if row.delivery.route in routes]
        _show_inbox(session, rows, as_json)


def _call(session: Session, ledger: SqlLedger, offices: Sequence[str], *, as_json: bool) -> None:
    """Tell offices that a back-up was restored and since when to send again; programs read it as a notice."""
    for one in pending(ledger.engine):
        if not one.party.is_office or one.party.name not in offices:
            continue
        if as_json:
            session.json(call_shape(one.party.name, Resync(one.epoch, one.since)))
        else:
            detail = f"has not sent again what was handed in since {one.since.astimezone():%Y-%m-%d %H:%M:%S}"
            session.problem(Finding("EDX618", one.party.name, detail))


def _agency(registry: Registry, text: str) -> str:
    with naming(text):
        return registry.canonical_or_none(text) or AgencyCode.parse(text).known_as()


def _waiting(ledger: SqlLedger, codes: Sequence[str]) -> Iterator[Waiting]:
    after = 0
    while page := ledger.views.inbox(codes, after, _PAGE):
        yield from page
        after = page[-1].delivery.id


def _show_inbox(session: Session, rows: Sequence[Waiting], as_json: bool) -> None:
    if as_json:
        for row in rows:
            session.json(letter_shape(row))
        return
    if not rows:
        session.line(session.say("inbox.empty"))
        return
    session.table(
        ("letter", "sender", "kind", "document", "#size", "at", "expires"),
        [
            (
                letter_name(row.delivery.digest[:_SHOWN], row.delivery.recipient),
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


def _notices(session: Session, ledger: SqlLedger, offices: Sequence[str], clear: bool, as_json: bool) -> None:
    rows: list[Note] = []
    for office in offices:
        after = 0
        while page := ledger.views.notices(Route.office(office), after, _PAGE):
            rows += page
            after = page[-1].number
    documents = ledger.views.document_ids(row.receipt.envelope for row in rows)
    if as_json:
        for (origin, _), told in groupby(rows, lambda row: (row.origin, row.receipt.envelope)):
            office = origin.name
            session.json(notice_shape(office, [row.receipt for row in told], documents))
    elif not rows:
        session.line(session.say("notices.empty"))
    else:
        session.table(
            ("#id", "at", "document", "envelope", "recipient", "outcome", "problem"),
            [
                (
                    row.number,
                    row.receipt.at,
                    documents.get(row.receipt.envelope, ""),
                    row.receipt.envelope[:16],
                    row.receipt.recipient,
                    session.say(f"state.{row.receipt.outcome}"),
                    f"{row.receipt.code} {session.detail(row.receipt.detail, row.receipt.code)}".strip(),
                )
                for row in rows
            ],
        )
    if clear and rows:
        with ledger.book() as book:
            book.receipts.sent([row.number for row in rows], ledger.clock.now())


@click.command(cls=Command)
@click.argument("letter")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help='File; "-" is standard output.',
)
@pass_session
def fetch(session: Session, letter: str, output: Path) -> None:
    """Write a LETTER from the inbox to a file.

    LETTER is its name in the inbox, or the first twelve characters of it. The bytes are those that were sent.
    """
    settings = session.settings()
    with open_ledger(settings) as ledger:
        office, name = _letter(ledger, letter)
    with open_node(settings) as node:
        data = inbox.fetch(node, office, name)
    files.write_mail(output, data)
    if str(output) != files.STDIO:
        session.note(session.say("fetch.done", name=letter, size=len(data), file=output))


@click.command(cls=Command)
@click.argument("letters", nargs=-1, required=True, metavar="LETTER...")
@click.option("--refuse", is_flag=True, help="Return them to the sender instead.")
@click.option("--reason", default="", help="Why they are returned (required with --refuse).")
@json_option
@pass_session
def confirm(session: Session, letters: Sequence[str], refuse: bool, reason: str, as_json: bool) -> None:
    """Confirm that letters were taken over, or return them.

    LETTER is its name in the inbox, or the first twelve characters of it. Either act ends the delivery; --refuse
    returns it, with a reason.
    """
    if refuse and not reason.strip():
        raise click.UsageError("--refuse needs --reason")
    settings = session.settings()
    with open_ledger(settings) as ledger:
        named = {letter: _letter(ledger, letter) for letter in letters}
    by_office: dict[str, list[str]] = defaultdict(list)
    for office, name in named.values():
        by_office[office].append(name)
    answers: dict[str, Finding | None] = {}
    with open_node(settings) as node:
        for office, names in by_office.items():
            done = inbox.refuse(node, office, names, reason) if refuse else inbox.confirm(node, office, names)
            answers.update(zip(names, done, strict=True))
    word = session.say("confirm.refused" if refuse else "confirm.confirmed")
    for letter, (_, name) in named.items():
        finding = answers[name]
        if as_json:
            taken = finding is None or finding.problem.weight is Weight.REMARK  # EDX804: late, and taken
            session.json(confirmation_shape(name, finding, done=taken))
        elif finding is None:
            session.line(f"{letter}: {word}", "green")
        else:
            session.problem(finding, out=True)
    exit_with(list(answers.values()))


def _letter(ledger: SqlLedger, text: str) -> tuple[str, str]:
    """The office in whose inbox a letter is, and its whole name. Raises Refusal EDX606 for one that is in none, and
    for a delivery's number, which after a restored back-up may be another letter's; EDX613 for several."""
    beginning, _, recipient = text.partition(".")
    if not re.fullmatch(rf"[0-9a-f]{{{_BEGINNING},64}}", beginning):
        raise Refusal("EDX606", where=text[:150], detail=_NO_NAME)
    found = ledger.views.offered_mail(beginning, recipient)
    if not found:
        raise Refusal("EDX606", where=text[:150])
    if len(found) > 1:
        shown = ", ".join(letter_name(one.digest[:_SHOWN], one.recipient) for one in found)
        raise Refusal("EDX613", where=text[:150], detail=shown)
    return found[0].route.name, found[0].name


def _require_office(settings: Settings, name: str) -> None:
    names = [office.name for office in settings.offices]
    if name not in names:
        raise Refusal("EDX403", where=name, detail=f"the offices are {', '.join(names) or '-'}")
