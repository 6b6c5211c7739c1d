"""The page "Evidence"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "evidence.title": "Evidence",
    "evidence.head": "The journal now",
    "evidence.size": "{count} entries have their place.",
    "evidence.root": "Root of the newest signed checkpoint: keep it elsewhere, and compare it here later",
    "evidence.signed_at": "Signed at",
    "evidence.unsigned": "No checkpoint is signed: the node has no key for its journal (journal.key), or is new.",
    "evidence.note": "The signed checkpoint",
    "evidence.compare": "Does it continue what was kept?",
    "evidence.kept": "A root (SIZE:ROOT), or a signed checkpoint as it was kept",
    "evidence.compare_do": "Compare",
    "evidence.continues": (
        "Yes. The journal still begins with the {count} entries of that root: none was changed, removed or "
        "inserted."
    ),
    "evidence.differs": "No. The journal does not continue what was kept.",
    "evidence.growth": "Proof (as a witness is asked)",
    "evidence.verify": "Verify a certificate",
    "evidence.certificate": "Certificate (.asice)",
    "evidence.anchors": "Authorities of nodes that you trust (PEM)",
    "evidence.anchors_hint": "From a source that you trust, not with the certificate.",
    "evidence.verify_do": "Verify",
    "evidence.holds": "The certificate holds.",
    "evidence.proved": "What is proved",
    "evidence.not_proved": "What is not proved",
    "evidence.witnesses": "Witnesses",
    "evidence.witnesses_none": "No neighbour's journal is witnessed (log_key of its section).",
    "evidence.neighbour": "Neighbour",
    "evidence.its_size": "Its journal",
    "evidence.its_at": "Seen at",
    "evidence.ours": "Cosigned of ours",
    "evidence.trouble": "Problem",
    "evidence.forks": (
        "Journals that were signed in two ways: {count}. `edxml-router journal witness --forks` prints the "
        "evidence."
    ),
    "evidence.stamps": "Time stamps over the journal, the newest {count}",
    "evidence.stamps_none": "There are no time stamps (journal.stamps).",
    "evidence.entries": "Entries",
    "evidence.authority": "Authority",
    "evidence.ask": "Ask the journal",
    "evidence.ask_hint": "All that is given must hold. What is asked becomes an entry of the journal, with who asked.",
    "evidence.any": "any",
    "evidence.field.event": "Event",
    "evidence.field.number": "Number and notation",
    "evidence.field.document": "DocumentId or beginning of a SHA-256",
    "evidence.field.agency": "From or to this agency (code)",
    "evidence.field.code": "Problem (EDXnnn)",
    "evidence.field.since": "From the day",
    "evidence.field.until": "To the day",
    "evidence.ask_do": "Ask",
    "evidence.csv": "Download as CSV (at most {count} entries)",
    "evidence.found": "{count} entries on this page, the oldest first",
    "evidence.none": "No entry answers.",
    "evidence.next": "Next page",
    "evidence.digest": "Envelope",
    "evidence.print": "Page to print",
    "evidence.printed": "What became of a document",
    "evidence.printed_at": "Printed at {at} from the journal of node {node}.",
    "evidence.scan": "The square holds the SHA-256 of the document.",
    "evidence.positions": "Positions in the journal: {positions}",
    "evidence.not_signed": (
        "This sheet is signed by nobody. The certificate (.asice) is, and can be verified without the "
        "node."
    ),
}
