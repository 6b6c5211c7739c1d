"""How things stand with a node, as numbers; what is counted is in :mod:`edxml_router.observe.measures`.

Points in time are given as such, in seconds since 1970, and not as ages: an age that nobody computes any more looks
young for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edxml_router.observe.measures import MEASURES
from edxml_router.observe.tally import Labels


@dataclass(frozen=True, slots=True)
class Gauge:
    """One kind of number; ``about`` is for people."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


Reading = tuple[Gauge, Labels, float]

PREFIX: Final = "edxml_router_"

BUILD: Final = Gauge("build_info", "Always 1: the version that runs, and the Python beneath it.", ("version", "python"))
NODE: Final = Gauge("node_info", "Always 1: the node's name.", ("node",))
WORKERS: Final = Gauge("workers_reporting", "Workers that have reported within the last 15 seconds.")
WANTED: Final = Gauge("workers_wanted", "Workers that the settings ask for.")
HUB_UP: Final = Gauge("hub_up", "Whether at least one worker finds nothing wrong with this hub.", ("hub",))
HUB_PROBLEM: Final = Gauge("hub_problem", "Workers that find this wrong with a hub.", ("hub", "code"))
DATABASE_UP: Final = Gauge("database_up", "Whether the database has answered.")
READ: Final = Gauge(
    "figures_timestamp_seconds",
    "When these figures were read: from the database, or from files.",
    ("source",),
)
OPEN: Final = Gauge("deliveries_open", "Deliveries without an end yet.", ("route", "state", "urgency"))
OLDEST: Final = Gauge(
    "deliveries_oldest_timestamp_seconds",
    "When the oldest of them was accepted here.",
    ("route", "state", "urgency"),
)
DRAINING: Final = Gauge("draining", "Whether nothing new is taken, by an operator's word.")
HALTED: Final = Gauge("deliveries_halted", "Deliveries that this halt lets wait.", ("halt",))
SILENT: Final = Gauge(
    "mailbox_silent_timestamp_seconds", "Since when a mailbox gives no answer; nothing for one that does.",
    ("route", "urgency"),
)  # fmt: skip
ENTRIES: Final = Gauge("journal_entries", "Entries of the journal under its newest checkpoint.")
CHECKPOINT: Final = Gauge("journal_checkpoint_timestamp_seconds", "When that checkpoint was made.")
UNNUMBERED: Final = Gauge(
    "journal_unnumbered_timestamp_seconds",
    "When the oldest entry without a place in the log was written; nothing where all have theirs.",
)
SIGNED: Final = Gauge("journal_signed_entries", "Entries under the newest signed checkpoint.")
COSIGNED: Final = Gauge("journal_cosigned_entries", "Entries that this neighbour has cosigned.", ("peer",))
COSIGNED_AT: Final = Gauge(
    "journal_cosigned_timestamp_seconds", "When this neighbour last answered with a cosignature; 0 for never.",
    ("peer",),
)  # fmt: skip
WITNESS_PROBLEM: Final = Gauge(
    "journal_witness_problem", "Always 1: what is wrong between this node and a neighbour as each other's witness.",
    ("peer", "code"),
)  # fmt: skip
STAMPED_AT: Final = Gauge(
    "journal_stamp_timestamp_seconds", "The time in an authority's last time stamp.", ("authority",)
)
UNSTAMPED: Final = Gauge(
    "journal_unstamped_timestamp_seconds",
    "When the first signed checkpoint beyond an authority's last stamp was made; nothing where there is none.",
    ("authority",),
)
UPKEEP_AT: Final = Gauge(
    "upkeep_timestamp_seconds", "When this was done last: scrub, backup, drill; nothing where never.", ("kind",)
)
UPKEEP_SOUND: Final = Gauge("upkeep_sound", "Whether all was well then.", ("kind",))
DAMAGED: Final = Gauge("bodies_damaged", "Stored bodies that are known to be damaged, up to a thousand.")
GAPS: Final = Gauge("link_gaps", "Deliveries that one end of a link lists and the other does not know.",
                    ("peer", "code"))  # fmt: skip
EXPIRY: Final = Gauge(
    "trust_expiry_timestamp_seconds",
    "When the first of these ends: certificates by kind (anchor, intermediate, own, neighbour, vouching, broker), "
    "lists of files (list) and fetched ones (fetched).",
    ("kind",),
)
ATTENTION: Final = Gauge(
    "trust_attention", "Certificates and lists that need somebody, by kind and problem.", ("kind", "code")
)
FREE: Final = Gauge("disk_free_bytes", "Free space of the disk of node.data.")
SIZE: Final = Gauge("disk_size_bytes", "Size of that disk.")
RESERVE: Final = Gauge("disk_reserve_bytes", "Below so much free space nothing is accepted (store.reserve_bytes).")
OFFSET: Final = Gauge(
    "clock_offset_seconds",
    "By how much a neighbour's clock is ahead of ours, where they are known to differ; nothing where they agree.",
    ("peer",),
)
DOUBTFUL: Final = Gauge("clock_doubtful", "Whether the machine's clock has jumped and is not believed.")

GAUGES: Final = {
    one.name: one
    for one in (
        BUILD, NODE, WORKERS, WANTED, HUB_UP, HUB_PROBLEM, DATABASE_UP, READ, OPEN, OLDEST, DRAINING, HALTED, SILENT,
        ENTRIES, CHECKPOINT, UNNUMBERED, SIGNED, COSIGNED, COSIGNED_AT, WITNESS_PROBLEM, STAMPED_AT, UNSTAMPED,
        UPKEEP_AT, UPKEEP_SOUND, DAMAGED, GAPS, EXPIRY, ATTENTION, FREE, SIZE, RESERVE, OFFSET, DOUBTFUL,
    )
}  # fmt: skip


def shown_names() -> dict[str, str]:
    """Every metric by the name that a query has, with what it is about."""
    found = {PREFIX + one.name + ("" if one.buckets else "_total"): one.about for one in MEASURES.values()}
    return found | {PREFIX + name: one.about for name, one in GAUGES.items()}
