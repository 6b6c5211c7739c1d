"""What is worth a line in the log: one function per event, so that the list of events is this file (and
:mod:`edxml_router.observe.alert_events`).

An envelope has one canonical line per half of its way through a node: :func:`answered` when it was
accepted or refused, :func:`moved` when its deliveries went on. The fields are ids, digests, codes, numbers.
The journal, not the log, is the record of what happened; the log is for whoever watches now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from edxml_router import __version__
from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Actor, Finding, Weight
from edxml_router.core.retention.values import Removal
from edxml_router.observe import measures
from edxml_router.observe.plain_structlog import structlog
from edxml_router.ports.transport import Arrival
from edxml_router.stages.acceptance.submission import Acceptance

_log = structlog.get_logger()


def answered(answers: Iterable[Acceptance]) -> None:
    """The accept half: ``envelope.accepted``, ``.repeated``, ``.refused``, ``.put-off`` or ``.defect``."""
    for answer in answers:
        finding = answer.finding
        fields = {**_accepted(answer), **finding_fields(finding)}
        if answer.accepted:
            _log.info("envelope.repeated" if answer.repeated else "envelope.accepted", **fields)
        elif answer.passing:
            _log.warning("envelope.put-off", **fields)
        elif finding is not None and finding.problem.actor is Actor.ROUTER:
            _log.error("envelope.defect", **fields)
        else:
            _log.warning("envelope.refused", **fields)


def _accepted(answer: Acceptance) -> dict[str, Any]:
    envelope, verdict = answer.envelope, answer.verdict
    fields: dict[str, Any] = {"envelope": answer.digest}
    if envelope is not None:
        fields |= {
            "sender": envelope.sender.organ_id,
            "document_id": envelope.document_id,
            "kind": str(envelope.kind),
            "business": int(envelope.business),
        }
    if answer.accepted:
        fields["recipients"] = len(answer.recipients)
    if verdict is not None:
        fields |= {"signature": str(verdict.indication), "reason": verdict.reason}
        if verdict.signer:
            fields["signer"] = verdict.signer.spki_sha256[:16]
    if answer.remarks:
        fields["remarks"] = sorted({remark.code for remark in answer.remarks})
    return fields


def restored(epoch: str, since: datetime, reason: str) -> None:
    """The journal is older than what this node remembers: a back-up was restored."""
    _log.error("journal.restored", code="EDX618", epoch=epoch, since=instant(since), reason=reason)


def moved(moves: Iterable[Move]) -> None:
    """The forward half: one line per envelope, route and new state, e.g. ``delivery.forwarded``."""
    groups: dict[tuple[str, Route, str, str], list[Move]] = defaultdict(list)
    for move in moves:
        route = move.route or move.delivery.route
        groups[move.delivery.digest, route, str(move.after), move.code].append(move)
    for (digest, route, after, code), group in groups.items():
        log = _log.warning if code else _log.info
        attempts = max(move.delivery.attempts for move in group)
        log(
            f"delivery.{after}",
            envelope=digest,
            route=route,
            recipients=len(group),
            attempts=attempts,
            **finding_fields(Finding(code, detail=group[0].detail) if code else None),
        )


def node_started(workers: int) -> None:
    """The supervisor has begun to work."""
    _log.info("node.started", version=__version__, workers=workers)


def node_ended() -> None:
    """The node has ended in good order."""
    _log.info("node.ended")


def worker_started(process: int) -> None:
    """A worker process is ready."""
    _log.info("worker.started", process=process)


def worker_ended(process: int) -> None:
    """A worker process has finished its batch and ends."""
    _log.info("worker.ended", process=process)


def worker_lost(process: int, status: int, pause: float) -> None:
    """A worker ended unasked and is started again after ``pause`` seconds; a negative status is a signal."""
    measures.process_lost("worker")
    _log.error("worker.lost", process=process, status=status, pause=pause)


def side_process_lost(name: str, process: int, status: int, pause: float) -> None:
    """The gateway, or another process beside the workers, ended unasked and is started again, as a worker is."""
    measures.process_lost(name)
    _log.error(f"{name}.lost", process=process, status=status, pause=pause)


def metrics_served(addresses: str) -> None:
    """The endpoint for Prometheus listens."""
    _log.info("metrics.served", listen=addresses)


def metrics_unavailable(finding: Finding) -> None:
    """The endpoint for Prometheus cannot listen; said once, and it goes on trying."""
    _log.error("metrics.unavailable", **finding_fields(finding))


def worker_stuck(process: int, seconds: float, *, ended: bool) -> None:
    """A worker process makes no turns; ``ended``: it is killed now, and started again."""
    _log.error("worker.stuck", process=process, seconds=round(seconds), ended=ended, code="EDX698")


def gateway_started(process: int, addresses: Iterable[str]) -> None:
    """The gateway process listens."""
    _log.info("gateway.started", process=process, listen=list(addresses))


def gateway_ended(process: int) -> None:
    """The gateway process has answered what it had in hand and ends."""
    _log.info("gateway.ended", process=process)


def office_called(office: str, subject: str, finding: Finding | None) -> None:
    """An office's system was told that something has come, or could not be told."""
    if finding is None:
        _log.info("office.called", office=office, subject=subject)
    else:
        _log.warning("office.not_called", office=office, subject=subject, **finding_fields(finding))


def acceptor_started(process: int) -> None:
    """A process that judges for the gateway is ready."""
    _log.info("acceptor.started", process=process)


def acceptor_lost(process: int, status: int) -> None:
    """A process that judges for the gateway ended in the middle; a negative status is a signal."""
    measures.process_lost("acceptor")
    _log.error("acceptor.lost", process=process, status=status)


def caller_refused(finding: Finding, address: str) -> None:
    """Somebody came to the gateway whose credentials count for nothing; ``address`` is where from."""
    measures.caller_refused(finding.code)
    _log.warning("caller.refused", address=address, **finding_fields(finding))


def clock(finding: Finding | None, step: float) -> None:
    """The machine's clock has jumped, and the node goes on without it; or it is believed again, which has moved the
    node's time by ``step`` seconds."""
    if finding is not None:
        _log.error("clock.doubtful", **finding_fields(finding))
    else:
        _log.info("clock.believed", step=round(step))


def removed_on_purpose(removals: Sequence[Removal]) -> None:
    """Bodies were removed because their term is over."""
    for removal in removals:
        _log.info("bodies.removed", rule=removal.rule, count=removal.count, bytes=removal.size)


def erased_on_purpose(redactions: Sequence[Redaction]) -> None:
    """What people wrote was erased because its term is over."""
    for one in redactions:
        _log.info("words.redacted", envelope=one.digest, ground=one.ground, count=len(one.commitments))


def clock_stepped(step: float) -> None:
    """The machine's clock went back by ``step`` seconds, or ahead where that is less than nothing, and the node with
    it."""
    said = Detail("{step:.6f} s ahead", step=-step) if step < 0 else Detail("{step:.6f} s back", step=step)
    _log.error("clock.stepped", **finding_fields(Finding("EDX660", "clock", said)))


def reloaded() -> None:
    """New rules are in force."""
    _log.info("node.reloaded")


def trust_renewed(process: int, epoch: str) -> None:
    """A file of [trust] has changed and is in force in this worker; ``epoch`` names what counts."""
    _log.info("trust.renewed", process=process, epoch=epoch)


def twin(finding: Finding | None) -> None:
    """Somebody else takes this node's mail, or does not any more."""
    if finding is None:
        _log.info("node.twin-gone")
    else:
        _log.error("node.twin", **finding_fields(finding))


def far_bells(*, heard: bool) -> None:
    """Whether the commits of other machines are heard of at once, or only at the next look."""
    if heard:
        _log.info("bells.heard")
    else:
        _log.warning("bells.unheard")


def attention(finding: Finding) -> None:
    """Something that trust hangs on ends, has ended, or cannot be used; said once for each threshold."""
    log = _log.warning if finding.problem.weight is Weight.REMARK else _log.error
    log("trust.attention", **finding_fields(finding))
def credentials_renewed(process: int, certificate: str) -> None:
    """A file of the node's own key or certificate, or of a neighbour's, has changed and is in force in this worker;
    ``certificate`` is the node's own that receipts are signed with now."""
    _log.info("credentials.renewed", process=process, certificate=certificate)


def receipts_doubted(alarms: Iterable[tuple[str, Finding | None]]) -> None:
    """A neighbour's receipts do not count here (``receipts.doubted``), or ours do not count there (EDX325), or that is
    over (``receipts.trusted``): when it begins, changes or ends, and once an hour in between."""
    for peer, finding in alarms:
        if finding is None:
            _log.info("receipts.trusted", peer=peer)
        else:
            _log.error("receipts.doubted", peer=peer, **finding_fields(finding))


def logs_doubted(alarms: Iterable[tuple[str, Finding]]) -> None:
    """``log.forked``: a neighbour's journal does not continue what was cosigned; ``log.uncosigned``: a neighbour does
    not cosign this node's; ``link.gap``: one end of a link lists what the other does not know."""
    for peer, finding in alarms:
        if finding.code == "EDX641":
            _log.error("log.forked", peer=peer, **finding_fields(finding))
        elif finding.code in ("EDX649", "EDX650", "EDX651"):
            _log.error("link.gap", peer=peer, **finding_fields(finding))
        else:
            _log.warning("log.uncosigned", peer=peer, **finding_fields(finding))
def outcomes_doubted(doubts: Iterable[tuple[str, str, str, Finding]]) -> None:
    """A neighbour shows something as the proof of an outcome that is none (``outcome.doubted``, EDX327, EDX328)."""
    for peer, digest, recipient, finding in doubts:
        _log.error("outcome.doubted", peer=peer, envelope=digest, recipient=recipient, **finding_fields(finding))


def bodies_damaged(digests: Iterable[str]) -> None:
    """Stored bodies that no longer match their digests (``body.damaged``, EDX603); they are asked for."""
    for digest in digests:
        _log.error("body.damaged", envelope=digest, **finding_fields(Finding("EDX603", digest)))


def letter_missed(finding: Finding) -> None:
    """An office asked for a letter that is damaged (``body.damaged``, EDX603)."""
    _log.error("body.damaged", **finding_fields(finding))


def bodies_mended(digests: Iterable[str]) -> None:
    """``body.mended``: what was damaged is whole again."""
    for digest in digests:
        _log.info("body.mended", envelope=digest)


def clocks_differ(alarms: Iterable[tuple[str, Finding | None]]) -> None:
    """A neighbour's clock and ours do not agree (``clock.differs``, EDX806), or agree again (``clock.agrees``)."""
    for peer, finding in alarms:
        if finding is None:
            _log.info("clock.agrees", peer=peer)
        else:
            _log.error("clock.differs", peer=peer, **finding_fields(finding))


def input_quarantined(odd: Iterable[tuple[Arrival, Finding]]) -> None:
    """Messages that were kept for the operator instead of being dealt with. Of much of the same the log's own bound
    leaves some lines and a number."""
    for arrival, finding in odd:
        message = arrival.message
        _log.warning(
            "input.quarantined", peer=arrival.peer, mailbox=arrival.mailbox, kind=message.kind, id=message.id,
            size=len(message.body), **finding_fields(finding),
        )  # fmt: skip


def setting_changed(name: str, before: str, after: str, *, taken: bool) -> None:
    """A changed setting at a reload: ``setting.taken``, or ``setting.waits`` (EDX915) for a restart."""
    values = {"setting": name, "before": before, "after": after}
    if taken:
        _log.info("setting.taken", **values)
    else:
        _log.warning("setting.waits", **values, **finding_fields(Finding("EDX915", name, Detail("needs a restart"))))


def not_renewed(finding: Finding) -> None:
    """A revocation list could not be fetched, a responder gave no usable answer; what is on hand stays."""
    _log.warning("answer.not-renewed" if finding.code == "EDX319" else "list.not-renewed", **finding_fields(finding))


def journal_stamped(authority: str, size: int, at: datetime) -> None:
    """An authority has stamped the checkpoint of so many entries; ``at`` is its time."""
    _log.info("journal.stamped", authority=authority, size=size, at=instant(at))


def journal_not_stamped(finding: Finding) -> None:
    """No time stamp could be had of an authority; once for each reason until one comes."""
    _log.warning("journal.not-stamped", **finding_fields(finding))


def reload_refused(findings: Iterable[Finding]) -> None:
    """The configuration is wrong: one line per mistake. Rules that were in force stay in force."""
    for finding in findings:
        _log.error("config.refused", **finding_fields(finding))


def setback(finding: Finding) -> None:
    """Nothing can be done now; it is tried again."""
    _log.error("node.setback", **finding_fields(finding))


def transport_problem(hub: str, finding: Finding | None) -> None:
    """What is wrong with a hub has changed: ``transport.problem``, or ``transport.mended`` when nothing is."""
    if finding is None:
        _log.info("transport.mended", hub=hub)
    else:
        _log.error("transport.problem", hub=hub, **finding_fields(finding))


def tiles_problem(finding: Finding | None) -> None:
    """What keeps the journal from being written as files has changed: ``tiles.not-written``, or ``tiles.written``."""
    if finding is None:
        _log.info("tiles.written")
    else:
        _log.error("tiles.not-written", **finding_fields(finding))


def axis_started(process: int, url: str) -> None:
    """The process that speaks to the national axis is ready."""
    _log.info("axis.started", process=process, url=url)


def axis_problem(findings: Sequence[Finding]) -> None:
    """What is wrong with the axis, or with documents on the way from and to it, has changed: ``axis.problem``, or
    ``axis.mended`` when nothing is."""
    for finding in findings:
        _log.warning("axis.problem", code=finding.code, where=finding.where, detail=finding.detail)
    if not findings:
        _log.info("axis.mended")


def folders_started(process: int, count: int) -> None:
    """The process that serves the folders of offices is ready."""
    _log.info("folders.started", process=process, folders=count)


def folder_problem(office: str, finding: Finding | None) -> None:
    """What is wrong with the folder of an office, or with what was handed in there, has changed: ``folder.problem``,
    or ``folder.mended`` when nothing is."""
    if finding is None:
        _log.info("folder.mended", office=office)
    else:
        _log.error("folder.problem", office=office, **finding_fields(finding))


def hub_declared(lost: Finding | None) -> None:
    """The mailboxes of the own hub had gone (a queue was deleted, a broker came back empty) and were made again."""
    _log.warning("hub.declared-again", **finding_fields(lost))


def defect(where: str, error: BaseException) -> None:
    """A mistake of ours was caught at the last moment; type and places, never the message."""
    _log.error("node.defect", code="EDX699", where=where, exc_info=error)


def finding_fields(finding: Finding | None) -> dict[str, str]:
    if finding is None:
        return {}
    fields = {
        "code": finding.code,
        "problem": finding.problem.slug,
        "where": finding.where,
        "detail": finding.detail,
    }
    return {key: value for key, value in fields.items() if value}
