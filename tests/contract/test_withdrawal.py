"""What has a lifetime is nobody's once that is over; how much waits; whether a mailbox was read empty; on each hub."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router.ports.transport import MailboxDepth, Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.local import attendance
from tests.contract.hubs import Hub, LocalHub, collect, parcel, until

INBOX, UP = topology.inbox("vp"), topology.up("a")


def test_what_is_over_is_withdrawn_and_the_rest_is_not(hub: Hub) -> None:
    node = hub.open("node")
    over = Message("envelope", "over", b"1", lifetime=timedelta(milliseconds=1))
    good = Message("envelope", "good", b"2", lifetime=timedelta(days=1))
    long = Message("envelope", "long", b"3", lifetime=timedelta(days=400))
    assert list(node.publish([Parcel(INBOX, one) for one in (over, good, over, long)])) == [None] * 4
    until(lambda: hub.open("node").waiting([INBOX])[INBOX].messages <= 4)
    assert [one.message.id for one in collect(hub.open("vp", [INBOX]), 2)] == ["good", "long"]


def test_what_is_over_does_not_stay_in_a_folder_whose_owner_does_not_come(directory: LocalHub) -> None:
    node = directory.open("node")
    over = Message("envelope", "over", b"1", lifetime=timedelta(0))
    good = Message("envelope", "good", b"2", lifetime=timedelta(days=1))
    node.publish([Parcel(INBOX, one) for one in (over, good, over, Message("envelope", "for ever", b"3"))])
    (directory.root / INBOX / "new" / "link").symlink_to("nowhere")
    (directory.root / INBOX / "new" / "odd").write_bytes(b'{"lives":0')
    assert attendance.withdraw(directory.root, [INBOX, "edx.inbox.nobody"]) == 2
    assert node.waiting([INBOX])[INBOX].messages == 4


@pytest.mark.parametrize("step", [400 * 86400.0, -400 * 86400.0], ids=["ahead", "behind"])
def test_a_message_in_a_folder_lives_as_long_whatever_either_clock_says(
    directory: LocalHub, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    node, office = directory.open("node"), directory.open("vp", [INBOX])
    right = time.time
    good = Message("envelope", "good", b"2", lifetime=timedelta(days=1))
    node.publish([Parcel(INBOX, good)])
    monkeypatch.setattr(time, "time", lambda: right() + step)
    assert attendance.withdraw(directory.root, [INBOX]) == 0
    assert [one.message.id for one in collect(office, 1)] == ["good"]
    node.publish([Parcel(INBOX, replace(good, id="later"))])
    monkeypatch.undo()
    assert [one.message.id for one in collect(office, 1)] == ["later"]


def test_how_much_waits_in_a_mailbox_of_somebody_else(hub: Hub) -> None:
    node = hub.open("node")
    assert node.waiting([INBOX]) == {INBOX: MailboxDepth(0, 0)}
    node.publish([parcel(INBOX, number) for number in (1, 2, 3)])
    until(lambda: node.waiting([INBOX]) == {INBOX: MailboxDepth(3, 0)})
    office = hub.open("vp", [INBOX])
    assert len(collect(office, 3)) == 3
    until(lambda: node.waiting([INBOX]) == {INBOX: MailboxDepth(0, 1)})
    office.close()
    until(lambda: node.waiting([INBOX]) == {INBOX: MailboxDepth(3, 0)})  # taken, and not acknowledged
    hub.remove(INBOX)
    assert node.waiting([INBOX, UP]) == {UP: MailboxDepth(0, 0)}


def test_a_mailbox_is_read_empty_once_all_of_it_was_taken(hub: Hub) -> None:
    child = hub.open("child-a")
    child.publish([replace(parcel(UP, number)) for number in (1, 2)])
    node = hub.open("node", [UP])
    assert not node.emptied
    node.acknowledge(collect(node, 2))
    until(lambda: list(node.take(1, 0.01)) == [] and node.emptied)
