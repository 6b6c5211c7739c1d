"""Problems of transport and recipients (families 7 and 8).

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_S, _O, _R = "sender", "operator", "recipient"
_NO, _LATER, _NOTE = "permanent", "transient", "remark"

EXCHANGE: tuple[Row, ...] = (
    # 7 transport -----------------------------------------------------------------------------------------
    ("EDX701", "unreachable", _O, _LATER, 503, 75,
     "A hub cannot be reached", "Check the network, the broker and the folder named: the node's own hub is [hub], the other one its parent's. The envelopes wait and are sent when it is back.",
     "Không kết nối được trạm trung chuyển (hub)", "Kiểm tra mạng, máy chủ hoặc thư mục được nêu: trạm của chính nút là [hub], trạm còn lại của nút cấp trên. Gói tin được giữ và sẽ gửi khi kết nối trở lại."),
    ("EDX702", "not-taken", _O, _LATER, 503, 75,
     "The broker does not take messages now", "Look for a memory or disk alarm, or a full queue; the envelopes wait.",
     "Máy chủ trung chuyển tạm thời không nhận", "Kiểm tra cảnh báo bộ nhớ, đĩa hoặc hàng đợi đầy; gói tin được giữ lại."),
    ("EDX703", "unroutable", _O, _LATER, 503, 75,
     "A mailbox of the hub does not exist", "Its owner makes it: start the node that owns the hub, or correct the name of the link or office.",
     "Hộp thư trên trạm trung chuyển không tồn tại", "Nút sở hữu trạm tạo ra hộp thư: hãy khởi động nút đó, hoặc sửa tên liên kết hay office."),
    ("EDX704", "message-unreadable", _O, _NO, 400, 1,
     "A message on a link cannot be read", "It is quarantined; compare the versions of the two nodes (docs/protocol.md).",
     "Không đọc được thông điệp trên liên kết", "Thông điệp được giữ lại; đối chiếu phiên bản hai nút (docs/protocol.md)."),
    ("EDX705", "no-confirm", _O, _LATER, 503, 75,
     "The broker did not confirm in time", "The envelopes are sent again with the same transfer id; look at the broker if this repeats.",
     "Máy chủ trung chuyển không xác nhận kịp thời", "Gói tin được gửi lại với cùng mã chuyển; kiểm tra máy chủ nếu lặp lại."),
    ("EDX706", "not-permitted", _O, _LATER, 503, 75,
     "The broker refuses this node's user", "Check the user, its password file and its permissions (docs/operations.md, brokers).",
     "Máy chủ trung chuyển từ chối tài khoản của nút", "Kiểm tra tài khoản, tệp mật khẩu và quyền (docs/operations.md, mục máy chủ)."),
    ("EDX707", "tls-failed", _O, _LATER, 503, 75,
     "The broker and this node do not trust each other's certificates", "Compare tls_ca, tls_crls, tls_certificate and server_name with what the broker has (docs/operations.md, certificates); nothing is sent without TLS meanwhile.",
     "Máy chủ trung chuyển và nút không tin cậy chứng thư của nhau", "Đối chiếu tls_ca, tls_crls, tls_certificate và server_name với máy chủ (docs/operations.md, mục chứng thư); trong lúc đó không gửi gì ngoài TLS."),
    ("EDX708", "chunks-missing", _O, _LATER, 503, 75,
     "A large envelope was announced, but not all of its pieces came", "Nothing has to be done once: the neighbour sends it again. If it repeats, look for EDX406 and EDX704 of the same neighbour in the journal.",
     "Gói tin lớn đã được báo trước nhưng chưa đến đủ các phần", "Nếu chỉ xảy ra một lần thì không cần làm gì: nút lân cận sẽ gửi lại. Nếu lặp lại, tìm EDX406 và EDX704 của nút đó trong nhật ký hoạt động."),
    ("EDX709", "neighbour-absent", _O, _LATER, 503, 75,
     "Mail waits for a neighbour, and nobody takes it", "It is the turn of the operator of the node named: it is switched off, or cannot reach the hub. Tell them. Nothing is lost: one copy of each letter waits there, and what finds no room waits here. If this was heard already, nothing more has to be done here.",
     "Thư đang chờ một nút lân cận nhưng không ai lấy", "Việc xử lý thuộc người vận hành của nút được nêu: nút đó đang tắt hoặc không kết nối được trung chuyển. Hãy báo cho họ. Không mất thư: mỗi văn thư có một bản chờ ở đó, phần không còn chỗ chờ tại nút này. Nếu họ đã biết thì ở đây không cần làm gì thêm."),
    ("EDX710", "hub-unwritable", _O, _LATER, 503, 75,
     "The hub's folder cannot be used by this node's account", "The particulars name the folder and why. Give both nodes' accounts a common group and the hub to it (chgrp -R, chmod -R g+rwX), or mount the file system writable again; what waits is tried again by itself.",
     "Tài khoản của nút không dùng được thư mục trung chuyển", "Phần chi tiết nêu thư mục và lý do. Cho tài khoản của hai nút chung một nhóm và giao thư mục trung chuyển cho nhóm đó (chgrp -R, chmod -R g+rwX), hoặc gắn lại hệ thống tệp ở chế độ ghi; phần đang chờ sẽ tự được thử lại."),
    ("EDX711", "in-the-clear", _O, _NOTE, 200, 0,
     "A connection to another machine is not encrypted", "Passwords and documents can be read on the way. For a broker set tls_ca (docs/operations.md, certificates); for PostgreSQL add ?sslmode=verify-full to store.url. Where the line itself is encrypted (IPsec, WireGuard), nothing has to change.",
     "Kết nối tới máy khác không được mã hóa", "Mật khẩu và văn bản có thể bị đọc trên đường truyền. Với máy chủ trung chuyển, đặt tls_ca (docs/operations.md, mục chứng thư); với PostgreSQL, thêm ?sslmode=verify-full vào store.url. Nếu đường truyền đã được mã hóa (IPsec, WireGuard) thì không cần thay đổi."),
    ("EDX713", "message-too-large", _O, _NO, 422, 1,
     "The hub carries no message of this size", "The envelope is returned. The broker takes less than this node counts with: raise max_message_size in rabbitmq.conf, or write what it says into hub.max_message_bytes, so that such an envelope is refused at once. Nodes send large envelopes in pieces; an office with attach = \"pull\" has no such limit.",
     "Trạm trung chuyển không tải được thông điệp cỡ này", "Gói tin được trả lại. Máy chủ trung chuyển nhận ít hơn mức nút này tính: tăng max_message_size trong rabbitmq.conf, hoặc ghi đúng mức đó vào hub.max_message_bytes để gói tin bị từ chối ngay từ đầu. Giữa các nút, gói tin lớn được chia phần; đơn vị với attach = \"pull\" không bị giới hạn này."),
    ("EDX714", "hub-diverted", _O, _LATER, 503, 75,
     "In the place of a folder of the hub is a link, or no folder", "Whoever else may write into the hub has put it there, by mistake or to have the node empty what it leads to. Nothing was followed, and other mailboxes go on. Remove what is named; the node that owns the hub makes the folder again within seconds. Ask who did it.",
     "Ở vị trí một thư mục của trạm trung chuyển có liên kết hoặc thứ không phải thư mục", "Bên khác có quyền ghi vào trạm đã đặt vào đó, do nhầm lẫn hoặc để nút xóa những gì liên kết trỏ tới. Nút không đi theo liên kết; các hộp thư khác vẫn chạy. Hãy gỡ bỏ mục được nêu, nút sở hữu trạm sẽ tạo lại thư mục trong vài giây; hỏi xem ai đã làm."),
    ("EDX715", "not-called", _R, _LATER, 503, 75,
     "An office's system cannot be told that something has come for it", "Look at the address (offices.webhook) and at what the receiver answers; it is called again for a day, and the mail waits in the inbox meanwhile. `edxml-router webhook again OFFICE` calls at once.",
     "Không gọi được hệ thống của đơn vị để báo có thư", "Kiểm tra địa chỉ (offices.webhook) và câu trả lời của bên nhận; nút sẽ gọi lại trong một ngày, thư vẫn chờ trong hộp thư đến. `edxml-router webhook again TÊN` để gọi ngay."),
    ("EDX716", "no-more-calls", _R, _NO, 410, 75,
     "An office's system wants no more calls", "It answered 410. Ask its makers; then change offices.webhook, or `edxml-router webhook again OFFICE`.",
     "Hệ thống của đơn vị không muốn được gọi nữa", "Bên nhận trả lời 410. Hỏi nhà cung cấp, rồi đổi offices.webhook hoặc dùng `edxml-router webhook again TÊN`."),
    ("EDX717", "address-not-allowed", _O, _NO, 403, 78,
     "An address that is to be called is not public, and is not listed", "If it is right, add its network to webhooks.networks; without TLS only listed networks are called.",
     "Địa chỉ cần gọi không phải địa chỉ công cộng và chưa được cho phép", "Nếu địa chỉ đúng, thêm mạng đó vào webhooks.networks; không có TLS thì chỉ gọi các mạng đã được liệt kê."),
    # 8 recipient -----------------------------------------------------------------------------------------
    ("EDX801", "returned-by-recipient", _S, _NO, 422, 1,
     "The recipient's system refused the envelope", "Read the reason given by the recipient, correct, and send again.",
     "Hệ thống bên nhận từ chối gói tin", "Đọc lý do bên nhận nêu, sửa và gửi lại."),
    ("EDX802", "expired", _O, _NO, 504, 1,
     "The delivery was not completed within its lifetime", "Find out why the recipient did not fetch it, then `edxml-router resend`. If the recipient confirms it after all, that is told (EDX804).",
     "Quá thời hạn mà chưa chuyển được", "Tìm hiểu vì sao bên nhận chưa lấy, rồi dùng `edxml-router resend`. Nếu sau đó bên nhận vẫn xác nhận, việc đó sẽ được báo (EDX804)."),
    ("EDX803", "cancelled", _O, _NO, 410, 1,
     "The delivery was cancelled", "See who cancelled it and why with `edxml-router trace`.",
     "Việc chuyển đã bị hủy", "Xem ai hủy và lý do bằng `edxml-router trace`."),
    ("EDX804", "confirmed-late", _S, _NOTE, 200, 0,
     "The recipient's system has it, although another end had been told before", "Do not send it again: the recipient has it. If it was sent again meanwhile, or had been cancelled, agree with the recipient on which one counts.",
     "Hệ thống bên nhận đã có gói tin, dù trước đó đã báo kết quả khác", "Không gửi lại: bên nhận đã có gói tin. Nếu trong lúc đó đã gửi lại, hoặc gói đã bị hủy, hãy thống nhất với bên nhận bản nào có hiệu lực."),
    ("EDX805", "clock-doubtful", _O, _LATER, 503, 75,
     "This machine's clock has jumped, and the node goes on without it", "Set the clock right (NTP): the node believes it at once when it is back. If it is right as it is, say so: `edxml-router clock accept`. Until then nothing expires or waits by that clock; after a day it is believed as it stands.",
     "Đồng hồ của máy này nhảy đột ngột, nút tạm không dựa vào đồng hồ đó", "Chỉnh lại đồng hồ (NTP): khi đúng lại, nút tin dùng ngay. Nếu đồng hồ hiện đang đúng, hãy xác nhận: `edxml-router clock accept`. Trước đó không gói tin nào hết hạn hay phải chờ theo đồng hồ này; sau một ngày nút tin dùng giờ hiện có."),
    ("EDX806", "clock-differs", _O, _LATER, 503, 75,
     "The clocks of this node and of a neighbour do not agree", "One of the two is wrong: compare both with the time, here and there (`edxml-router doctor` shows the clock), and set it right by NTP; where the node then doubts the step, `edxml-router clock accept`. Meanwhile lifetimes run on, and what only one of the clocks refuses waits.",
     "Đồng hồ của nút này và của nút lân cận không khớp nhau", "Một trong hai đồng hồ sai: đối chiếu cả hai với giờ chuẩn (`edxml-router doctor` hiển thị giờ) và chỉnh lại bằng NTP; nếu sau đó nút nghi ngờ bước nhảy thì dùng `edxml-router clock accept`. Trong lúc đó thời hạn vẫn tính bình thường, và gói nào chỉ bị một trong hai đồng hồ từ chối thì phải chờ."),
)
