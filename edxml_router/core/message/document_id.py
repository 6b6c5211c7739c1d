"""Compare DocumentIds as a reader sees them.

    comparable("12/QÐ-UBND") == comparable("12/QĐ-UBND")      # whatever typed them, they look the same
    invisible(text)                                             # the first character that nobody can see

A ``DocumentId`` is an opaque string, but people copy it from one program to another, and programs write one letter in
several ways: ``ệ`` as one character or as three (NFC, NFD), digits of East Asian width, a hyphen that does not break.
Two ids that cannot be told apart on paper must not name two documents. So ids are compared in a form derived by the
rules of the Nickname profile (RFC 8266, section 2.3, on the FreeformClass of RFC 8264), with two differences: letters
keep their case, and NFC stands for NFKC, because ``1/2²`` and ``1/22`` do look different. What is sent is never
changed.

Not compared: letters of other scripts that resemble Latin ones. The list has no end, and nobody types them by mistake
on an office keyboard.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.normal_forms import MOST_MARKS, most_marks, normal

# Code points that show nothing (Unicode: Default_Ignorable_Code_Point, and some blank letters and signs beside it),
# by ranges. Office software leaves soft hyphens, joiners and direction marks inside copied text.
IGNORABLE: Final = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x13430, 0x1343F),
    (0x16FE4, 0x16FE4), (0x1BCA0, 0x1BCA3), (0x1D159, 0x1D159), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb"
    + "".join(f"{chr(first)}-{chr(last)}" for first, last in IGNORABLE)
    + "]"
)
_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # RFC 8264, section 5.2.1
# In Vietnamese print these look the same: Đ is often typed as the Icelandic Ð or the African Ɖ, and word
# processors put the hyphens that do (U+2010) or do not (U+2011) break in place of the keyboard's, and the strokes of
# fractions and division in place of its slash.
_SAME: Final[dict[int, int | str]] = {
    **_FULL_WIDTH,
    0xD0: "Đ",
    0x189: "Đ",
    0x2010: "-",
    0x2011: "-",
    0x2044: "/",
    0x2215: "/",
}
_STRUCK: Final = re.compile("([Dd])[\u0335\u0336]")  # a stroke through a letter, which Unicode does not take for Đ


def comparable(text: str) -> str:
    """The form in which ids are compared, stored as a key and looked up. Idempotent."""
    if text.isascii() and "  " not in text and text.isprintable():
        return text.strip(" ")
    form = normal("NFC", text.translate(_SAME))
    form = _STRUCK.sub(lambda found: "Đ" if found[1] == "D" else "đ", form)
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in form)
    return re.sub(" {2,}", " ", spaced).strip(" ")


def invisible(text: str) -> str:
    """The first character of ``text`` that shows nothing, as ``U+200B``; empty when all can be seen.

    Marks piled on one letter count too: nobody can tell them apart, nor their order.
    """
    if text.isascii() and text.isprintable():
        return ""
    if found := _HIDDEN.search(text):
        return f"U+{ord(found[0]):04X}"
    return Detail("more than {most} marks on one letter", most=MOST_MARKS) if most_marks(text) > MOST_MARKS else ""


def is_digest(text: str) -> bool:
    """Whether a text is a digest, or the beginning of one (eight characters or more), rather than a DocumentId."""
    return _DIGEST.fullmatch(text.lower()) is not None
