"""``book.inventories``: :class:`edxml_router.ports.witnesses.Inventories` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, select, text, update

from edxml_router.core.delivery.lifecycle import ENDS
from edxml_router.core.link.inventory.messages import OPEN, CarriedDelivery, DeliveryStanding, Direction, Pass
from edxml_router.core.link.inventory.values import InventoryRound, Lacking, LinkGap
from edxml_router.core.link.route import Route
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.epochs.tables import epochs
from edxml_router.store.inventory.tables import gap_notes, gaps, inventories

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_PAIRS: Final = select(deliveries.c.digest, deliveries.c.recipient).where(deliveries.c.digest.in_(_KEYS))
_STANDINGS: Final = select(deliveries).where(deliveries.c.digest.in_(_KEYS))
_NAMESAKES: Final = select(envelopes.c.identity, envelopes.c.digest).where(envelopes.c.identity.in_(_KEYS))
_KNOWN_GAPS: Final = select(gaps).where(gaps.c.digest.in_(_KEYS))
_AGAIN: Final = ("found_at", "ended_at", "excused", "other", "evidence", "outcome_here", "outcome_there")
_PLACE: Final = (inventories.c.peer, inventories.c.direction, inventories.c.reason)


def round_of(row: Any) -> InventoryRound:
    values = row._mapping
    named = {"direction": Direction(values["direction"]), "reason": Pass(values["reason"])}
    return InventoryRound(**{**values, **named})


def gap_of(row: Any) -> LinkGap:
    values = {name: getattr(row, name) for name in LinkGap.__slots__}
    return LinkGap(**{**values, "direction": Direction(row.direction), "lacking": Lacking(row.lacking)})


class SqlInventories(Part):
    """See :class:`edxml_router.ports.witnesses.Inventories`."""

    def begin(self, rounds: Iterable[InventoryRound], *, anew: bool = False) -> None:
        for each in rounds:
            if self.one(each.peer, each.direction, each.reason) is None:
                self._execute(insert(inventories), _values(each))
            elif anew:
                self.keep(each)

    def turn(
        self, peer: str, direction: Direction, reason: Pass, now: datetime, patience: timedelta
    ) -> InventoryRound | None:
        found = self.one(peer, direction, reason)
        if found is None or (found.question and found.asked_at and now - patience < found.asked_at <= now):
            return None
        return found

    def one(self, peer: str, direction: Direction, reason: Pass) -> InventoryRound | None:
        row = self._execute(_one(peer, direction, reason).with_for_update()).one_or_none()
        return round_of(row) if row else None

    def keep(self, inventory_round: InventoryRound) -> None:
        values = _values(inventory_round)
        place = {column.name: values.pop(column.name) for column in _PLACE}
        rows = update(inventories).where(*(column == place[column.name] for column in _PLACE))
        self._execute(rows.values(values))

    def carried(
        self, peer: str, direction: Direction, after: tuple[datetime, str, str], until: datetime, limit: int
    ) -> Sequence[CarriedDelivery]:
        at, digest, recipient = after
        theirs = deliveries.c.origin == Route.link(peer)
        if direction is Direction.HANDED:
            accepted = deliveries.c.far_accepted | (deliveries.c.state == text("'confirmed'"))
            theirs = (deliveries.c.route == Route.link(peer)) & accepted
        same = (envelopes.c.accepted_at == at) & (deliveries.c.digest == digest) & (deliveries.c.recipient > recipient)
        later = (envelopes.c.accepted_at == at) & (deliveries.c.digest > digest)
        query = (
            select(
                deliveries.c.digest,
                deliveries.c.recipient,
                envelopes.c.identity.label("named"),
                func.coalesce(deliveries.c.handed_at, envelopes.c.accepted_at, type_=envelopes.c.accepted_at.type)
                if direction is Direction.HANDED
                else envelopes.c.accepted_at,
                envelopes.c.accepted_at.label("place"),
            )
            .select_from(envelopes.join(deliveries, deliveries.c.digest == envelopes.c.digest))
            .where(envelopes.c.accepted_at >= at, envelopes.c.accepted_at < until, theirs)
            .where((envelopes.c.accepted_at > at) | later | same)
            .order_by(envelopes.c.accepted_at, envelopes.c.digest, deliveries.c.recipient)
            .limit(limit)
        )
        return [CarriedDelivery(*row) for row in self._execute(query)]

    def known(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        wanted = set(pairs)
        found = self._by_keys(_PAIRS, {digest for digest, _ in wanted})
        return {(row.digest, row.recipient) for row in found} & wanted

    def standings(
        self, peer: str, direction: Direction, pairs: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], DeliveryStanding]:
        wanted, link = set(pairs), Route.link(peer)
        found = {}
        for row in self._by_keys(_STANDINGS, {digest for digest, _ in wanted}):
            of_link = row.route if direction is Direction.HANDED else row.origin
            if of_link == link and (row.digest, row.recipient) in wanted:
                outcome = row.state.value if row.state in ENDS else OPEN
                ended_at = row.ended_at or row.updated_at if row.state in ENDS else None
                found[row.digest, row.recipient] = DeliveryStanding(
                    row.digest, row.recipient, row.generation, outcome, ended_at, row.code
                )
        return found

    def namesakes(self, named: Collection[str]) -> Mapping[str, str]:
        return {row.identity: row.digest for row in self._by_keys(_NAMESAKES, named)}

    def restored(self, most: int) -> Sequence[tuple[datetime, datetime]]:
        later = epochs.c.reason != "made"  # the first one forgot nothing
        query = select(epochs.c.since, epochs.c.at).where(later).order_by(epochs.c.at.desc()).limit(most)
        return [(row.since, row.at) for row in self._execute(query)]

    def catch(self, caught: Sequence[LinkGap], note: bytes, most: int) -> Sequence[LinkGap]:
        new = []
        room = {peer: self._room(peer, most) for peer in sorted({gap.peer for gap in caught})}
        there = {_key(row): row for row in self._by_keys(_KNOWN_GAPS, {gap.digest for gap in caught})}
        for gap in caught:
            row = there.get(_key(gap))
            if row is None and room[gap.peer] > 0:
                room[gap.peer] -= 1
                self._execute(insert(gaps), {name: getattr(gap, name) for name in LinkGap.__slots__})
                new.append(gap)
            elif row is not None and row.ended_at is not None:  # it was filled, and is there again
                again = {name: getattr(gap, name) for name in _AGAIN}
                self._execute(update(gaps).where(gaps.c.id == row.id).values(again))
                new.append(gap)
        for evidence in sorted({gap.evidence for gap in new}):
            if not self._execute(select(func.count()).where(gap_notes.c.evidence == evidence)).scalar_one():
                self._execute(insert(gap_notes), {"evidence": evidence, "note": note})
        return new

    def close(self, peer: str, lacking: Lacking, pairs: Collection[tuple[str, str]], now: datetime) -> None:
        theirs = select(gaps).where(gaps.c.peer == peer, gaps.c.lacking == lacking.value, gaps.c.ended_at.is_(None))
        wanted = set(pairs)
        filled = [row.id for row in self._execute(theirs) if (row.digest, row.recipient) in wanted]
        if filled:
            self._execute(update(gaps).where(gaps.c.id.in_(filled)).values(ended_at=now))

    def _room(self, peer: str, most: int) -> int:
        """How many more gaps of a neighbour may be kept; where none, those that were filled make room."""
        if (room := most - self._count(peer)) > 0:
            return room
        self._execute(delete(gaps).where(gaps.c.peer == peer, gaps.c.ended_at.is_not(None)))
        self._execute(delete(gap_notes).where(gap_notes.c.evidence.not_in(select(gaps.c.evidence))))
        return most - self._count(peer)

    def _count(self, peer: str) -> int:
        counted: int = self._execute(select(func.count()).where(gaps.c.peer == peer)).scalar_one()
        return counted


def _one(peer: str, direction: Direction, reason: Pass) -> Select[Any]:
    wanted = (peer, direction.value, reason.value)
    return select(inventories).where(*(column == value for column, value in zip(_PLACE, wanted, strict=True)))


def _values(inventory_round: InventoryRound) -> dict[str, Any]:
    return {
        **asdict(inventory_round),
        "direction": inventory_round.direction.value,
        "reason": inventory_round.reason.value,
    }


def _key(of: Any) -> tuple[str, ...]:
    return of.peer, str(of.direction), str(of.lacking), of.digest, of.recipient
