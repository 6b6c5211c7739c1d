"""One worker process: takes micro-batches, runs the pipeline's stages, and hands acknowledgements back.

Started by the supervisor, whose number PID is, as ``python -m edxml_router.node.worker FILE PID PINS TURNS`` (JSON: the
settings that stay until a restart; a pipe that is told of each turn), or by :func:`run` in a thread of the supervisor,
which tells it what signals tell a process. It makes no decisions; those are in the pipeline. SIGTERM finishes the batch
at hand and ends; SIGHUP reloads the rules, and a change in a file of [trust], of a key or of a certificate is noticed
without it (with a bad file the old ones stay in force, and it is reported). A changed hub or store needs a new worker:
this one ends. When the supervisor is gone, it ends as on SIGTERM. Exit status 0, or 70 after a defect.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edxml_router import pipeline
from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.delivery.values import Move
from edxml_router.core.problems import EXIT_CONFIG, EXIT_SOFTWARE, EXIT_TEMPORARY, Finding, Refusal, Setback
from edxml_router.disk import watch
from edxml_router.intake import reports
from edxml_router.node.duties.retaining import RetentionDuty
from edxml_router.node.duties.scrubbing import ScrubDuty
from edxml_router.node.duties.tiling import TilesDuty
from edxml_router.node.errand import Errand
from edxml_router.observe import events, measures
from edxml_router.observe.logs import configure
from edxml_router.observe.orders import Orders, SignalOrders
from edxml_router.stages import clocks
from edxml_router.stages.forwarding import following, sending
from edxml_router.stages.inventory.comparing import ask_inventories
from edxml_router.stages.node import Node
from edxml_router.stages.offices import pushing
from edxml_router.stages.outcomes import inquiring, recovery
from edxml_router.stages.witness.asking import ask_witnesses
from edxml_router.wiring import composition

LOOK_INTERVAL = 0.02  # seconds between polls: a folder without inotify, a hub that owes answers
OWED_INTERVAL = 0.1  # … and when a hub has yet to answer about what it was given
DRAIN_INTERVAL = 0.5  # seconds between looks whether anything new is to be taken
POLL_INTERVAL = 0.5  # seconds between looks into the ledger for due work, when nobody rings
TRUST_INTERVAL = 0.5  # seconds between looks at the files of [trust]
UPKEEP_INTERVAL = 0.5  # seconds between looks at the clock: expiry, numbering of the journal
DECLARE_INTERVAL = 5.0  # seconds after mailboxes were made again until they may be missing again
FOLLOW_INTERVAL = 60.0  # seconds between looks for mail of agencies that have moved
SWEEP_INTERVAL = 3600.0  # seconds between sweeps of unreferenced files
REST = 1.0  # seconds to wait after a setback of the store


class Worker:
    """The loop of a worker, and its two switches."""

    def __init__(self, path: Path, orders: Orders, pins: Mapping[str, str] | None = None, turns: int = -1) -> None:
        self._path = path
        self._pins = pins
        self._orders = orders
        self._turns = turns  # a pipe of the supervisor's, or none
        self._replaced = False  # another is to begin with new settings
        self._trust_at = 0.0
        self._poll_at = 0.0
        self._upkeep_at = 0.0
        self._declare_at = 0.0
        self._follow_at = 0.0
        self._drain_at = 0.0
        self._draining = False  # nothing new is taken, by an operator's word
        self._declaring: Errand[Finding | None] | None = None
        self._read_at: float | None = None  # when the hubs had been read empty
        self._sweep_at = time.monotonic() + SWEEP_INTERVAL
        self._scrub = ScrubDuty()
        self._tiles = TilesDuty()
        self._problems: dict[str, Finding | None] = {}  # by hub, as last told
        self._unusable: Sequence[Finding] = ()  # keys and certificates, as last told
        self._retention = RetentionDuty()
        self._recount = True  # receipts that were kept are to be judged by the certificates in force now

    def run(self) -> int:
        settings = self._load()
        configure(settings.log.format, settings.log.level, node=settings.node.name, data=settings.node.data)
        self._orders.listen()
        with composition.open_worker(settings, apart=settings.node.inline) as opened:
            events.worker_started(os.getpid())
            while not self._replaced and not self._orders.ending:
                if self._orders.take_reload():
                    self._load_rules(opened)
                moved = self._turn(opened)
                self._tell_turn()
                if not moved:
                    self._wait(opened)
            with suppress(Setback):  # then leases run out
                sending.let_go(opened.node)
            events.worker_ended(os.getpid())
        return 0

    def _load(self) -> Settings:
        """As the file says now, but for what stays until the supervisor is started again."""
        settings = load(self._path)
        return in_force.pinned(settings, self._pins) if self._pins else settings

    def _turn(self, opened: composition.RunningNode) -> bool:
        """One round: everything that has come, then everything that is due. Returns whether there was anything."""
        self._renew_trust(opened)
        try:
            if self._recount:
                events.moved(reports.count_kept(opened.node))
                self._recount = False
            rung = opened.bell.clear()  # before looking: a later ring is heard in the next turn
            moved = not self._is_draining(opened.node) and self._take(opened)
            if rung or opened.node.left or time.monotonic() >= self._poll_at:
                moved |= work(opened.node, alarm=self._tell)
                owed = opened.node.outgoing.owed
                self._poll_at = time.monotonic() + (OWED_INTERVAL if owed else POLL_INTERVAL)
            if time.monotonic() >= self._upkeep_at:
                self._upkeep_at = time.monotonic() + UPKEEP_INTERVAL
                change = opened.watch_clock()
                if change is not None:
                    events.clock(change.finding, change.step.total_seconds())
                self._expire(opened)
                self._declare(opened)
                measures.hubs(opened.problems())
                for hub, problem in opened.problems().items():
                    # Mailboxes being made for the first time are not a problem, however slow the disk.
                    if hub != "hub" or opened.declared or self._declaring is None:
                        self._tell(hub, problem)
                if back := opened.number_journal():
                    events.clock_stepped(back.total_seconds())
                if restored := opened.look_at_journal():
                    events.restored(restored.epoch, restored.since, restored.reason)
                recovery.ask(opened.node)
                self._follow(opened.node)
                clocks.keep_asking(opened.node)
                ask_witnesses(opened.node)
                if not moved:  # mail goes first
                    events.removed_on_purpose(self._retention.turn(opened.node, opened.settings.node.data))
                    events.erased_on_purpose(self._retention.erased)
                ask_inventories(opened.node)
                events.bodies_damaged(self._scrub.turn(opened.node, opened.settings.store.scrub_bytes))
                events.bodies_mended(self._scrub.mended)
                self._tiles.turn(opened.node, opened.settings)
                self._tell_tiles(self._tiles.finding)
                opened.node.index_journal()  # last: of a journal that was altered it fails, and nothing may wait for it
            if time.monotonic() >= self._sweep_at:
                self._sweep_at = time.monotonic() + SWEEP_INTERVAL
                opened.sweep()
        except Setback as setback:
            events.setback(setback.finding)
            self._rest(REST)
            return True
        return moved

    def _wait(self, opened: composition.RunningNode) -> None:
        """Wait until something comes into any hub, a command rings, or a duty is due."""
        until = min(self._poll_at, self._upkeep_at, self._trust_at)
        # What lies in a hub and is not to be taken must not wake us all the time.
        hubs = () if self._draining else opened.transports
        told = [opened.bell.fileno(), *(transport.fileno() for transport in hubs)]
        seconds = until - time.monotonic()
        if min(told) < 0 or opened.node.outgoing.owed:
            seconds = min(seconds, LOOK_INTERVAL)
        if not (self._orders.ending or self._orders.reloading or self._replaced):
            watch.wait([*told, self._orders.fileno()], seconds)
            self._orders.clear()

    def _tell_turn(self) -> None:
        if self._turns >= 0:
            with suppress(OSError):  # a full pipe is as good as a byte; a missing supervisor is noticed elsewhere
                os.write(self._turns, b".")

    def _expire(self, opened: composition.RunningNode) -> None:
        """Expiry starts one lease after the hubs were read empty: by then other workers are done with what they had
        taken."""
        if self._read_at is None and opened.node.hubs_read():
            self._read_at = time.monotonic()
        lease = opened.node.rules.delivery.lease.total_seconds()
        if self._read_at is not None and time.monotonic() >= self._read_at + lease:
            events.moved(pipeline.expire(opened.node))

    def _follow(self, node: Node) -> None:
        if time.monotonic() >= self._follow_at:
            self._follow_at = time.monotonic() + FOLLOW_INTERVAL
            events.moved(following.follow_agencies(node))

    def _is_draining(self, node: Node) -> bool:
        if time.monotonic() >= self._drain_at:
            self._drain_at = time.monotonic() + DRAIN_INTERVAL
            self._draining = node.ledger.views.drain() is not None
        return self._draining

    def _take(self, opened: composition.RunningNode) -> bool:
        came, node = False, opened.node
        for transport in opened.transports:
            arrivals = transport.take(node.rules.delivery.batch, 0.0)
            if arrivals:
                came = True
                with measures.stage("receive") as items:
                    handled = opened.in_hand.receive(node, transport, arrivals)
                    items.append(len(arrivals))
                events.answered(handled.answers)
                events.moved(handled.moves)
                for finding in handled.setbacks:
                    events.setback(finding)
                events.receipts_doubted(handled.alarms)
                events.clocks_differ(handled.clocks)
                events.logs_doubted(handled.logs)
                events.outcomes_doubted((peer, one.envelope, one.recipient, why) for peer, one, why in handled.doubts)
                events.input_quarantined(handled.odd)
        return came

    def _declare(self, opened: composition.RunningNode) -> None:
        """Make the own hub's mailboxes. An absent or silent hub holds up nothing else."""
        if self._declaring is None and opened.undeclared and time.monotonic() >= self._declare_at:
            self._declaring = Errand(opened.make_mailboxes)
        if self._declaring is None or not self._declaring.over:
            return
        problem, declaring, self._declaring = None, self._declaring, None
        try:
            lost = declaring.result()
            if lost is not None:
                self._declare_at = time.monotonic() + DECLARE_INTERVAL
                opened.ask_about_lost()
                events.hub_declared(lost)
        except (Setback, Refusal) as trouble:
            problem = trouble.finding
        self._tell("hub, declaring", problem)

    def _tell(self, hub: str, problem: Finding | None) -> None:
        """Log when the trouble with a hub begins, changes or ends, not at each attempt."""
        if self._problems.get(hub) != problem:
            self._problems[hub] = problem
            events.transport_problem(hub, problem)

    def _tell_tiles(self, problem: Finding | None) -> None:
        if self._problems.get("tiles") != problem:
            self._problems["tiles"] = problem
            events.tiles_problem(problem)

    def _renew_trust(self, opened: composition.RunningNode) -> None:
        """Before anything is taken, and whatever else is wrong: an absent hub must not delay a block."""
        if time.monotonic() < self._trust_at:
            return
        self._trust_at = time.monotonic() + TRUST_INTERVAL
        findings = opened.renew_trust()
        if findings:
            events.reload_refused(findings)
        elif findings is not None:
            events.trust_renewed(os.getpid(), opened.node.rules.trust.epoch)
        self._renew_credentials(opened)

    def _renew_credentials(self, opened: composition.RunningNode) -> None:
        unusable = opened.renew_credentials()
        if unusable is None:
            return
        self._recount = True
        if not unusable:
            events.credentials_renewed(os.getpid(), opened.signing.name if opened.signing else "")
        elif list(unusable) != list(self._unusable):  # a token that is away is asked again and again
            events.reload_refused(unusable)
        self._unusable = unusable

    def _load_rules(self, opened: composition.RunningNode) -> None:
        try:
            settings = self._load()
            configure(settings.log.format, settings.log.level, node=settings.node.name)
            if not opened.reload(settings):  # a hub or the store: another worker begins with them
                self._replaced = True
        except ConfigErrors as errors:
            events.reload_refused(errors.findings)
        except Setback as setback:  # a token
            events.reload_refused([setback.finding])
        else:
            self._recount, self._follow_at = True, 0.0
            events.reloaded()

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._orders.ending and time.monotonic() < until:
            time.sleep(min(0.05, seconds))


def work(
    node: Node,
    tell: Callable[[Sequence[Move]], None] = events.moved,
    alarm: inquiring.Alarm = inquiring.nobody,
) -> bool:
    """Forward, inquire, push and report once. Returns whether there was anything to do."""
    with measures.stage("forward") as items:
        moves = pipeline.forward(node)
        items.append(len(moves))
    tell(moves)
    looked_at = inquiring.inquire(node, alarm) + pushing.push(node)
    with measures.stage("report") as items:
        items.append(pipeline.report(node))
    busy = bool(items[0]) or bool(moves) or bool(looked_at)
    node.left |= busy  # there may be more
    return busy


def run(path: Path, pins: Mapping[str, str] | None, orders: Orders, turns: int) -> int:
    """A worker from its start to its end; returns its exit status."""
    try:
        return Worker(path, orders, pins, turns).run()
    except ConfigErrors as errors:
        events.reload_refused(errors.findings)
        return EXIT_CONFIG
    except Refusal as refusal:  # a file of the settings: a certificate, a key, a password
        events.reload_refused([refusal.finding])
        return EXIT_CONFIG
    except Setback as setback:  # the database, or a token, is away; the supervisor tries again
        events.setback(setback.finding)
        return EXIT_TEMPORARY
    except Exception as error:  # noqa: BLE001  # the log tells where, without the message; the supervisor starts anew
        events.defect("worker", error)
        return EXIT_SOFTWARE


def main() -> int:
    configure("auto", "info")  # until the settings say otherwise
    pins = json.loads(sys.argv[3]) if len(sys.argv) > 3 else None
    turns = int(sys.argv[4]) if len(sys.argv) > 4 else -1
    return run(Path(sys.argv[1]), pins, SignalOrders(int(sys.argv[2])), turns)


if __name__ == "__main__":
    sys.exit(main())
