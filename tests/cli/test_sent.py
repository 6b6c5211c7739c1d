"""``sent``: what an office sent and what became of it, as one node knows it."""

from __future__ import annotations

from tests.cli.conftest import OneNode


def test_an_office_sees_what_it_sent_and_how_it_stands(node: OneNode) -> None:
    assert node.call("sent").stdout == "Nothing was sent that matches.\n"
    first = node.send("H53-1", ["G22", "H53.01"])
    second = node.send("H53-2", ["G22"])
    node.work()
    node.call("confirm", f"{first[:12]}.G22")
    newest, oldest = node.rows("sent")
    assert [newest["envelope"]["digest"], oldest["envelope"]["digest"]] == [second, first]
    assert (oldest["office"], oldest["outcome"], oldest["next"]) == ("vp", "open", None)
    assert oldest["states"]["confirmed"] == 1
    assert [(one["recipient"], one["state"]) for one in newest["deliveries"]] == [("G22", "available")]
    assert {one["recipient"] for one in oldest["deliveries"]} == {"G22", "H53.01"}
    assert [row["envelope"]["digest"] for row in node.rows("sent", "--recipient", "000.00.00.G22", "--limit", "1")] == [
        second
    ]
    assert [row["envelope"]["digest"] for row in node.rows("sent", "--document", first[:12])] == [first]
    assert node.rows("sent", "--office", "vpcp") == node.rows("sent", "--until", "1h") == []
    assert node.call("sent", "--office", "nobody").exit_code == 1
    shown = node.call("sent").stdout
    assert "H53-1" in shown and "confirmed" in shown and "link:h53-01" in shown
