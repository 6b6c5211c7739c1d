"""Problems of calls that use the protocol of the national document axis.

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_S, _O = "sender", "operator"
_NO, _LATER = "permanent", "transient"

AXIS: tuple[Row, ...] = (
    ("EDX422", "call-unproven", _S, _NO, 401, 1,
     "The headers of the call are not proven", "Compare the system id and the secret in the e-office's settings with those that the operator gave out; nothing on the way may change headers. The detail says which one does not fit.",
     "Phần đầu của lời gọi không được chứng thực", "Đối chiếu mã hệ thống và khóa bí mật trong thiết lập của phần mềm với những gì người vận hành đã cấp; không thiết bị nào trên đường truyền được sửa phần đầu. Phần chi tiết nêu chỗ không khớp."),
    ("EDX423", "call-outdated", _S, _NO, 401, 1,
     "The call's time stamp is too far from the node's clock", "Set the clock of the e-office's machine (Vietnam time, QĐ 28/2018, article 14); where its software keeps one client object for days, restart it or have it make a new one for each round. The operator can widen gateway.national.window.",
     "Dấu thời gian của lời gọi lệch quá xa đồng hồ của nút", "Chỉnh đồng hồ máy chạy phần mềm (giờ Việt Nam, Điều 14 QĐ 28/2018); nếu phần mềm giữ một đối tượng kết nối nhiều ngày, hãy khởi động lại hoặc tạo mới cho mỗi lượt. Người vận hành có thể nới gateway.national.window."),
    ("EDX424", "call-contradicts", _S, _NO, 422, 1,
     "The headers of the call say something else than the envelope", "`from` is the sender in the envelope, and `to` chooses among its recipients. Write the same codes into both, or leave `to` out to reach all.",
     "Phần đầu của lời gọi không khớp với gói tin", "`from` là cơ quan gửi trong gói tin, `to` chỉ chọn trong các nơi nhận của gói tin. Hãy ghi cùng một mã ở cả hai nơi, hoặc bỏ `to` để gửi cho tất cả."),
    ("EDX425", "body-hash", _S, _NO, 400, 1,
     "The body is not the one whose hash was signed", "It was cut off or changed on the way, or the hash is of another file. Send it again; if it repeats, look at proxies between the e-office and the node.",
     "Nội dung không đúng với mã băm đã ký", "Nội dung bị cắt hoặc bị sửa trên đường truyền, hoặc mã băm là của tệp khác. Hãy gửi lại; nếu lặp lại, kiểm tra các máy trung gian giữa phần mềm và nút."),
    ("EDX426", "agency-by-operator", _O, _NO, 403, 1,
     "An e-office cannot add or remove agencies of this node", "The request is in the journal. If it is right, add the code to the office's agencies (or take it out), and the agency to the catalogue (`edxml-router agency import`), then reload.",
     "Phần mềm không tự đăng ký hoặc hủy đăng ký cơ quan ở nút này", "Yêu cầu đã được ghi vào nhật ký. Nếu đúng, hãy thêm mã vào agencies của mục đơn vị (hoặc bỏ đi), bổ sung cơ quan vào danh mục (`edxml-router agency import`) rồi nạp lại."),
    ("EDX923", "axis-away", _O, _LATER, 503, 75,
     "The national axis does not answer, or not as it should", "The particulars say which address and why: the line, the axis's certificate (axis.ca), the system id or the secret. What is for it waits here and is tried again by itself.",
     "Trục liên thông văn bản quốc gia không trả lời hoặc trả lời sai", "Phần chi tiết nêu địa chỉ và lý do: đường truyền, chứng thư của trục (axis.ca), mã hệ thống hoặc khóa bí mật. Văn bản gửi lên trục chờ tại đây và tự được gửi lại."),
    ("EDX920", "axis-clock", _O, _LATER, 503, 75,
     "The axis's clock and this machine's are too far apart", "The axis refuses calls whose time stamp is too far from its clock. Set this machine's clock (NTP); if it is right, tell the axis's operator.",
     "Đồng hồ của trục và của máy này lệch nhau quá nhiều", "Trục từ chối lời gọi có dấu thời gian lệch quá xa đồng hồ của nó. Hãy chỉnh đồng hồ máy này (NTP); nếu đã đúng, báo cho bên vận hành trục."),
    ("EDX922", "secret-weak", _O, _NO, 500, 78,
     "The secret that an e-office shares with this node is empty or too short", "Write a random one of at least 20 characters into the file (`openssl rand -hex 20`), hand it to the maker of the e-office in a safe way, and reload.",
     "Khóa bí mật dùng chung với phần mềm văn phòng bị trống hoặc quá ngắn", "Ghi vào tệp một chuỗi ngẫu nhiên ít nhất 20 ký tự (`openssl rand -hex 20`), giao cho bên phát triển phần mềm theo cách an toàn rồi nạp lại."),
)
