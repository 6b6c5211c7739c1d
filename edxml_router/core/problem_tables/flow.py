"""Problems of what an operator tells the whole flow of mail to do (family 6).

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_O = "operator"
_NO, _LATER, _NOTE = "permanent", "transient", "remark"

FLOW: tuple[Row, ...] = (
    ("EDX661", "halted", _O, _LATER, 503, 75,
     "A halt of this node stops it", "Nothing is lost. `edxml-router halt list` shows who put the halt in force and why; `edxml-router halt release` lets what it has stopped go on in its order. The lifetime goes on meanwhile.",
     "Một lệnh tạm dừng của nút đang chặn gói này", "Không mất gì. `edxml-router halt list` cho biết ai đặt lệnh tạm dừng và vì sao; `edxml-router halt release` cho các gói bị chặn đi tiếp đúng thứ tự. Thời hạn chuyển vẫn tính tiếp."),
    ("EDX662", "halts-stand", _O, _NOTE, 200, 0,
     "A halt lets mail wait on purpose", "Look whether its reason still holds (`edxml-router halt list`), and end it with `edxml-router halt release`. One that is being released and was interrupted is released again.",
     "Có lệnh tạm dừng đang giữ thư chờ theo chủ ý", "Kiểm tra lý do còn đúng không (`edxml-router halt list`) và bỏ bằng `edxml-router halt release`. Nếu lần bỏ trước bị ngắt giữa chừng thì chạy lại lệnh bỏ."),
    ("EDX663", "halt-not-possible", _O, _NO, 409, 1,
     "This halt cannot be put in force", "The particulars say why: the same one stands already, or there are as many as may be. `edxml-router halt list` shows them; release those that are needed no more.",
     "Không đặt được lệnh tạm dừng này", "Phần chi tiết nêu lý do: đã có lệnh giống hệt, hoặc đã đủ số lệnh tối đa. `edxml-router halt list` liệt kê các lệnh; bỏ những lệnh không còn cần."),
    ("EDX664", "draining", _O, _LATER, 503, 75,
     "This node takes nothing new for now: its operator lets it run empty", "Nothing was accepted; send the same again after Retry-After. What was accepted before goes on, and inboxes stay open. The operator ends it with `edxml-router resume`.",
     "Nút tạm không nhận gói mới: người vận hành đang cho nút xử lý hết phần còn lại", "Chưa tiếp nhận gì; gửi lại đúng gói đó sau thời gian ghi trong Retry-After. Gói đã nhận trước vẫn đi tiếp và hộp thư đến vẫn mở. Người vận hành kết thúc bằng `edxml-router resume`."),
    ("EDX690", "broker-certificate-ends", _O, _NOTE, 200, 0,
     "The broker's certificate ends soon", "Whoever runs the broker renews it before then: nothing connects with one that has expired.",
     "Chứng thư của máy chủ trung chuyển sắp hết hạn", "Bên vận hành máy chủ gia hạn trước thời điểm đó: chứng thư hết hạn thì không kết nối được."),
    ("EDX689", "drained-on-purpose", _O, _NOTE, 200, 0,
     "This node takes nothing new, on purpose", "When the work on it is done, let it go on: `edxml-router resume`. `edxml-router drain` tells what is left.",
     "Nút không nhận gói mới theo chủ ý", "Khi bảo trì xong, cho nút tiếp tục: `edxml-router resume`. `edxml-router drain` cho biết còn lại những gì."),
)
