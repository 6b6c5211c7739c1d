"""Problems of a node's configuration (family 9).

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_O = "operator"
_NO, _LATER, _NOTE = "permanent", "transient", "remark"

CONFIGURATION: tuple[Row, ...] = (
    # 9 configuration -------------------------------------------------------------------------------------
    ("EDX901", "config-invalid", _O, _NO, 500, 78,
     "The configuration is wrong", "Correct the lines named; `edxml-router config check` lists all mistakes at once.",
     "Cấu hình sai", "Sửa các dòng được nêu; `edxml-router config check` liệt kê mọi lỗi cùng lúc."),
    ("EDX902", "file-unreadable", _O, _NO, 500, 78,
     "A file cannot be read", "Check the path and the permissions of the account that runs the router; a file of certificates or revocation lists is PEM, DER or PKCS#7.",
     "Không đọc được tệp", "Kiểm tra đường dẫn và quyền của tài khoản chạy bộ định tuyến; tệp chứng thư hoặc danh sách thu hồi phải ở dạng PEM, DER hoặc PKCS#7."),
    ("EDX903", "key-unsafe", _O, _NO, 500, 78,
     "A private key or a password file cannot be used, or others can read it", "A key is a PEM file of RSA or EC type, or one in a token (pkcs11:…); key and password files belong to the router's account, mode 0600.",
     "Không dùng được khóa bí mật hoặc tệp mật khẩu, hoặc người khác đọc được", "Khóa là tệp PEM loại RSA hoặc EC, hoặc khóa trong thiết bị (pkcs11:…); tệp khóa và tệp mật khẩu thuộc tài khoản của bộ định tuyến, quyền 0600."),
    ("EDX915", "setting-waits", _O, _NOTE, 200, 0,
     "A changed setting is not in force in the running node", "The particulars say what it takes: a reload (`systemctl reload`, or SIGHUP to the supervisor), or a restart (stop, start); until then the node goes on with the old value.",
     "Thiết lập đã đổi nhưng chưa có hiệu lực ở nút đang chạy", "Phần chi tiết nêu việc cần làm: nạp lại (`systemctl reload` hoặc gửi SIGHUP cho tiến trình giám sát) hay khởi động lại; cho đến lúc đó nút vẫn dùng giá trị cũ."),
    ("EDX904", "dependency-missing", _O, _NO, 500, 69,
     "Something the router needs is not installed", "Install what is named; `edxml-router doctor` checks everything.",
     "Thiếu thành phần cần thiết", "Cài đặt thành phần được nêu; `edxml-router doctor` kiểm tra toàn bộ."),
    ("EDX905", "catalogue-row", _O, _NOTE, 200, 0,
     "A row of an agency catalogue could not be used", "Correct the row in the file and import again; the other rows are in.",
     "Một dòng của danh mục cơ quan không dùng được", "Sửa dòng đó trong tệp rồi nạp lại; các dòng khác đã được nạp."),
    ("EDX906", "catalogue-unreadable", _O, _NO, 422, 1,
     "This is not an agency catalogue", "Give a UTF-8 file with a header line (code,name at least), or JSON as the axis answers; see agency_codes/README.md.",
     "Tệp này không phải danh mục cơ quan", "Dùng tệp UTF-8 có dòng tiêu đề (ít nhất code,name) hoặc JSON như trục trả về; xem agency_codes/README.md."),
    ("EDX907", "config-remark", _O, _NOTE, 200, 0,
     "The configuration is allowed, but perhaps not what was meant", "Look at the setting named; nothing has to change if it is meant so.",
     "Cấu hình hợp lệ nhưng có thể không đúng ý định", "Xem lại thiết lập được nêu; nếu đúng ý định thì không cần thay đổi."),
    ("EDX908", "file-unwritable", _O, _NO, 500, 1,
     "A file cannot be written", "Check the folder, its permissions and the free space; a file that is there already is not overwritten, choose another place.",
     "Không ghi được tệp", "Kiểm tra thư mục, quyền ghi và dung lượng trống; tệp đã có sẵn sẽ không bị ghi đè, hãy chọn nơi khác."),
    ("EDX909", "token-away", _O, _LATER, 503, 75,
     "The token that holds the private key does not answer", "Check the token, its module and the router's access to it (`edxml-router doctor`); nothing is signed meanwhile, and it is tried again.",
     "Thiết bị giữ khóa bí mật không phản hồi", "Kiểm tra thiết bị, mô-đun của nó và quyền truy cập của bộ định tuyến (`edxml-router doctor`); trong lúc đó không ký được gì và hệ thống sẽ thử lại."),
    ("EDX910", "agency-outdated", _O, _NOTE, 200, 0,
     "An office serves an agency whose code is closed", "Nobody can send to it any more. Add the successor's code to the office (`edxml-router agency show` names it where it is known) and reload; leave the closed code while answers to older documents still come.",
     "Mục offices có cơ quan mà mã đã đóng", "Không ai gửi tới mã này được nữa. Thêm mã của cơ quan kế thừa (`edxml-router agency show` nêu nếu đã biết) rồi nạp lại; giữ mã cũ trong thời gian còn nhận phản hồi về văn bản trước đây."),
    ("EDX911", "code-not-listed", _O, _NOTE, 200, 0,
     "It was written, but no agency in this node's catalogue has this code", "Compare the code with `edxml-router agency list`: with a wrong code it has no effect, and should be ended and written again. For an agency that the catalogue does not have yet nothing has to be done.",
     "Đã ghi, nhưng danh mục của nút không có cơ quan nào mang mã này", "Đối chiếu mã bằng `edxml-router agency list`: nếu sai mã thì dòng này không có tác dụng, hãy kết thúc rồi ghi lại. Nếu là cơ quan mới chưa có trong danh mục thì không cần làm gì."),
    ("EDX913", "broker-takes-more", _O, _NOTE, 200, 0,
     "The broker takes larger messages than this node counts with", "Set max_message_size in rabbitmq.conf to the number that the detail names, and restart the broker: it bounds what one message of a hostile child or office can put into a worker's memory. If larger ones are wanted, raise hub.max_message_bytes.",
     "Máy chủ trung chuyển nhận thông điệp lớn hơn mức nút này tính", "Đặt max_message_size trong rabbitmq.conf bằng con số nêu ở phần chi tiết rồi khởi động lại máy chủ: mức này giới hạn dung lượng mà một thông điệp có thể chiếm trong bộ nhớ của tiến trình. Nếu cần thông điệp lớn hơn, tăng hub.max_message_bytes."),
    ("EDX914", "ends-soon", _O, _NOTE, 200, 0,
     "Something that trust hangs on ends soon", "See to it that whoever is named has it renewed in time, put the new one in the place of the old, and reload.",
     "Một thành phần mà việc tin cậy dựa vào sắp hết hạn", "Bảo đảm bên được nêu gia hạn kịp thời, đặt bản mới thay bản cũ rồi nạp lại."),
    ("EDX917", "ends-now", _O, _LATER, 503, 75,
     "Something that trust hangs on has ended, or ends within a week", "Have whoever is named renew it now, put the new one in the place of the old, and reload. No sender is to blame for what follows from it.",
     "Một thành phần mà việc tin cậy dựa vào đã hết hạn hoặc hết hạn trong vòng một tuần", "Yêu cầu bên được nêu gia hạn ngay, đặt bản mới thay bản cũ rồi nạp lại. Hậu quả của việc này không phải lỗi của bên gửi."),
)
