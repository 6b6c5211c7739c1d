"""How the checks of ``edxml-router doctor`` are called (part of :mod:`edxml_router.language.texts`)."""

from __future__ import annotations

from typing import Final

DOCTOR_TEXTS: Final[dict[str, str]] = {
    "doctor.good": "Everything is in order.",
    "doctor.remarks": "Nothing is broken; warnings that need a look: {count}.",
    "doctor.bad": "Needs attention: {count}.",
    "doctor.ok": "ok",
    "doctor.warning": "warning",
    "doctor.failed": "failed",
    "doctor.packages": "Python packages",
    "doctor.config": "configuration",
    "doctor.data": "data folder",
    "doctor.disk": "disk space",
    "doctor.database": "database",
    "doctor.trust": "trust anchors",
    "doctor.lists": "revocation lists",
    "doctor.responders": "responders (OCSP)",
    "doctor.neighbours": "receipts of neighbours",
    "doctor.certificate": "certificates of nodes",
    "doctor.catalogue": "agency catalogue",
    "doctor.clock": "clock",
    "doctor.serve": "serve",
    "doctor.metrics": "metrics for Prometheus",
    "doctor.peers": "odd input of peers",
    "doctor.letters": "letters that could not be sent",
    "doctor.halts": "what operators let wait",
    "doctor.journal": "places in the journal",
    "doctor.witnesses": "journals, cosigned by neighbours",
    "doctor.stamps": "journal, stamped by authorities",
    "doctor.links": "what went over links",
    "doctor.outcomes": "outcomes that are told here",
    "doctor.served": "agencies in the node's certificate",
    "doctor.hub": "own hub",
    "doctor.parent": "parent's hub",
    "doctor.mailboxes": "mailboxes of others",
    "doctor.folders": "folders of offices",
    "doctor.axis": "the national axis",
    "doctor.seals": "seals of agencies",
    "doctor.webhooks": "calls to offices",
}
