"""What happens in the demo: seven nodes, who writes to whom, what the offices answer, and what must come of it.

:class:`Story` plays it against a running :class:`~edxml_router.demo.tree.Tree` and keeps what it expected and what it
saw; a sentence in ``failures`` is an expectation that did not hold.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.message import reader
from edxml_router.core.message.envelope import Kind
from edxml_router.core.xml import safe_xml
from edxml_router.demo.letters import PDF, File, Post, tampered, with_dtd
from edxml_router.demo.offices import Office, ReceivedLetter, attach
from edxml_router.demo.oracle import Witness
from edxml_router.demo.tree import NodePlan, Tree

PLANS = (
    NodePlan("quoc-gia", "Trục liên thông quốc gia", ("G22", "G09"), rsa=True),
    NodePlan("tay-ninh", "Tỉnh Tây Ninh", ("H53",), "quoc-gia", ("H53",), rsa=True, amqp=True),
    NodePlan("ben-cau", "Huyện Bến Cầu", ("H53.31",), "tay-ninh", ("H53.31",)),
    NodePlan("long-chu", "Xã Long Chữ", ("H53.31.22",), "ben-cau", ("H53.31.22",)),
    NodePlan("an-thanh", "Xã An Thạnh", ("H53.31.21",), "ben-cau", ("H53.31.21",)),
    NodePlan("an-giang", "Tỉnh An Giang", ("H01",), "quoc-gia", ("H01",), amqp=True),
    NodePlan("dinh-my", "Xã Định Mỹ", ("H01.151",), "an-giang", ("H01.151",), rsa=True),
)
WRONG_DOOR = "Gửi nhầm nơi nhận: xã không có thẩm quyền giải quyết"


@dataclass(frozen=True)
class Letter:
    """A document of the story. ``refused`` are the recipients whose office sends it back."""

    sender: str
    to: tuple[str, ...]
    number: int
    subject: str
    files: tuple[File, ...] = (PDF,)
    priority: int = 0
    parts: bool = False
    refused: tuple[str, ...] = ()
    recalls: int = 0  # the number of an earlier letter of this sender


LETTERS = (
    Letter("G22", ("H53", "H53.31.22", "H53.31.21", "H01.151"), 101, "V/v đẩy mạnh gửi, nhận văn bản điện tử",
           (PDF, File("phu-luc.docx", 18_000))),
    Letter("G22", ("H53.31.22", "H01.151"), 102, "V/v bộ tài liệu hướng dẫn kèm theo",
           (File("tai-lieu.zip", 9_000_000),)),
    Letter("H53.31.22", ("G22",), 7, "V/v báo cáo kết quả triển khai tại xã", parts=True),
    Letter("H01.151", ("000.22.31.H53", "H53.31.21"), 15, "V/v trao đổi kinh nghiệm một cửa điện tử"),
    Letter("H53.31.21", ("H53.31.22",), 23, "V/v phối hợp xác nhận hồ sơ cư trú"),
    Letter("G09", ("H53", "H01"), 301, "V/v ứng phó khẩn cấp với mưa lũ", priority=3),
    Letter("H53", ("H53.31", "H53.31.21"), 45, "V/v giao chỉ tiêu năm 2026", parts=True),
    Letter("H53.31", ("H53",), 31, "V/v đề nghị bổ sung kinh phí"),
    Letter("H01", ("H01.151", "G09"), 88, "V/v sắp xếp đơn vị sự nghiệp"),
    Letter("H53.31.21", ("H01.151", "H53"), 24, "V/v đề nghị cung cấp thông tin đất đai", refused=("H01.151",)),
)  # fmt: skip
RECALL = Letter(
    "G22", ("H53", "H53.31.22", "H53.31.21", "H01.151"), 103, "V/v thu hồi văn bản số 101/VPCP-VP", recalls=101
)


@dataclass(frozen=True)
class BadLetter:
    """Something that must be refused, with exactly this code."""

    title: Detail
    sender: str
    code: str
    make: Callable[[Post], bytes]


BAD = (
    BadLetter(Detail("changed after signing"), "G22", "EDX302",
         lambda post: tampered(post.document("G22", ["H53"], 901, "V/v chi 1 triệu đồng"), "1 triệu", "9 triệu")),
    BadLetter(Detail("recipient that does not exist"), "H53.31.22", "EDX501",
         lambda post: post.document("H53.31.22", ["H53.31.99"], 902, "V/v gửi xã không tồn tại")),
    BadLetter(Detail("against the schema"), "H53.31.21", "EDX201",
         lambda post: tampered(post.unsigned("H53.31.21", ["H53"], 903, "V/v x"), "edXML:Subject>", "edXML:TrichYeu>")),
    BadLetter(Detail("with a document type declaration"), "H01", "EDX104",
         lambda post: with_dtd(post.document("H01", ["H01.151"], 904, "V/v khai báo DTD"))),
    BadLetter(Detail("not signed"), "H53", "EDX301",
         lambda post: post.document("H53", ["H53.31"], 905, "V/v không ký", signer=None)),
    BadLetter(Detail("signed by another agency"), "H53.31.22", "EDX402",
         lambda post: post.document("H53.31.22", ["G22"], 906, "V/v ký thay", signer="H53.31.21")),
    BadLetter(Detail("recipient named twice"), "G09", "EDX207",
         lambda post: post.document("G09", ["H53.31.22", "000.22.31.H53"], 907, "V/v trùng nơi nhận")),
    BadLetter(Detail("sender of another node"), "H53.31.21", "EDX401",
         lambda post: post.document("H53.31.22", ["H53"], 908, "V/v gửi thay")),
    BadLetter(Detail("closed code"), "G22", "EDX502",
         lambda post: post.document("G22", ["H07"], 909, "V/v gửi tỉnh Bến Tre cũ")),
    BadLetter(Detail("same id, other content"), "H53.31", "EDX404",
         lambda post: post.document("H53.31", ["H53"], 31, "V/v nội dung khác dưới số cũ")),
)  # fmt: skip


@dataclass
class SentLetter:
    """An accepted envelope, and the end that each recipient's delivery must come to at the sender's node."""

    digest: str
    node: str
    sender: str
    title: str
    document_id: str
    verdict: Mapping[str, Any]
    expected: dict[str, State]
    kind: str = "document"
    number: int = 0
    parts: bool = False
    copies: Counter[str] = field(default_factory=Counter)  # recipient → how often it was in the inbox


@dataclass
class RefusedLetter:
    """A bad one and what it was answered."""

    bad: BadLetter
    digest: str
    node: str
    verdict: Mapping[str, Any]


class Story:
    """Plays the letters. ``step()`` lets every office look at its inbox once; ``settled()`` says when all is over."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.post = Post(tree.pki)
        self.offices: dict[str, Office] = {name: attach(tree, name) for name in tree.plans}
        self.witnesses = {name: Witness(tree.settings(name)) for name in tree.plans}
        self.sent: dict[str, SentLetter] = {}
        self.refused: list[RefusedLetter] = []
        self.failures: list[str] = []
        self._answers: deque[tuple[str, str, str, str]] = deque()  # statuses to send: from, to, document, code
        self._home = {code: name for name, plan in tree.plans.items() for code in plan.agencies}

    def close(self) -> None:
        for office in self.offices.values():
            office.close()
        for witness in self.witnesses.values():
            witness.close()

    # --- sending ---

    def send(self, letter: Letter) -> None:
        """Write, sign and submit a letter."""
        recalls = self.post.document_id(letter.sender, letter.recalls) if letter.recalls else ""
        data = self.post.document(
            letter.sender, letter.to, letter.number, letter.subject,
            files=letter.files, priority=letter.priority, recalls=recalls, parts=letter.parts,
        )  # fmt: skip
        ends = {code: State.RETURNED if code in letter.refused else State.CONFIRMED for code in letter.to}
        sent = self._submit(letter.sender, data, letter.subject, ends)
        sent.kind = "recall" if recalls else "document"
        sent.number, sent.parts = letter.number, letter.parts

    def send_bad(self, bad: BadLetter) -> None:
        data = bad.make(self.post)
        office = self.offices[self._home[bad.sender]]
        verdict = office.send(data)
        self.refused.append(RefusedLetter(bad, hashlib.sha256(data).hexdigest(), office.node, verdict))
        code = (verdict.get("problem") or {}).get("code")
        if verdict["accepted"] or code != bad.code:
            self.failures.append(f"{bad.title}: expected {bad.code}, the answer is {code or 'accepted'}")

    def load(self, count: int) -> None:
        """Further letters between all agencies, one after the other."""
        codes = list(self._home)
        for number in range(count):
            sender, to = codes[number % len(codes)], codes[(3 * number + 1 + number // len(codes)) % len(codes)]
            if to == sender:
                to = codes[(codes.index(sender) + 1) % len(codes)]
            self.send(Letter(sender, (to,), 5000 + number, f"V/v công việc thường xuyên số {number}"))
            if number % 20 == 19:
                self.step()

    def _submit(self, sender: str, data: bytes, title: str, ends: Mapping[str, State]) -> SentLetter:
        office = self.offices[self._home[sender]]
        verdict = office.send(data)
        digest = hashlib.sha256(data).hexdigest()
        expected = {_canonical(code): end for code, end in ends.items()}
        sent = SentLetter(digest, office.node, sender, title, str(verdict["document_id"]), verdict, expected)
        self.sent[digest] = sent
        if not verdict["accepted"]:
            self.failures.append(f"{title}: not accepted: {(verdict.get('problem') or {}).get('code')}")
        elif verdict["signature"]["indication"] != "passed":
            self.failures.append(f"{title}: signature {verdict['signature']['indication']}")
        return sent

    # --- the offices at work ---

    def step(self) -> bool:
        """Every office reads its mail and answers; whether anything happened."""
        busy = False
        for office in self.offices.values():
            for mail in office.receive():
                busy = True
                self._read(office, mail)
        while self._answers:
            busy = True
            sender, to, document_id, code = self._answers.popleft()
            sent = self._submit(
                sender, self.post.status(sender, to, document_id, code), f"{code}: {document_id}", {to: State.CONFIRMED}
            )
            sent.kind = f"status {code}"
        return busy

    def _read(self, office: Office, mail: ReceivedLetter) -> None:
        sent = self.sent.get(hashlib.sha256(mail.data).hexdigest())
        if sent is None:
            self.failures.append(f"{office.name}: what came for {mail.recipient} is not what anybody sent")
            office.refuse(mail.number, "?")
            return
        sent.copies[mail.recipient] += 1
        if sent.expected.get(mail.recipient) is State.RETURNED:
            office.refuse(mail.number, WRONG_DOOR)
            return
        office.confirm(mail.number)
        envelope = reader.read(safe_xml.parse(mail.data), safe_xml.Limits()).envelope
        if envelope.kind is Kind.DOCUMENT and sent.copies[mail.recipient] == 1:
            codes = ("15",) if sent.kind == "recall" else ("01", "03")
            self._answers += [(mail.recipient, sent.sender, envelope.document_id, code) for code in codes]

    # --- looking on ---

    def standing(self) -> dict[str, dict[str, Delivery]]:
        """The deliveries of everything sent, as the sender's node sees them: digest → recipient → delivery."""
        found: dict[str, dict[str, Delivery]] = {}
        for name, witness in self.witnesses.items():
            digests = [digest for digest, sent in self.sent.items() if sent.node == name]
            for one in witness.deliveries(digests):
                found.setdefault(one.digest, {})[one.recipient] = one
        return found

    def settled(self) -> bool:
        """Has every delivery ended where it was sent?"""
        if self._answers:
            return False
        standing = self.standing()
        return all(
            len(standing.get(digest, {})) == len(sent.expected)
            and all(one.state in ENDS for one in standing[digest].values())
            for digest, sent in self.sent.items()
            if sent.verdict["accepted"]
        )

    def until_settled(self, deadline: float, look: Callable[[], None]) -> bool:
        """Step until all is settled, or until ``time.monotonic()`` reaches ``deadline``."""
        while True:
            busy = self.step()
            look()
            if not busy and self.settled():
                return True
            if time.monotonic() > deadline:
                return False
            if not busy:
                time.sleep(0.05)

    def check(self) -> list[str]:
        """What did not come as expected, besides ``failures``."""
        wrong = list(self.failures)
        standing = self.standing()
        for digest, sent in self.sent.items():
            for recipient, end in sent.expected.items():
                one = standing.get(digest, {}).get(recipient)
                state = one.state if one else "not there"
                if state is not end:
                    wrong.append(f"{sent.document_id} ({sent.kind}) to {recipient}: {state}, not {end}")
                if sent.copies[recipient] != 1:
                    wrong.append(f"{sent.document_id} ({sent.kind}): {recipient} got {sent.copies[recipient]} copies")
                if one and end is State.RETURNED and (one.code, one.detail) != ("EDX801", WRONG_DOOR):
                    wrong.append(f"{sent.document_id} to {recipient}: returned with {one.code}, not with the reason")
            if extra := sent.copies.keys() - sent.expected.keys():
                wrong.append(f"{sent.document_id}: came to {', '.join(sorted(extra))}, who were not addressed")
        for refused in self.refused:
            kept = [code for digest, code, _ in self.witnesses[refused.node].quarantined() if digest == refused.digest]
            if kept != [refused.bad.code]:
                wrong.append(f"{refused.bad.title}: quarantined under {kept or 'no code'}")
            for witness in self.witnesses.values():
                if witness.deliveries([refused.digest]):
                    wrong.append(f"{refused.bad.title}: has a delivery at {witness.name}")
        return wrong


def _canonical(code: str) -> str:
    """The one letter of the story that is addressed in the old form."""
    return "H53.31.22" if code == "000.22.31.H53" else code
