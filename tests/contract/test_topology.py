"""Names, addresses and permissions of a hub."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.problems import Refusal
from edxml_router.intake import speakers
from edxml_router.transport import topology

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


def test_the_kind_of_what_could_not_be_read_is_nobodys_to_send() -> None:
    assert topology.DAMAGED not in speakers.LINK_KINDS | speakers.OFFICE_KINDS


@pytest.mark.parametrize("name", ["", "a.urgent", "a b", "a/b", "..", "x" * 65, "mã", "a\n"])
def test_names_that_would_mean_something_else_are_refused(name: str) -> None:
    for make in (topology.down, topology.inbox):
        with pytest.raises(Refusal) as caught:
            make(name)
        assert caught.value.code == "EDX901"


def test_addresses() -> None:
    assert topology.address("edx.up.a") == ("edx.up.a", "ordinary")
    assert topology.address("edx.up.a.urgent") == ("edx.up.a", "urgent")
    assert topology.address("edx.submit.a") == ("edx.submit.a", "submit")
    assert topology.address("edx.down.a.urgent") == ("edx.down", "edx.down.a.urgent")
    assert topology.address("edx.inbox.a") == ("edx.inbox", "edx.inbox.a")


@given(st.lists(NAMES, unique=True, max_size=5), st.lists(NAMES, unique=True, max_size=5))
def test_no_two_queues_share_an_address(children: list[str], offices: list[str]) -> None:
    queues = topology.queues(children, offices)
    assert len({(queue.exchange, queue.key) for queue in queues}) == len(queues)
    assert {queue.exchange for queue in queues} <= set(topology.exchanges(children, offices))
    assert len({queue.name for queue in queues}) == len(queues) == 4 * len(children) + 2 * len(offices)


def test_no_queue_drops_anything_and_all_are_bounded() -> None:
    for queue in topology.queues(["a"], ["o"], capacity=1000):
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-overflow"] == "reject-publish"
        assert queue.arguments["x-delivery-limit"] == 2**31 - 1
        assert queue.arguments["x-max-length-bytes"] == 1000


def test_urgent_first_keeps_the_order_otherwise() -> None:
    assert topology.urgent_first(["edx.submit.o", "edx.up.a", "edx.up.a.urgent", "edx.up.a"]) == (
        "edx.up.a.urgent",
        "edx.submit.o",
        "edx.up.a",
    )
    assert topology.intakes(["a"], ["o"]) == ("edx.up.a.urgent", "edx.up.a", "edx.submit.o")


@given(NAMES, st.lists(NAMES, min_size=1, max_size=5))
def test_a_child_or_office_may_touch_its_own_only(name: str, others: list[str]) -> None:
    names = [name, *others]
    others_own = {*topology.exchanges(names, names), *topology.mailboxes(others, others)}
    everything = others_own | {"amq.default", "amq.topic", "edx.up", "edx.submit", ""}
    child = topology.permissions("u", "child", name)
    assert {item for item in everything if re.search(child.write, item)} == {topology.up(name)}
    own = set(topology.child_mailboxes(name))
    assert {item for item in everything | own if re.search(child.read, item)} == own
    office = topology.permissions("u", "office", name)
    assert {item for item in everything if re.search(office.write, item)} == {topology.submission(name)}
    inbox = topology.inbox(name)
    assert {item for item in everything | {inbox} if re.search(office.read, item)} == {inbox}
    assert not any(re.search(user.configure, item) for user in (child, office) for item in everything - {""})


def test_the_owner_may_do_all_within_the_hub() -> None:
    owner = topology.permissions("node", topology.HubRole.OWNER)
    assert owner == ("node", r"^edx\.", r"^edx\.", r"^edx\.")
