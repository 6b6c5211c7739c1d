"""Examples for the description of the native interface. Agencies are real codes, everything else is invented."""

from __future__ import annotations

from typing import Any, Final

DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LETTER: Final = f"{DIGEST}.H01.151"
CURSOR: Final = "5d41402abc4b-1042"
SIGNATURE: Final[dict[str, Any]] = {
    "indication": "passed",
    "reason": "passed",
    "problem": None,
    "signer": {"key": DIGEST, "fingerprint": None, "subject": None, "agencies": None},
    "coverage": None,
    "algorithm": None,
}
ENVELOPE: Final[dict[str, Any]] = {
    "digest": DIGEST,
    "document_id": "H53,2026/03/02,12/UBND-VP",
    "kind": "document",
    "business": 0,
    "status_code": None,
    "sender": "H53",
    "refers_to": [],
    "urgent": False,
    "size": 9120,
    "attachment_count": 1,
    "signature": SIGNATURE,
    "remarks": [],
    "peer": "vp",
    "channel": "http",
    "accepted_at": "2026-03-02T01:15:00.000Z",
    "expires_at": "2026-04-01T01:15:00.000Z",
    "hops": [{"node": "h53", "at": "2026-03-02T01:15:00.000Z"}],
}
INBOX: Final = {
    "letters": [
        {
            "letter": LETTER,
            "delivery": 17,
            "office": "so",
            "recipient": "H01.151",
            "urgent": False,
            "expires_at": "2026-04-01T01:15:00.000Z",
            "envelope": ENVELOPE,
        }
    ],
    "cursor": CURSOR,
    "more": False,
}
CONFIRMED: Final = {"letter": LETTER, "done": True, "problem": None}
CONTENT: Final[dict[str, Any]] = {
    "letter": LETTER,
    "kind": "document",
    "business": 0,
    "document_id": "H53,2026/03/02,12/UBND-VP",
    "sender": {"code": "H53", "name": "Ủy ban nhân dân tỉnh Tây Ninh"},
    "to": [{"code": "H01.151", "name": "Ủy ban nhân dân xã Định Mỹ"}],
    "number": "12",
    "notation": "UBND-VP",
    "day": "2026/03/02",
    "subject": "V/v kết nối phần mềm quản lý văn bản",
    "content": None,
    "document_type": "Công văn",
    "signed_by": "Lê Văn Thử",
    "signer_position": "Chánh Văn phòng",
    "due_day": None,
    "priority": 0,
    "refers_to": [],
    "answers": [],
    "status_code": None,
    "description": None,
    "attachments": [{"name": "cong-van.pdf", "content_type": "application/pdf", "size": 6000, "digest": DIGEST}],
}
EVENT: Final[dict[str, Any]] = {
    "cursor": "5d41402abc4b-1043",
    "at": "2026-03-02T01:15:02.310Z",
    "event": "delivery.confirmed",
    "side": "sent",
    "digest": DIGEST,
    "document_id": "H53,2026/03/02,12/UBND-VP",
    "recipient": "H01.151",
    "before": "available",
    "after": "confirmed",
    "problem": None,
    "detail": "",
}
EVENTS: Final = {"events": [EVENT], "cursor": "5d41402abc4b-1043", "more": False}
AGENCY: Final[dict[str, Any]] = {
    "code": "H53",
    "name": "Ủy ban nhân dân tỉnh Tây Ninh",
    "level": "province",
    "parent": None,
    "state": "active",
    "valid_from": None,
    "valid_to": None,
    "successors": [],
    "verified": True,
    "dates_verified": True,
    "source": "QĐ 20/2020/QĐ-TTg",
}
XML: Final[dict[str, Any]] = {
    "schema": {"type": "string"},
    "example": '<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">…</edXML>',
}
CONDITIONS: Final = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }
    for name, description, example in (
        ("If-None-Match", "The entity tag of what the caller has.", f'"sha-256:{DIGEST}"'),
        ("Range", "One range of bytes.", "bytes=4096-"),
        ("If-Range", "The entity tag for which the range is meant.", f'"sha-256:{DIGEST}"'),
    )
]
