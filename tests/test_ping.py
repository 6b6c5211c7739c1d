"""The way to an agency, as it is tried from the node above."""

from __future__ import annotations

from edxml_router.services.flow.reaching import reach
from edxml_router.stages.offices import inbox
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # a fixture


def test_the_whole_way_is_that_of_the_last_letter_that_was_confirmed(nodes: Nodes) -> None:
    settings = nodes.tree.settings("quoc-gia")
    nodes.settle(1)  # each takes from its mailboxes now
    before = {check.name: check for check in reach(settings, "H53")}
    assert {name: check.finding for name, check in before.items()} == dict.fromkeys(before)
    assert "H53" in before["route"].detail
    assert "no letter" in before["way"].detail
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    [one] = nodes.deliveries("tay-ninh", digest).values()
    assert inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [one.name]) == [None]
    nodes.settle()
    after = {check.name: check for check in reach(settings, "H53")}
    assert after["way"].detail.startswith("quoc-gia → tay-ninh: ")
    assert "connected" in after["taker"].detail
