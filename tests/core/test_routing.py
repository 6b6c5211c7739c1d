"""Routing: the next hop to an agency."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.agencies.code import is_under
from edxml_router.core.agencies.routing import Local, Routes, Via
from edxml_router.core.problems import Refusal
from edxml_router.language.catalogues import told

PROVINCE = Routes.build(
    served={"H53": "vpub", "000.00.09.H53": "sonv", "001.00.10.H53": "oldhole"},
    children={
        "district-31": ["H53.31"],
        "commune": ["H53.31.22", "H53.151", "vxp.saas.03"],
        "neighbour": ["H17"],
    },
    parent="national",
)
ROOT = Routes.build(served={"G22": "vpcp"}, children={"tayninh": ["H53", "K53"], "agency": ["0123456789"]})


@pytest.mark.parametrize(
    ("code", "hop"),
    [
        ("H53", Local("vpub")),
        ("H53.09", Local("sonv")),
        ("H53.09.01", Via("national")),  # an office serves the codes it was given, not what is below them
        ("H53.31", Via("district-31")),
        ("H53.31.21", Via("district-31")),
        ("H53.31.22", Via("commune")),  # the longer prefix
        ("H53.31.22.01", Via("commune")),
        ("H53.31.221", Via("district-31")),  # dots, not letters
        ("H53.311", Via("national")),
        ("H53.151", Via("commune")),
        ("vxp.saas.03", Via("commune")),
        ("vxp.saas", Via("national")),
        ("vxp.saas.03.04", Via("national")),  # nothing is below an opaque code
        ("H17.22.28", Via("neighbour")),
        ("G12", Via("national")),
        ("001.00.10.H53", Local("oldhole")),
        ("001.00.31.H53", Via("district-31")),  # an old code with a hole still lies under its district
        ("001.00.10.H17", Via("neighbour")),
    ],
)
def test_next_hop(code: str, hop: Local | Via) -> None:
    assert PROVINCE.next_hop(code) == hop


@pytest.mark.parametrize("code", ["H01", "G22.01", "vxp.saas.03", "0123456789001"])
def test_the_root_refuses_what_nobody_serves(code: str) -> None:
    with pytest.raises(Refusal) as caught:
        ROOT.next_hop(code)
    assert caught.value.code == "EDX505"
    assert caught.value.finding.detail == code


def test_a_text_that_is_no_code_has_no_route() -> None:
    with pytest.raises(Refusal) as caught:
        ROOT.next_hop("no code")
    assert caught.value.code == "EDX503"


def test_under() -> None:
    assert PROVINCE.under("commune") == ("H53.151", "H53.31.22", "vxp.saas.03")
    assert PROVINCE.under("national") == ()


def test_a_prefix_may_be_written_in_the_old_form() -> None:
    routes = Routes.build(served={}, children={"a": ["000.00.31.H53"]}, parent="up")
    assert routes.next_hop("H53.31.22") == Via("a")


@pytest.mark.parametrize(
    "children", [{"a": ["H53"], "b": ["000.00.00.H53"]}, {"a": ["H53.31"], "c": ["H53.31"]}]
)
def test_one_prefix_belongs_to_one_link(children: dict[str, list[str]]) -> None:
    with pytest.raises(Refusal) as caught:
        Routes.build(served={}, children=children)
    assert caught.value.code == "EDX901"
    assert "belongs to a" in caught.value.finding.detail


def test_one_agency_belongs_to_one_office() -> None:
    with pytest.raises(Refusal) as caught:
        Routes.build(served={"H53": "a", "000.00.00.H53": "b"})
    assert (caught.value.code, caught.value.finding.where) == ("EDX901", "offices.b")


def test_explain_tells_each_step() -> None:
    assert PROVINCE.explain("H53.31.21") == (
        "H53.31.21 is served by no office of this node",
        "no link claims H53.31.21",
        "prefix H53.31 belongs to link district-31",
    )
    assert PROVINCE.explain("H53") == ("H53 is served here by office vpub",)
    assert PROVINCE.explain("G12")[-1] == "everything else goes to the parent, link national"
    assert told("vi", ROOT.explain("G12")[-1]) == "nút này không có nút cấp trên nên không có đường đi"


prefixes = st.from_regex(r"H5[0-3](\.3[0-3]){0,2}", fullmatch=True)


@given(st.lists(prefixes, unique=True, max_size=8), prefixes)
def test_the_longest_prefix_wins(claimed: list[str], code: str) -> None:
    routes = Routes.build(served={}, children={prefix: [prefix] for prefix in claimed}, parent="up")
    fitting = [prefix for prefix in claimed if is_under(code, prefix)]
    assert routes.next_hop(code) == Via(max(fitting, key=len, default="up"))
