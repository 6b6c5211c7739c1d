"""What the demo shows: a live board of the nodes, a trace per envelope, and what became of the bad ones."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy import select

from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import PROBLEMS
from edxml_router.demo.oracle import Witness
from edxml_router.demo.story import RECALL, SentLetter, Story
from edxml_router.demo.texts import TEXTS, narrate
from edxml_router.language.catalogues import told
from edxml_router.store.database.engine import reading
from edxml_router.store.receipts.book import receipt_of, receipts

WAITING = (State.QUEUED, State.FORWARDING, State.DEFERRED, State.HELD)


@dataclass(frozen=True)
class Picture:
    """The pictures of one story in one language."""

    story: Story
    language: str
    began: float

    def say(self, key: str, **values: object) -> str:
        return narrate(self.language, f"board.{key}", **values)

    def board(self) -> RenderableType:
        """How things stand at every node, now."""
        title = self.say("board", envelopes=len(self.story.sent), seconds=time.monotonic() - self.began)
        table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
        table.add_column(self.say("node"), no_wrap=True, min_width=14)
        table.add_column(self.say("serves"), no_wrap=True, min_width=9)
        for key in ("envelopes", "waiting", "forwarded", "inbox", "confirmed", "returned", "refused"):
            table.add_column(self.say(key), justify="right", min_width=8)
        for name, plan in self.story.tree.plans.items():
            witness = self.story.witnesses[name]
            counts = witness.counts()
            values = (
                sum(counts.get(state, 0) for state in WAITING),
                counts.get(State.FORWARDED, 0),
                counts.get(State.AVAILABLE, 0),
                counts.get(State.CONFIRMED, 0),
                counts.get(State.RETURNED, 0),
                len(witness.quarantined()),
            )
            cells = [Text(str(value) if value else "·", style="" if value else "dim") for value in values]
            depth = self._depth(name)
            table.add_row(f"{'  ' * depth}{name}", " ".join(plan.agencies), str(witness.accepted()), *cells)
        return table

    def progress(self) -> str:
        """The board as one line, where there is no terminal."""
        standing = self.story.standing()
        ended = sum(
            all(one.state in (State.CONFIRMED, State.RETURNED) for one in standing.get(digest, {}).values())
            for digest in self.story.sent
        )
        nodes = " ".join(f"{name}:{witness.accepted()}" for name, witness in self.story.witnesses.items())
        return f"{time.monotonic() - self.began:5.1f} s  {ended}/{len(self.story.sent)}  {nodes}"

    def under_way(self) -> int:
        """Deliveries that have not ended, at all nodes."""
        counts = [witness.counts() for witness in self.story.witnesses.values()]
        return sum(count for each in counts for state, count in each.items() if state not in ENDS)

    def traces(self, numbers: Collection[int] = ()) -> RenderableType:
        """Every document with the way to each recipient, then the statuses, a line each; or only some documents."""
        told = {name: _receipts(witness, Route.office(self.story.offices[name].name))
                for name, witness in self.story.witnesses.items()}  # fmt: skip
        blocks: list[RenderableType] = [Text(self.say("traces"), style="bold underline")]
        statuses = Table(box=SIMPLE_HEAD, title=self.say("statuses"), title_justify="left", title_style="bold")
        for key in ("status", "from", "to", "way", "outcome"):
            statuses.add_column(self.say(key))
        for sent in self.story.sent.values():
            receipts = told[sent.node]
            if numbers and sent.number not in numbers:
                continue
            if sent.kind.startswith("status"):
                for recipient in sent.expected:
                    way = self._way(receipts.get((sent.digest, recipient)))
                    statuses.add_row(sent.kind.removeprefix("status "), sent.sender, recipient, *way)
            elif sent.number < 5000:
                blocks.append(self._trace(sent, receipts))
        return Group(*blocks, *([] if numbers else [statuses]))

    def _trace(self, sent: SentLetter, receipts: Mapping[tuple[str, str], Receipt]) -> RenderableType:
        mark = "↶ " if sent.number == RECALL.number else ""
        title = Text(f"{mark}{sent.document_id}  ", style="bold")
        title.append(sent.title, style="italic")
        cover = self.say("parts" if sent.parts else "whole")
        verdict = str(sent.verdict["signature"]["indication"])
        words = self.say(verdict) if f"board.{verdict}" in TEXTS else verdict
        title.append(f"\n{self.say('signature', verdict=words, cover=cover, signer=sent.sender)}", style="dim")
        table = Table(box=None, padding=(0, 2), show_header=False)
        table.add_column(min_width=10)
        for recipient in sent.expected:
            table.add_row(Text(recipient, style="cyan"), *self._way(receipts.get((sent.digest, recipient))))
        return Group(Text(), title, table)

    def _way(self, receipt: Receipt | None) -> tuple[Text, Text]:
        if receipt is None:
            return Text("?", style="red"), Text("?", style="red")
        began = receipt.hops[0].at
        way = Text()
        for hop in receipt.hops:
            way.append(" → " if way else "", style="dim")
            way.append(hop.node).append(f" {(hop.at - began).total_seconds() * 1000:.0f}", style="dim")
        good = receipt.outcome is ReceiptOutcome.CONFIRMED
        outcome = Text("✓ " if good else "↩ ", style="green" if good else "yellow")
        outcome.append(self.say("confirmed") if good else self.say("returned") + f" {receipt.code}: {receipt.detail}")
        outcome.append(f" {(receipt.at - began).total_seconds() * 1000:.0f}", style="dim")
        return way, outcome

    def refusals(self) -> RenderableType:
        """Every bad one: what it was answered, and what to do about it."""
        table = Table(box=SIMPLE_HEAD, title=self.say("bad"), title_justify="left", title_style="bold")
        for key in ("what", "code", "problem", "remedy"):
            table.add_column(self.say(key))
        for refused in self.story.refused:
            code = str((refused.verdict.get("problem") or {}).get("code", "?"))
            problem = PROBLEMS.get(code)
            title, remedy = (problem.title[self.language], problem.remedy[self.language]) if problem else ("?", "?")
            marked = Text(code, style="green" if code == refused.bad.code else "red")
            table.add_row(told(self.language, refused.bad.title), marked, title, remedy)
        return table

    def _depth(self, name: str) -> int:
        parent = self.story.tree.plans[name].parent
        return 0 if parent is None else 1 + self._depth(parent)


def _receipts(witness: Witness, origin: str) -> dict[tuple[str, str], Receipt]:
    """What an office was told at last about each delivery of its envelopes."""
    query = select(receipts).where(receipts.c.origin == origin).order_by(receipts.c.id)
    with reading(witness.ledger.engine) as connection:
        found = [receipt_of(row) for row in connection.execute(query)]
    return {(one.envelope, one.recipient): one for one in found}
