"""``edxml-router letter``: the node writes the edXML of letters, recalls and statuses from plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services import agencies, office
from edxml_router.services.letters import examples
from edxml_router.services.letters.composing import Composed, Order
from edxml_router.services.letters.drafts import KINDS, MOST_BYTES, DraftRefused
from edxml_router.services.letters.unsigned import UnsignedLetter
from edxml_router.services.letters.workshop import Workshop, envelope_of
from edxml_router.services.reading import Receive
from edxml_router.shapes.letter import draft_refused_shape, to_sign_shape, written_letter_shape
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode

_as = click.option("--as", "sender", required=True, metavar="OFFICE", help="The office that sends ([[offices]]).")
_kind = click.argument("kind", type=click.Choice(list(KINDS)))


@click.group(cls=Group)
def letter() -> None:
    """Write letters, recalls and statuses from plain values.

    The node makes the edXML. It is signed by the seal that the node holds for the agency ([[seals]]), or waits until
    the office has signed.
    """


@letter.command()
@_kind
@click.argument("draft", type=files.File)
@_as
@click.option("--attach", "attached", multiple=True, type=files.File, metavar="FILE", help="A file of the letter.")
@json_option
@pass_session
def write(session: Session, kind: str, draft: str, sender: str, attached: Sequence[str], as_json: bool) -> None:
    """Write a letter of this KIND from a DRAFT, and hand it in.

    DRAFT is a file in JSON; "-" reads standard input.
    `edxml-router letter example KIND` shows a draft.
    """
    limits = session.settings().limits
    contents: dict[str, bytes] = {}
    for file in attached:
        name = Path(file).name
        if name in contents:
            raise click.UsageError(for_people(Detail("two files are called {name}", name=name)))
        contents[name] = files.read_whole(file, limits.max_attachment_bytes)
    _compose(session, sender, Order(kind, files.read_whole(draft, MOST_BYTES), contents), as_json)


@letter.command()
@click.argument("letter")
@click.argument("code")
@_as
@click.option("--description", metavar="TEXT", help="The reason, which 02 and 16 owe the sender.")
@json_option
@pass_session
def status(session: Session, letter: str, code: str, sender: str, description: str | None, as_json: bool) -> None:
    """Tell the sender of a LETTER what becomes of it.

    CODE is the status: 01 to 06, 15 or 16. LETTER is its name in the inbox, or its DocumentId. With 13, the recipients
    of a letter that the office sent are asked to give it back.
    """
    member = "document" if code == "13" else "letter"
    _compose(session, sender, _order("status", {member: letter, "code": code, "description": description}), as_json)


@letter.command()
@click.argument("document")
@_as
@click.option("--reason", required=True, metavar="TEXT", help="Why it is recalled.")
@click.option("--to", "recipients", multiple=True, metavar="CODE", help="Only from this agency; may be repeated.")
@json_option
@pass_session
def recall(
    session: Session, document: str, sender: str, reason: str, recipients: Sequence[str], as_json: bool
) -> None:
    """Recall a DOCUMENT that the office sent, from all its recipients.

    DOCUMENT is its DocumentId, or the beginning of its SHA-256.
    """
    members = {"document": document, "reason": reason, "recipients": list(recipients) or None}
    _compose(session, sender, _order("recall", members), as_json)


@letter.command()
@click.argument("name")
@_as
@click.option("--value", required=True, type=files.File, metavar="FILE", help="The signature value in base64.")
@click.option("--cert", required=True, type=files.File, metavar="PEM", help="Its certificate, then any intermediates.")
@json_option
@pass_session
def sign(session: Session, name: str, sender: str, value: str, cert: str, as_json: bool) -> None:
    """Sign a letter that waits for it, and hand it in.

    NAME is what `letter write` has answered, with the bytes to be signed.
    """
    settings = session.settings()
    office.require(settings, sender)
    workshop = Workshop(settings)
    given = files.read_whole(value, 64 * 1024), files.read_whole(cert, 1024 * 1024)
    with node_of(settings) as node:
        data = workshop.sign(node, sender, name, *given)
        [answer] = _handed_in(node, sender, [data])
        if answer.accepted:
            workshop.went(sender, name)
        envelope = envelope_of(node, data)
    if as_json:
        session.json(written_letter_shape(envelope, answer.shape(), None))
    else:
        _tell(session, envelope.document_id, answer)
    exit_with([None if answer.accepted else answer.finding])


@letter.command()
@_kind
def example(kind: str) -> None:
    """Print a draft of this KIND, to begin with."""
    click.echo(json.dumps(examples.example_draft(kind), ensure_ascii=False, indent=2))


@letter.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@pass_session
def samples(session: Session, folder: Path) -> None:
    """Write a message of every kind and status to DIR.

    They are as the node makes them, and unsigned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in examples.messages(agencies.open_registry(None, None), datetime.now(UTC)):
        files.write(folder / name, data)
        session.line(str(folder / name))


def _order(kind: str, members: Mapping[str, Any]) -> Order:
    given = {name: value for name, value in members.items() if value is not None}
    return Order(kind, json.dumps(given, ensure_ascii=False).encode())


def _compose(session: Session, sender: str, order: Order, as_json: bool) -> None:
    settings = session.settings()
    office.require(settings, sender)
    with _mistakes(session, as_json), node_of(settings) as node:
        composed = Workshop(settings).compose(node, sender, order)
        answers = iter(_handed_in(node, sender, [one.data for one in composed if one.data is not None]))
        wrong: list[Finding | None] = []
        for one in composed:
            answer = next(answers) if one.data is not None else None
            wrong.append(answer.finding if answer is not None and not answer.accepted else None)
            _show(session, one, answer, as_json)
    exit_with(wrong)


@contextmanager
def _mistakes(session: Session, as_json: bool) -> Iterator[None]:
    """All mistakes of a draft are told, not only the first."""
    try:
        yield
    except DraftRefused as refused:
        if as_json:
            session.json(draft_refused_shape(refused.findings))
        else:
            session.problems(refused.findings)
        exit_with(refused.findings)


def _handed_in(node: StoredNode, sender: str, messages: Sequence[bytes]) -> list[Any]:
    def read(name: str, _most: int, _receive: Receive) -> Body:
        return MemoryBody(messages[int(name)])

    names = [str(number) for number in range(len(messages))]
    return [handed.answer for handed in office.submit(node, sender, names, read)]


def _show(session: Session, one: Composed, answer: Any, as_json: bool) -> None:
    waiting = one.waiting
    if as_json:
        to_sign = _to_sign(waiting) if waiting else None
        session.json(written_letter_shape(one.envelope, answer.shape() if answer else None, to_sign))
    elif waiting is not None:
        session.line(session.say("letter.waits", document=one.envelope.document_id, name=waiting.name), "yellow")
        session.line("  " + session.say("letter.to_sign", algorithm=waiting.algorithm, digest=waiting.digest.hex()))
    else:
        _tell(session, one.envelope.document_id, answer)


def _to_sign(waiting: UnsignedLetter) -> Any:
    return to_sign_shape(
        waiting.name, waiting.algorithm, waiting.coverage, waiting.signed_info, waiting.digest, waiting.expires_at
    )


def _tell(session: Session, document: str, answer: Any) -> None:
    word = "repeated" if answer.repeated else "accepted" if answer.accepted else "refused"
    word = "passing" if answer.passing else word
    style = "bold green" if answer.accepted else "bold red"
    recipients = ", ".join(answer.recipients)
    session.line(f"{document}: {session.say(f'send.{word}')} {answer.digest[:16]} {recipients}".rstrip(), style)
    if answer.finding:
        session.problem(answer.finding, about=document, out=True)
