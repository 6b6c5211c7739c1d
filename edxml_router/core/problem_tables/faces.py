"""Problems of e-office systems that connect: the gateway and its callers.

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_S, _O, _R = "sender", "operator", "recipient"
_NO, _LATER = "permanent", "transient"

FACES: tuple[Row, ...] = (
    # 4 authority and policy ------------------------------------------------------------------------------
    ("EDX415", "caller-unknown", _S, _NO, 401, 1,
     "These credentials stand for no office of this node", "Show a token of this node (`edxml-router token issue`) as Authorization: Bearer, or a certificate that is bound to the office in [[offices]]; the node's log tells its operator why they do not count.",
     "Thông tin xác thực không ứng với đơn vị nào của nút này", "Gửi mã truy cập do nút này cấp (`edxml-router token issue`) trong Authorization: Bearer, hoặc dùng chứng thư đã gắn với đơn vị trong [[offices]]; nhật ký hoạt động của nút cho người vận hành biết vì sao không được chấp nhận."),
    ("EDX416", "scope-missing", _S, _NO, 403, 1,
     "These credentials are not for this call", "Ask the node's operator for a token with the scope named (`edxml-router token issue --scope`).",
     "Thông tin xác thực không được dùng cho lệnh gọi này", "Đề nghị người vận hành nút cấp mã truy cập có phạm vi được nêu (`edxml-router token issue --scope`)."),
    ("EDX417", "too-many-requests", _S, _LATER, 429, 75,
     "This office has asked too often", "Wait as long as Retry-After says. To learn of mail, wait with wait= instead of asking again and again; the operator may raise gateway.requests.",
     "Đơn vị này đã gọi quá nhiều lần", "Chờ đủ thời gian ghi trong Retry-After. Để biết có văn bản mới, hãy dùng wait= thay vì hỏi liên tục; người vận hành có thể tăng gateway.requests."),
    ("EDX418", "request-malformed", _S, _NO, 400, 1,
     "The request cannot be understood", "Correct the part named; /v1/openapi.json describes every call.",
     "Không hiểu được yêu cầu", "Sửa phần được nêu; /v1/openapi.json mô tả mọi lệnh gọi."),
    ("EDX419", "digest-differs", _S, _NO, 400, 1,
     "What came is not what its digest says", "Nothing was accepted. Send the same bytes again with their own SHA-256; if it repeats, something between you and the node changes them.",
     "Dữ liệu nhận được không khớp mã băm đã nêu", "Chưa tiếp nhận gì. Gửi lại đúng dữ liệu kèm SHA-256 của chính nó; nếu lặp lại, có thành phần trên đường truyền làm thay đổi dữ liệu."),
    ("EDX420", "no-such-call", _S, _NO, 404, 1,
     "The gateway has no such call", "Check the method and the path; /v1/openapi.json lists all calls.",
     "Cổng kết nối không có lệnh gọi này", "Kiểm tra phương thức và đường dẫn; /v1/openapi.json liệt kê mọi lệnh gọi."),
    ("EDX421", "upload-offset", _S, _NO, 409, 1,
     "The upload is not where this part begins", "Ask with HEAD how far it is, and go on there; one request at a time may go on with an upload.",
     "Vị trí tải lên không khớp với phần gửi tới", "Dùng HEAD để hỏi đã tải đến đâu rồi gửi tiếp từ đó; mỗi lúc chỉ một yêu cầu được gửi tiếp cho một lượt tải."),
    ("EDX435", "gateway-away", _S, _LATER, 503, 75,
     "The node's gateway cannot be reached", "Check the address, the network and --ca (who issued the gateway's certificate); its operator sees in the log of `edxml-router serve` whether it listens.",
     "Không kết nối được cổng của nút", "Kiểm tra địa chỉ, mạng và --ca (nơi cấp chứng thư của cổng); người vận hành xem trong nhật ký hoạt động của `edxml-router serve` cổng có đang lắng nghe hay không."),
    ("EDX436", "kit-unclear", _S, _NO, 400, 1,
     "It is not clear between whom letters are to be tried", "Name what is asked for: --as the office that the kit is, --from its agency, --to the agency under test.",
     "Chưa rõ kiểm thử giữa cơ quan nào với cơ quan nào", "Nêu phần được hỏi: --as là đơn vị của bộ kiểm thử, --from là cơ quan của nó, --to là cơ quan được kiểm thử."),
    # 6 store and capacity --------------------------------------------------------------------------------
    ("EDX626", "gateway-busy", _O, _LATER, 503, 75,
     "The gateway has as much in hand as it may", "Nothing was accepted; repeat after Retry-After. If it lasts, raise gateway.receiving or gateway.processes, or look in the log for what ends the processes (acceptor.lost).",
     "Cổng kết nối đang xử lý tối đa số yêu cầu cho phép", "Chưa tiếp nhận gì; gửi lại sau thời gian ghi trong Retry-After. Nếu kéo dài, tăng gateway.receiving hoặc gateway.processes, hoặc xem nhật ký hoạt động để biết vì sao tiến trình kết thúc (acceptor.lost)."),
    ("EDX627", "body-silent", _S, _LATER, 408, 75,
     "The body did not come in time", "Nothing was accepted; send it again. The time is gateway.body_time.",
     "Nội dung yêu cầu không đến kịp thời", "Chưa tiếp nhận gì; hãy gửi lại. Thời gian chờ là gateway.body_time."),
    ("EDX628", "no-such-upload", _S, _NO, 404, 1,
     "There is no such upload", "Begin it again. An upload with which nobody goes on is removed after a day; what was accepted is not touched by that.",
     "Không có lượt tải lên này", "Hãy bắt đầu tải lại. Lượt tải không được tiếp tục sẽ bị xóa sau một ngày; gói đã tiếp nhận không bị ảnh hưởng."),
    # 8 recipient -----------------------------------------------------------------------------------------
    ("EDX807", "rules-not-held", _R, _NO, 422, 1,
     "The e-office system does not hold to every rule", "Give the report to its makers: each case that is not held says what was expected, what was seen and what helps. Then run `edxml-router conformance` again, with --case for these alone.",
     "Phần mềm văn phòng chưa tuân thủ mọi quy tắc", "Gửi báo cáo cho nhà cung cấp: mỗi trường hợp chưa đạt đều ghi điều cần có, điều đã thấy và cách khắc phục. Sau đó chạy lại `edxml-router conformance`, thêm --case để chỉ thử các trường hợp đó."),
    ("EDX808", "rules-not-tried", _R, _LATER, 503, 75,
     "Not every rule could be tried", "Nothing broken was seen. Do in the tested system what the report asks for and run `edxml-router conformance` again, with a longer --wait, or leave out what nobody is there for (--unattended).",
     "Chưa thử được mọi quy tắc", "Chưa thấy sai sót nào. Thực hiện trên phần mềm được kiểm thử những việc báo cáo yêu cầu rồi chạy lại `edxml-router conformance` với --wait dài hơn, hoặc bỏ các trường hợp không có người thao tác (--unattended)."),
    # 9 configuration -------------------------------------------------------------------------------------
    ("EDX918", "gateway-cannot-listen", _O, _NO, 500, 78,
     "The gateway cannot listen", "Correct what is named: a port of gateway.listen that this account may not have, or gateway.certificate and gateway.key, which must belong together.",
     "Cổng kết nối không mở được địa chỉ lắng nghe", "Sửa phần được nêu: cổng trong gateway.listen mà tài khoản này không được phép mở, hoặc gateway.certificate và gateway.key không khớp nhau."),
    ("EDX919", "address-taken", _O, _LATER, 503, 75,
     "The gateway cannot have its address now", "Another program listens there (`ss -ltnp`), or the machine does not have that address. It is tried again by itself, a minute apart at most; workers, links and folders go on meanwhile. If it lasts, end the other program or correct gateway.listen and reload.",
     "Cổng kết nối chưa mở được địa chỉ của mình", "Chương trình khác đang lắng nghe ở đó (`ss -ltnp`) hoặc máy chưa có địa chỉ này. Nút tự thử lại, cách nhau nhiều nhất một phút; các tiến trình xử lý, kết nối và thư mục vẫn chạy. Nếu kéo dài, hãy dừng chương trình kia hoặc sửa gateway.listen rồi nạp lại."),
    # 6 delivery certificates -------------------------------------------------------------------------------
    ("EDX653", "certificate-bytes", _O, _NO, 422, 1,
     "These are not the bytes of a delivery certificate as a node writes it", "Ask for the file again from whoever gave it, as the node wrote it: a program that unpacks it and packs it anew changes its form. Do not rely on this one.",
     "Tệp không đúng nguyên trạng của chứng thư giao nhận do nút lập", "Yêu cầu bên cung cấp gửi lại tệp đúng như nút đã lập: giải nén rồi nén lại sẽ làm thay đổi dạng của tệp. Không dựa vào tệp này."),
    ("EDX654", "certificate-files", _O, _NO, 422, 1,
     "The files in the delivery certificate are not those that were certified", "One was changed, taken out, put in or renamed since the node signed the certificate. Do not rely on it; ask the node that signed it for another.",
     "Các tệp trong chứng thư giao nhận không phải là các tệp đã được chứng thực", "Có tệp bị sửa, bị bỏ, bị thêm hoặc bị đổi tên sau khi nút ký. Không dựa vào tệp này; yêu cầu nút đã ký cấp bản khác."),
    ("EDX655", "certificate-signature", _O, _NO, 422, 1,
     "The signature of the delivery certificate does not hold", "Compare the anchors that you gave with those of the authority that the detail names. If they are right, do not rely on the certificate.",
     "Chữ ký của chứng thư giao nhận không có giá trị", "Đối chiếu chứng thư gốc đã nêu với cơ quan chứng thực mà phần chi tiết cho biết. Nếu đã đúng thì không dựa vào chứng thư giao nhận này."),
    ("EDX656", "certificate-entry", _O, _NO, 422, 1,
     "An entry in the delivery certificate is not proved to be in the journal", "Do not rely on the certificate. Keep it: its node has signed what is not so, or somebody has made it with the node's key.",
     "Có mục trong chứng thư giao nhận không được chứng minh là thuộc nhật ký giao nhận", "Không dựa vào chứng thư này. Hãy lưu lại: nút đã ký điều không đúng, hoặc có người dùng khóa của nút để lập."),
    ("EDX657", "certificate-contradicts", _O, _NO, 422, 1,
     "The delivery certificate states what its entries do not say", "Do not rely on the certificate. Keep it: its node has signed what is not so, or another version of this program made it; then verify it with that one.",
     "Nội dung chứng thư giao nhận không khớp với các mục nhật ký kèm theo", "Không dựa vào chứng thư này. Hãy lưu lại: nút đã ký điều không đúng, hoặc chứng thư do phiên bản khác lập; khi đó kiểm tra bằng phiên bản ấy."),
    ("EDX658", "certificate-impossible", _O, _NO, 409, 1,
     "This node cannot certify that now", "Set node.key and node.certificate where they are missing. If the newest entries are not under a checkpoint yet, try again in some seconds, or let the node run (`edxml-router serve`).",
     "Nút này hiện chưa thể chứng thực việc đó", "Nếu thiếu node.key và node.certificate thì hãy thiết lập. Nếu các mục mới nhất chưa nằm dưới điểm chốt nào, thử lại sau vài giây hoặc cho nút chạy (`edxml-router serve`)."),
    ("EDX632", "certificate-revocation", _O, _NO, 422, 1,
     "What the delivery certificate encloses about revocation does not hold", "The detail says what is wrong. Do not rely on the certificate. Keep it: its node has signed what is not so, or somebody has made it with the node's key.",
     "Tài liệu về thu hồi kèm trong chứng thư giao nhận không có giá trị", "Phần chi tiết cho biết sai ở đâu. Không dựa vào chứng thư này. Hãy lưu lại: nút đã ký điều không đúng, hoặc có người dùng khóa của nút để lập."),
    ("EDX674", "certificate-statement", _O, _NO, 422, 1,
     "The statement of another node in the delivery certificate does not hold", "The detail says what is wrong. Give the authorities of all nodes on the way as anchors; if they are right, do not rely on the certificate. Keep it, and ask the node that the statement names.",
     "Xác nhận của nút khác trong chứng thư giao nhận không có giá trị", "Phần chi tiết cho biết sai ở đâu. Nêu chứng thư gốc của mọi nút trên đường đi; nếu đã đúng thì không dựa vào chứng thư này. Hãy lưu lại và hỏi nút được nêu trong xác nhận."),
)
