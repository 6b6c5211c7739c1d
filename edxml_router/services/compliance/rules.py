"""The controls that concern an exchange, as data: what each rule asks, from which level on, and how it is measured.

None of the texts was at hand as it was published. QCVN 12:2026 is known from a copy that a third party has read from
scans, TCVN 14423:2026 and NĐ 331/2026 from a third party's summary without clauses; a sentence here is our short form
of those, not a quotation. So every row says that its text is not verified, and a clause that nobody has told is empty.
Who verifies one against the official text says so in ``verified``, with its source. QCVN 12:2026 binds archives; it is
here because tenders of exchanges copy it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.services.compliance import journal_measures as journal
from edxml_router.services.compliance import keeping_measures as keeping
from edxml_router.services.compliance import trust_measures as trust
from edxml_router.services.compliance.situation import Measurement, Situation

LEVELS: Final = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class LegalRule:
    """A text of the law: how it is cited, where its words here are from, and whether they were compared with it."""

    name: str
    source: Detail
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that a rule asks of nodes of ``least_level`` or more; ``setting`` names what an operator sets."""

    name: str
    rule: LegalRule
    clause: str  # empty where it is not known
    least_level: int
    requirement: Detail
    setting: str
    measure: Callable[[Situation], Measurement]
    remedy: Detail


QCVN: Final = LegalRule("QCVN 12:2026/BCA", Detail("a copy read from scans by a third party"))
TCVN: Final = LegalRule("TCVN 14423:2026", Detail("a summary by a third party, without clauses"))
DECREE: Final = LegalRule("NĐ 331/2026/NĐ-CP", Detail("a summary by a third party"))

_GUARD: Final = Detail(
    "Somebody has taken triggers away. Find out who, keep this database, and restore a back-up, or run `edxml-router "
    "init` on a copy to see which are meant."
)
_DRILL: Final = Detail("Restore a copy for trial, and look at what it finds (docs/operations.md).")

CONTROLS: Final[tuple[Control, ...]] = (
    Control("level", DECREE, "9.2.c", 2, Detail("What connects agencies has the level of its place: one agency 2, a ministry or province 3, national around the clock 4"),
            "children", trust.level_fits, Detail("Ask for the controls of the higher level: `edxml-router comply --level 3`.")),
    Control("journal-kept", TCVN, "", 2, Detail("Logs are kept for 1 month (level 2), 3 months (level 3), 6 months (level 4)"),
            "", journal.kept_by_level, _GUARD),
    Control("operation-log-kept", TCVN, "", 2, Detail("The log of the program's operation is kept as long"),
            "log", journal.operation_log, Detail("Let the machine's log collector keep it for the term (docs/operations.md).")),
    Control("incidents", TCVN, "", 2, Detail("Incidents are reported within 24 and 72 hours, and a yearly report by 25 December"),
            "", trust.incidents, Detail("Keep a plan that says who reports, and to whom.")),
    Control("signed", TCVN, "", 3, Detail("Important data are signed"),
            "trust.anchors, journal.key, unsigned", trust.signed, Detail("Name the authorities and the log's key, and let the exceptions end.")),
    Control("log-immutable", TCVN, "", 4, Detail("Logs cannot be changed"), "", journal.immutable, _GUARD),
    Control("log-apart", TCVN, "", 4, Detail("Logs are kept apart from the system they are about"),
            "journal.key, log_keys", journal.apart, Detail("Make the log's key (`edxml-router journal key`), exchange verifier keys with the neighbours, and see that they answer (`edxml-router journal witness`).")),
    Control("two-layers", TCVN, "", 4, Detail("What is sent is encrypted in two layers: the connection and the content"),
            "", trust.two_layers, Detail("Add a second layer beneath this program, such as IPsec or WireGuard between the nodes, and show that to the assessor.")),
    Control("bill-of-materials", TCVN, "", 4, Detail("A list of all components (SBOM) is made each quarter"),
            "", trust.bill_of_materials, Detail("Make one with a tool for Python environments, and keep it with the release.")),
    Control("restore-half-year", TCVN, "", 4, Detail("Restoring is tried every 6 months"), "", keeping.restored_each_half_year, _DRILL),
    Control("digest-at-arrival", QCVN, "3.5.2.1.10", 2, Detail("A digest of each document is made when it arrives"),
            "", keeping.hashed_at_arrival, Detail("Look which letters are damaged (`edxml-router doctor`), and restore them from a back-up.")),
    Control("self-check", QCVN, "3.5.2.1.11", 2, Detail("The digests are compared again from time to time, by the system itself"),
            "store.scrub_bytes", keeping.checked_by_itself, Detail("Let the node run, with store.scrub_bytes above 0; look at what is damaged (`edxml-router doctor`).")),
    Control("digests-unchangeable", QCVN, "3.5.2.1.14", 2, Detail("The store of digests can only be added to"), "", journal.immutable, _GUARD),
    Control("repair", QCVN, "2.2.5.4.4", 2, Detail("A damaged document is repaired by the system itself"),
            "", keeping.repaired, Detail("Restore the letter from a back-up; its digest tells whether it is the right one.")),
    Control("journal-immutable", QCVN, "2.2.9.2", 2, Detail("The journal cannot be changed"), "", journal.immutable, _GUARD),
    Control("journal-encrypted", QCVN, "2.2.9.2", 2, Detail("The journal is encrypted where it lies"),
            "node.data", keeping.encrypted_at_rest, Detail("Put node.data on an encrypted device (LUKS), or show the assessor what encrypts the disk below.")),
    Control("copies", QCVN, "2.2.12", 2, Detail("Three copies on two kinds of media, one of them offline and unchangeable"),
            "store.backup_age", keeping.copies, Detail("Make back-ups (`edxml-router backup`), and keep them as the rule asks.")),
    Control("keys-apart", QCVN, "2.2.12", 2, Detail("Keys are kept apart from the copies"),
            "node.key, journal.key, gateway.key", keeping.keys_apart, Detail("Move the key files out of node.data, mode 0600, or into a token (PKCS#11).")),
    Control("utc", QCVN, "2.2.22", 2, Detail("Times are in UTC"), "", journal.utc, Detail("Report it: the program writes nothing else.")),
    Control("unique-stamps", QCVN, "2.2.22", 2, Detail("No two entries have the same time stamp"),
            "", journal.unique_stamps, Detail("Entries of earlier versions stay as they are; newer ones are stamped. If those are out of order, run `edxml-router journal verify`.")),
    Control("tls-outgoing", QCVN, "3.16.2", 2, Detail("TLS 1.1 and older are refused, on connections that are made"),
            "tls_ca, store.url", trust.tls, Detail("Name the authority of the broker (tls_ca), and sslmode in store.url.")),
    Control("tls-incoming", QCVN, "3.16.2", 2, Detail("TLS 1.1 and older are refused, on connections that are taken"),
            "gateway", trust.gateway_tls, Detail("Look what ends TLS before the gateway, and let it refuse old versions.")),
    Control("journal-kept-year", QCVN, "3.9.2.1.9", 2, Detail("The journal is kept for 12 months at least"), "", journal.kept_by_archives, _GUARD),
    Control("alarm-before-full", QCVN, "3.9.2.1.10", 2, Detail("There is an alarm before the journal has no room"),
            "store.reserve_bytes", keeping.alarm_before_full, Detail("Set a reserve, and give the disk room (EDX601).")),
    Control("readers-noted", QCVN, "3.9.2.2.6", 2, Detail("Who has read the journal is written down"),
            "", journal.readers_noted, Detail("Let only those read the database who may, and keep the machine's own log of that.")),
    Control("restore-quarter", QCVN, "3.21.2", 2, Detail("Restoring is tried each quarter: files open, digests are equal, history is whole, and it is journalled"),
            "", keeping.restored_each_quarter, _DRILL),
    Control("second-factor", QCVN, "", 2, Detail("Deletion asks for a second factor, and is recorded"),
            "", keeping.second_factor, Detail("Let accounts that may act for the node log in with a second factor.")),
)  # fmt: skip


def controls_of(level: int) -> tuple[Control, ...]:
    """Those that a node of this level has to meet."""
    return tuple(one for one in CONTROLS if one.least_level <= level)
