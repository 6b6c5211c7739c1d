"""Problems of letters that a node writes for an office (families 4, 5 and 9).

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_S, _O = "sender", "operator"
_NO, _LATER = "permanent", "transient"

LETTERS: tuple[Row, ...] = (
    ("EDX431", "draft-wrong", _S, _NO, 422, 1,
     "A member of the draft is missing, unknown, or not as it must be", "Correct the member at the place named (a JSON Pointer); all mistakes of a draft are told at once. `edxml-router letter example` prints one of each kind.",
     "Bản khai văn bản thiếu thông tin, có mục lạ hoặc có giá trị không hợp lệ", "Sửa mục ở vị trí được nêu (JSON Pointer); mọi lỗi của bản khai được báo cùng lúc. `edxml-router letter example` in ví dụ cho từng loại."),
    ("EDX432", "seal-absent", _O, _NO, 409, 1,
     "This node holds no seal for the sender", 'Let the office sign in a second step (in the draft: "signature": {"by": "office"}), or have the operator put the key of the agency into [[seals]].',
     "Nút này không giữ con dấu số của cơ quan gửi", 'Để phần mềm văn phòng ký ở bước hai ("by": "office" trong mục signature của bản khai), hoặc đề nghị người vận hành khai báo khóa của cơ quan trong [[seals]].'),
    ("EDX433", "unsigned-gone", _S, _NO, 404, 66,
     "No letter of that name waits for this office's signature", "It was signed, or its time has run out: hand the draft in again and sign what is answered then.",
     "Không có văn bản nào mang tên này đang chờ phần mềm văn phòng ký", "Văn bản đã được ký hoặc đã quá thời hạn chờ: nộp lại bản khai rồi ký theo câu trả lời mới."),
    ("EDX434", "unsigned-many", _S, _LATER, 429, 75,
     "Too many letters wait for this office's signature", "Sign what waits, or let it run out; then hand the draft in again.",
     "Quá nhiều văn bản đang chờ phần mềm văn phòng ký", "Ký các văn bản đang chờ, hoặc đợi chúng hết thời hạn; sau đó nộp lại bản khai."),
    ("EDX510", "status-unfit", _S, _NO, 422, 1,
     "A status of this code is not sent about this letter", "01 to 06, 15 and 16 answer a document that was received (name it in letter); 13 asks the recipients of one that was sent (name it in document). Nobody answers a status.",
     "Mã trạng thái này không dùng cho văn bản được nêu", "01 đến 06, 15 và 16 trả lời văn bản đã nhận (nêu trong letter); 13 gửi tới nơi nhận của văn bản đã gửi (nêu trong document). Không gửi trạng thái cho một gói trạng thái."),
    ("EDX925", "seal-unfit", _O, _NO, 500, 78,
     "A seal is of no use here", "Name each agency in one [[seals]] only, and give its [[offices]] entry the agency.",
     "Con dấu số khai báo ở đây không dùng được", "Mỗi cơ quan chỉ khai báo trong một mục [[seals]], và phải có trong agencies của một mục [[offices]]."),
)
