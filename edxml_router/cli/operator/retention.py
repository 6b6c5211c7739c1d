"""``edxml-router retention``: what goes when its term is over, and what is held."""

from __future__ import annotations

from itertools import islice

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services.retention import giving_back, holding, planning, redacting, running
from edxml_router.services.retention.holding import HeldDocument
from edxml_router.services.retention.planning import PlannedDocument, PlannedShare, RetentionPlan
from edxml_router.shapes.keeping import retention as shapes
from edxml_router.shapes.keeping.redaction import redaction_shape
from edxml_router.wiring.opening import ledger_of, node_of
from edxml_router.wiring.stored import StoredNode

_document = click.argument("document", metavar="DOCUMENT")
_reason = click.option("--reason", required=True, metavar="TEXT", help="Why, for the journal.")


@click.group(cls=Group)
def retention() -> None:
    """Remove what is over by [retention], and hold what must stay."""


@retention.command()
@click.option("--list", "listed", is_flag=True, help="Name the documents: what goes, and what stays though it is over.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="With --list: at most so many."
)
@json_option
@pass_session
def plan(session: Session, listed: bool, limit: int, as_json: bool) -> None:
    """Tell what would go now, by which rule, and what stays and why.

    Nothing is changed.
    """
    with node_of(session.settings()) as node:
        if listed:
            found = list(islice(planning.node_documents(node), limit + 1))
            _show_documents(session, found[:limit], more=len(found) > limit, as_json=as_json)
            return
        with session.progress(session.say("retention.looking"), None) as advance:
            drawn = planning.node_plan(node, advance)
    if as_json:
        session.json(_plan_shape(drawn))
        return
    _show_plan(session, drawn)


@retention.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def run(session: Session, yes: bool, as_json: bool) -> None:
    """Remove what is over, after showing what that is.

    Bodies, and what people wrote. It asks before it begins. The node goes on working. Broken off, what was removed
    stays removed, and the next run goes on with the rest.
    """
    with node_of(session.settings()) as node:
        running.require_rule(node)
        with session.progress(session.say("retention.looking"), None) as advance:
            drawn = planning.node_plan(node, advance)
        if not as_json:
            _show_plan(session, drawn)
        total, words = drawn.total, drawn.words
        if not total.count and not words.count:
            return
        if not yes:
            shown = {"count": session.shown(total.count), "size": session.shown(total.size), "words": words.count}
            question = session.say("retention.sure_words" if words.count else "retention.sure", **shown)
            click.confirm(question, abort=True, err=True)
        _remove(session, node, total.count, as_json=as_json)


def _remove(session: Session, node: StoredNode, expected: int, *, as_json: bool) -> None:
    """Remove bodies, erase words, and give the room back."""
    count = size = erased = 0
    with session.progress(session.say("retention.removing"), expected) as advance:
        for removals in running.remove_all(node, account()):
            for removal in removals:
                count, size = count + removal.count, size + removal.size
                advance(removal.count)
                if as_json:
                    session.json(shapes.removal_shape(removal))
    for redactions in running.erase_all(node, account()):
        for redaction in redactions:
            erased += len(redaction.commitments)
            if as_json:
                session.json(redaction_shape(redaction))
    if erased and not redacting.forget(node):
        session.note(session.say("redact.later"), "yellow")
    given = sum(giving_back.give_back_all(node))
    if as_json:
        return
    if given:
        session.line(session.say("retention.given", size=session.shown(given)))
    session.line(session.say("retention.done", count=session.shown(count), size=session.shown(size)), "green")
    if erased:
        session.line(session.say("retention.erased", words=session.shown(erased)), "green")


@retention.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def compact(session: Session, yes: bool, as_json: bool) -> None:
    """Write a SQLite database anew, without its free room.

    A database that an earlier version made needs it once; of others, the node gives room back by itself. Mail waits
    meanwhile, a few seconds for each gigabyte, and the disk needs twice the room of what is kept.
    """
    with node_of(session.settings()) as node:
        free = giving_back.database_space(node)
        if free is not None and not yes:
            question = session.say("retention.compact", size=session.shown(free.size), free=session.shown(free.free))
            click.confirm(question, abort=True, err=True)
        before, after = giving_back.compact_database(node)
    if as_json:
        session.json(shapes.compaction_shape(before, after))
        return
    session.line(session.say("retention.compacted", before=session.shown(before), after=session.shown(after)), "green")


@retention.command()
@_document
@_reason
@json_option
@pass_session
def hold(session: Session, document: str, reason: str, as_json: bool) -> None:
    """Hold a DOCUMENT: nothing of it is removed until it is released.

    DOCUMENT is a DocumentId, or the beginning (8 characters or more) of an envelope's SHA-256. The hold is on the
    document as a whole: its statuses, recalls and updates are held with it, also those that come later.
    """
    with node_of(session.settings()) as node:
        done = holding.hold_document(node, document, account(), reason)
    _show_held(session, done, "retention.held", as_json)


@retention.command()
@_document
@_reason
@json_option
@pass_session
def release(session: Session, document: str, reason: str, as_json: bool) -> None:
    """Hold a DOCUMENT no more."""
    with node_of(session.settings()) as node:
        done = holding.release_document(node, document, account(), reason)
    _show_held(session, done, "retention.released", as_json)


@retention.command()
@json_option
@pass_session
def holds(session: Session, as_json: bool) -> None:
    """List the documents that are held."""
    shown = False
    with ledger_of(session.settings()) as ledger:
        for one in holding.held_documents(ledger.views):
            shown = True
            if as_json:
                session.json(shapes.hold_shape(one))
            else:
                session.line(one.subject, "bold")
                session.line(f"  {session.shown(one.since)}, {one.actor}: {one.reason}")
    if not shown and not as_json:
        session.line(session.say("retention.none_held"))


def _show_held(session: Session, done: HeldDocument, key: str, as_json: bool) -> None:
    if as_json:
        session.json(shapes.held_document_shape(done.subject, done.envelopes, done.gone))
        return
    session.line(session.say(key, subject=done.subject, count=len(done.envelopes)), "green")
    if done.gone:
        session.line(session.say("retention.held_gone", count=len(done.gone)), "yellow")


def _show_plan(session: Session, drawn: RetentionPlan) -> None:
    rows = [
        (Detail("goes"), rule, share.count, share.size, share.oldest or "")
        for rule, share in sorted(drawn.going.items())
    ]
    rows += [
        (Detail("stays"), session.say(f"retention.why.{reason}"), share.count, share.size, share.oldest or "")
        for reason, share in sorted(drawn.staying.items())
    ]
    rows.append((Detail("stays"), session.say("retention.why.not-yet"), *drawn.younger, ""))
    rows += [
        (Detail("words go"), rule, share.count, share.size, share.oldest or "")
        for rule, share in sorted(drawn.words_going.items())
    ]
    rows += [
        (Detail("words stay"), session.say(f"retention.why.{reason}"), share.count, share.size, share.oldest or "")
        for reason, share in sorted(drawn.words_staying.items())
    ]
    session.table(("fate", "rule", "#count", "#bytes", "oldest"), [row for row in rows if row[2]])
    kept, removed = drawn.kept, drawn.removed
    session.line(session.say("retention.kept", count=session.shown(kept[0]), size=session.shown(kept[1])))
    if removed[0]:
        session.line(session.say("retention.gone", count=session.shown(removed[0]), size=session.shown(removed[1])))


    if drawn.empty:
        session.line(session.say("retention.no_rule"))
    elif not drawn.total.count and not drawn.words.count:
        at = drawn.next_at
        session.line(session.say("retention.next", at=session.shown(at)) if at else session.say("retention.none_due"))


def _show_documents(session: Session, found: list[PlannedDocument], *, more: bool, as_json: bool) -> None:
    for one in found:
        envelope, ruling = one.kept.envelope, one.ruling
        if as_json:
            session.json(shapes.planned_document_shape(envelope, ruling))
            continue
        why = ", ".join(session.say(f"retention.why.{reason}") for reason in ruling.reasons)
        told = session.say("retention.goes", rule=ruling.rule.name) if ruling.goes else session.say(
            "retention.stays", why=why)  # fmt: skip
        session.line(f"{envelope.document_id or envelope.digest[:16]}  {session.shown(envelope.accepted_at)}  "
                     f"{envelope.size} B")  # fmt: skip
        session.line(f"  {told}")
    if not found and not as_json:
        session.line(session.say("retention.nothing"))
    if more:
        session.note(session.say("retention.more", limit=len(found)))


def _plan_shape(drawn: RetentionPlan) -> shapes.RetentionPlanShape:
    def shares(of: dict[str, PlannedShare]) -> list[tuple[str, shapes.Share]]:
        return [(name, (share.count, share.size, share.oldest)) for name, share in sorted(of.items())]

    staying = {str(reason): share for reason, share in drawn.staying.items()}
    words_staying = {str(reason): share for reason, share in drawn.words_staying.items()}
    words = shapes.words_plan_shape(shares(drawn.words_going), shares(words_staying))
    going = shares(drawn.going)
    return shapes.retention_plan_shape(
        going, shares(staying), drawn.younger, drawn.kept, drawn.removed, words, drawn.next_at
    )
