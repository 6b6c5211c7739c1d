"""The details of findings in Vietnamese, for people; programs get them as they were written, in English.

``vietnamese("more than 5 bytes")`` is ``"hơn 5 byte"``. Each row has an English detail as the code writes it, with
``{}`` for what is put in, and its translation; those about envelopes and what came over links are in
:mod:`~edxml_router.language.details_mail`. What no row knows stays English. A detail made of several is taken
apart at ``"; "``, then at the first ``": "``. The tests hold the English column equal to the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from edxml_router.core.delivery.lifecycle import State
from edxml_router.language.details_mail import MAIL
from edxml_router.language.details_reasons import REASONS, THEIRS
from edxml_router.language.texts import say

ROWS: Final[Sequence[tuple[str, str]]] = (
    # files and commands
    ("more than {} bytes", "hơn {} byte"),
    ("{} bytes, at most {}", "{} byte, tối đa {}"),
    ("not a regular file", "không phải tệp thông thường"),
    ("no configuration; name it with --config FILE", "chưa có cấu hình; hãy chỉ ra bằng --config TỆP"),
    ("a link needs a section [hub]", "liên kết cần có mục [hub]"),
    ("a log-in by certificate needs TLS", "đăng nhập bằng chứng thư cần có TLS"),
    ("{} is already taken", "{} đã được dùng"),
    ("a name has a-z, 0-9, hyphen and underscore", "tên chỉ gồm a-z, 0-9, gạch nối và gạch dưới"),
    ("the folder is not empty", "thư mục không trống"),
    ("a demonstration runs in it", "một bản trình diễn đang chạy ở đó"),
    ("the folder is another account's, or a link", "thư mục là của tài khoản khác, hoặc là một liên kết"),
    ("the file is there already", "tệp đã có sẵn"),
    ("a letter is named by its SHA-256 and its recipient, as the inbox shows it",
     "văn thư được gọi bằng SHA-256 và nơi nhận, như hộp nhận hiển thị"),
    ("a letter is named by {} or more digits of its SHA-256, as `edxml-router inbox` shows them",
     "văn thư được gọi bằng ít nhất {} ký tự đầu của SHA-256, như `edxml-router inbox` hiển thị"),
    ("the folder is not there", "không có thư mục này"),
    ("no such file", "không có tệp này"),
    ("not a file of SQLite", "không phải tệp SQLite"),
    ("there is no journal in it", "trong đó không có nhật ký"),
    ("it names no file", "địa chỉ này không chỉ ra tệp nào"),
    ("sqlite:///PATH, with four slashes for a path from the root",
     "sqlite:///ĐƯỜNG-DẪN, đường dẫn từ gốc có bốn dấu gạch chéo"),
    ("an empty database", "cơ sở dữ liệu trống"),
    ("an empty database, and the data folder had one before",
     "cơ sở dữ liệu trống, trong khi thư mục dữ liệu đã từng có"),
    ("the database has been used, and this data folder was never its",
     "cơ sở dữ liệu đã được dùng, còn thư mục dữ liệu này chưa từng thuộc về nó"),
    ("it is the database of {}, not of {}", "đây là cơ sở dữ liệu của {}, không phải của {}"),
    ("it is there already", "đã có sẵn"),
    ("mail is taken from it already, and not by this database",
     "thư ở đó đang được lấy, và không phải bởi cơ sở dữ liệu này"),
    ("{} what was handed in since {}", "{} những gì đã nộp từ {}"),
    ("has not answered", "chưa trả lời về"),
    ("has not sent again", "chưa gửi lại"),
    ("signed with {}, {}", "được ký bằng {}, {}"),
    ("named here: {}", "ở đây khai báo: {}"),
    ("this side's turn to add the new one", "bên này cần thêm chứng thư mới"),
    ("nothing of it has failed", "không có phần nào thất bại"),
    ("changed meanwhile", "vừa bị thay đổi"),
    ("the recipient has it", "nơi nhận đã nhận"),
    ("only a recall by the sender takes it back", "chỉ bên gửi thu hồi được bằng văn bản thu hồi"),
    ("it has ended", "việc chuyển đã kết thúc"),
    ("`edxml-router resend` opens it again", "`edxml-router resend` mở lại việc chuyển"),
    ("it is still on its way and needs no new opening", "gói còn đang chuyển, không cần mở lại"),
    ("it is not held", "gói không bị giữ lại"),
    ("`edxml-router queue release` lets it go on", "dùng `edxml-router queue release` để chuyển tiếp"),
    ("it lies ready for its recipient", "gói đã sẵn sàng cho nơi nhận"),
    ("`edxml-router queue cancel` takes it away", "dùng `edxml-router queue cancel` để hủy"),
    ("the next node has accepted it", "nút kế tiếp đã tiếp nhận"),
    ("the next node may have it already", "nút kế tiếp có thể đã nhận"),
    ("ask the sender for a recall, or the operator of {}",
     "đề nghị bên gửi thu hồi, hoặc liên hệ người vận hành {}"),
    ("its bytes were not kept (EDX604)", "nội dung không được giữ lại (EDX604)"),
    ("{} ({}=1 shows the place)", "{} (đặt {}=1 để xem vị trí)"),
    ("name a file for {}", "hãy khai báo tệp cho {}"),
    ("not an authority's certificate; `trust bind` is for signers",
     "không phải chứng thư của tổ chức cấp; với bên ký hãy dùng `trust bind`"),
    ("no authority here; make one with `edxml-router pki init`",
     "ở đây chưa có tổ chức cấp; hãy tạo bằng `edxml-router pki init`"),
    ("the same file as {}, which would be lost", "trùng với tệp {}, tệp này sẽ bị mất"),
    ("no readable certificate (PEM, DER or PKCS#7)", "không có chứng thư đọc được (PEM, DER hoặc PKCS#7)"),
    ("no certificate in it (PEM, DER or PKCS#7)", "trong tệp không có chứng thư (PEM, DER hoặc PKCS#7)"),
    ("no revocation list in it (PEM, DER or PKCS#7)", "trong tệp không có danh sách thu hồi (PEM, DER hoặc PKCS#7)"),
    ("not a revocation list (PEM, DER or PKCS#7)", "không phải danh sách thu hồi (DER, PEM hoặc PKCS#7)"),
    # what trust hangs on
    ("ends {} (in {} d)", "hết hạn {} (còn {} ngày)"),
    ("ended {} ({} d ago)", "đã hết hạn {} ({} ngày trước)"),
    ("blocked since {}", "bị chặn từ {}"),
    ("blocked", "bị chặn"),
    ("its authority is blocked: {}", "tổ chức cấp của nó bị chặn: {}"),
    ("its authority has a new one", "lấy bản mới của tổ chức cấp"),
    ("`edxml-router trust add` takes it", "nạp bằng `edxml-router trust add`"),
    ("the operator of this node has it renewed", "người vận hành nút này phải gia hạn"),
    ("the authority of the neighbour's certificates has a new one",
     "lấy bản mới của tổ chức cấp chứng thư cho nút lân cận"),
    ("the neighbour has it renewed and passes it on", "nút lân cận phải gia hạn và chuyển bản mới"),
    ("the operator of the broker has it renewed and passes it on",
     "người vận hành máy trung chuyển phải gia hạn và chuyển bản mới"),
    ("the agency has it renewed", "cơ quan đó phải gia hạn"),
    ("its authority publishes the next one, and it must be put here",
     "tổ chức cấp phát hành bản kế tiếp và phải đặt bản đó vào đây"),
    ("its authority publishes the next one", "tổ chức cấp phát hành bản kế tiếp"),
    ("the responder must answer anew", "máy chủ OCSP phải trả lời lại"),
    ("the authority of that name did not sign it", "tổ chức cấp có tên đó không ký danh sách này"),
    ("from the future", "ghi thời điểm ở tương lai"),
    ("it cannot be used", "không dùng được"),
    ("the extension {} stands in it twice", "phần mở rộng {} lặp lại hai lần"),
    ("a critical extension that is not known here", "có phần mở rộng bắt buộc mà hệ thống không hiểu"),
    ("a critical entry extension", "một dòng có phần mở rộng bắt buộc"),
    ("a delta list", "danh sách thu hồi phần thay đổi (delta)"),
    ("an indirect list, or one for attribute certificates or for some reasons only",
     "danh sách gián tiếp, hoặc chỉ dành cho chứng thư thuộc tính hay một số lý do"),
    ("the hash of its signature is {}", "chữ ký của danh sách dùng hàm băm {}"),
    ("its key is not RSA of 2048 to 8192 bits, nor P-256, P-384 or P-521",
     "khóa không phải RSA từ 2048 đến 8192 bit, cũng không phải P-256, P-384 hay P-521"),
    ("basicConstraints does not say CA:TRUE", "basicConstraints không ghi CA:TRUE"),
    ("its KeyUsage does not allow keyCertSign", "KeyUsage không cho phép keyCertSign"),
    ("its ExtendedKeyUsage does not allow certificates that sign documents",
     "ExtendedKeyUsage không cho phép cấp chứng thư ký văn bản"),
    ("its PolicyConstraints require an explicit policy, which is not supported",
     "PolicyConstraints đòi chính sách tường minh, hệ thống không hỗ trợ"),
    ("no authority of that name and key is known here or was sent along",
     "không có tổ chức cấp nào mang tên và khóa đó ở đây hoặc được gửi kèm"),
    ("{} takes nothing", "{} không lấy thư"),
    ("{} messages wait for it", "{} thông điệp đang chờ"),
    ("{} messages wait for {}, {} MiB, the oldest letter since {}",
     "{} thông điệp đang chờ {}, {} MiB, văn thư cũ nhất từ {}"),
    ("{} has {} MiB to take", "{} còn {} MiB chưa lấy"),
    ("{} letters wait here for room there", "{} văn thư chờ ở nút này đến khi hộp thư có chỗ"),
    ("{} bytes wait in its mailbox, at most {}", "hộp thư đang giữ {} byte, tối đa {}"),
    ("the file is empty (0 bytes)", "tệp rỗng (0 byte)"),
    ("xsi:nil is not allowed; leave the element empty, or out where it is optional",
     "không được dùng xsi:nil; hãy để trống phần tử, hoặc bỏ hẳn nếu không bắt buộc"),
    ("xsi:type is not allowed", "không được dùng xsi:type"),
    ("attribute {} is missing", "thiếu thuộc tính {}"),
    ("attribute {} does not belong here", "thuộc tính {} không được đặt ở đây"),
    ("elements inside a plain value", "có phần tử con bên trong một giá trị đơn"),
    ("text between elements", "có văn bản nằm giữa các phần tử"),
    ("the element has to be empty", "phần tử này phải để trống"),
    ("none of the values allowed", "không thuộc các giá trị cho phép"),
    ("a value of another form", "giá trị sai dạng"),
    ("another form than the schema's", "khác dạng mà lược đồ quy định"),
    ("does not begin with <", "không bắt đầu bằng <"),
    ("no element begins here", "ở đây không có phần tử nào bắt đầu"),
    ("the offices are {}", "các office hiện có: {}"),
    ("there is: {}", "hiện có: {}"),
    ("neither a key, nor a file, nor a code in the catalogue",
     "không phải khóa, không phải tệp, cũng không phải mã trong danh mục"),
    ("no key known here begins so; give all 64 digits, or the certificate's file",
     "không có khóa nào đã biết bắt đầu như vậy; hãy ghi đủ 64 chữ số hoặc chỉ ra tệp chứng thư"),
    ("`edxml-router trust list` shows what is in {}", "`edxml-router trust list` cho biết nội dung của {}"),
    ("process {} on {} since {} UTC", "tiến trình {} trên {} từ {} UTC"),
    # doctor
    ("missing", "chưa có"),
    ("schema {}, needed {}; run `edxml-router init`", "lược đồ {}, cần {}; hãy chạy `edxml-router init`"),
    ("schema {}, needed {}", "lược đồ {}, cần {}"),
    ("{} MiB free, reserve {} MiB", "còn trống {} MiB, mức dự trữ {} MiB"),
    ("{}, schema {}", "{}, lược đồ {}"),
    ("no more of it than is noted piece by piece", "không vượt mức được ghi riêng từng mục"),
    ("nobody is absent, no mail waits for room", "không bên nào vắng mặt, không thư nào phải chờ chỗ trống"),
    ("{} anchors, {} intermediates, epoch {}", "{} chứng thư gốc, {} trung gian, phiên bản {}"),
    ("{} agencies, version {}", "{} cơ quan, phiên bản {}"),
    ("{}, next update {}", "{}, lần cập nhật tới {}"),
    ("not fetched yet", "chưa tải về"),
    ("without node.key the receipts of this node are not signed",
     "không có node.key thì biên nhận của nút không được ký"),
    ("node.key does not belong to node.certificate", "node.key không khớp với node.certificate"),
    ("the clock says {}: certificates and lifetimes will be misjudged",
     "đồng hồ chỉ năm {}: chứng thư và thời hạn sẽ bị đánh giá sai"),
    ("{} ahead of the time that the node goes by", "nhanh hơn giờ nút đang dùng {}"),
    ("{} behind the time that the node goes by", "chậm hơn giờ nút đang dùng {}"),
    ("the clock of {} is {} ahead of this node's", "đồng hồ của {} nhanh hơn đồng hồ của nút này {}"),
    ("this node's clock is {} ahead of that of {}", "đồng hồ của nút này nhanh {} so với đồng hồ của {}"),
    ("{} by this node's clock, not by that of {}", "{} theo đồng hồ của nút này, không theo đồng hồ của {}"),
    ("{}, as of {}", "{}, lúc {}"),
    ("kind {}, not one of {}", "loại {}, không thuộc {}"),
    ("expired at {}, where it had until {} UTC", "đã hết hạn ở {}, trong khi thời hạn là {} UTC"),
    ("sent again", "đã gửi lại"),
    ("{}: {} is not in the catalogue; nobody can send to it",
     "{}: {} không có trong danh mục; không ai gửi tới được"),
    ("{} d", "{} ngày"),
    ("not running", "không chạy"),
    ("the node's own hub, which `edxml-router serve` makes",
     "trung chuyển của chính nút này, do `edxml-router serve` tạo ra"),
    ("set max_message_size to {}", "đặt max_message_size bằng {}"),
    ("it takes at most {} bytes, hub.max_message_bytes is {}",
     "chỉ nhận tối đa {} byte, trong khi hub.max_message_bytes là {}"),
    ("messages of up to {} bytes", "thông điệp tối đa {} byte"),
    ("{} messages wait here and nobody takes them", "{} thông điệp đang chờ ở đây mà không ai lấy"),
    ("{}: expired", "{}: đã hết hạn"),
    # configuration
    ("the file has more than {} bytes", "tệp lớn hơn {} byte"),
    ("not UTF-8", "không phải UTF-8"),
    ("not TOML: {}", "không phải TOML: {}"),
    ("{} is not a setting", "{} không phải là thiết lập"),
    ("did you mean {}?", "ý bạn là {}?"),
    ("{} is a section with settings of its own", "{} là một mục có các thiết lập riêng"),
    ("{} is a list: [ … ]", "{} là danh sách: [ … ]"),
    ("{}: a name has a-z, 0-9, hyphen and underscore, at most 63 characters",
     "{}: tên chỉ gồm a-z, 0-9, gạch nối và gạch dưới, tối đa 63 ký tự"),
    ('a duration is written like "30s", "5m", "12h" or "10d"',
     'khoảng thời gian ghi như "30s", "5m", "12h" hoặc "10d"'),
    ("this duration is too long", "khoảng thời gian quá dài"),
    ('a size is a number of bytes, or written like "64 MiB"', 'dung lượng là số byte hoặc ghi như "64 MiB"'),
    ("a path is a text that is not empty", "đường dẫn là chuỗi không rỗng"),
    ("{}: {} is already taken by {}", "{}: {} đã được dùng ở {}"),
    ("{} has neither prefixes nor codes", "{} không có prefixes mà cũng không có codes"),
    ("prefix {} is already in {}", "tiền tố {} đã có ở {}"),
    ("{}.user is {}: neighbours take messages of user {} only",
     "{}.user là {}: nút lân cận chỉ nhận thông điệp của người dùng {}"),
    ("{} names neither certificate nor authority: receipts of {} {}",
     "{} chưa nêu certificate hoặc authority: biên nhận của {} {}"),
    ("do not count (EDX411)", "không được tính (EDX411)"),
    ("count without proof", "được tính dù không có gì chứng minh"),
    ("receipts of {} count without proof", "biên nhận của {} được tính dù không có gì chứng minh"),
    ("in the name of {}", "dưới tên {}"),
    ("prefixes {} and {} ({}) overlap: {}", "tiền tố {} và {} ({}) chồng nhau: {}"),
    ("is the same link", "là cùng một liên kết"),
    ("the longer one wins", "tiền tố dài hơn được chọn"),
    ("agency {} is already in {}", "cơ quan {} đã có ở {}"),
    ("agency {} is under prefix {} of child {}, who could send in its name",
     "cơ quan {} nằm dưới tiền tố {} của nút con {}, nút đó có thể gửi thay cơ quan này"),
    ("children need mailboxes: add a section [hub]", "nút con cần hộp thư: hãy thêm mục [hub]"),
    ('{}: attach = "amqp" needs a section [hub]', '{}: attach = "amqp" cần có mục [hub]'),
    ("store.url is not a URL such as sqlite:///journal.db", "store.url không phải URL dạng sqlite:///journal.db"),
    ("store.url contains a password; use store.password_file",
     "store.url chứa mật khẩu; hãy dùng store.password_file"),
    ("store.url: sqlite and postgresql are supported", "store.url: chỉ hỗ trợ sqlite và postgresql"),
    ("{} and {} belong together", "{} và {} phải đi cùng nhau"),
    ('{} is missing (kind = "local")', 'thiếu {} (kind = "local")'),
    ('{} is missing (kind = "rabbitmq")', 'thiếu {} (kind = "rabbitmq")'),
    ('{} has no meaning with kind = "local"', '{} không có nghĩa khi kind = "local"'),
    ('{} has no meaning with kind = "rabbitmq"', '{} không có nghĩa khi kind = "rabbitmq"'),
    ('{} has no meaning with login = "certificate"', '{} không có nghĩa khi login = "certificate"'),
    ("{} has no effect without {}", "{} không có tác dụng nếu thiếu {}"),
    ("{}: the exception for unsigned envelopes ended on {}", "{}: ngoại lệ cho gói không ký đã hết hạn ngày {}"),
    ("delivery.retry_first is longer than retry_ceiling", "delivery.retry_first dài hơn retry_ceiling"),
    ("delivery.lease must be shorter than lifetime", "delivery.lease phải ngắn hơn lifetime"),
    ("without trust.anchors no signature can be accepted (EDX316)",
     "không có trust.anchors thì không chữ ký nào được chấp nhận (EDX316)"),
    ("{}: not an address of http, https or file", "{}: không phải địa chỉ http, https hoặc file"),
    ("{}: not an address of http or https", "{}: không phải địa chỉ http hoặc https"),
    ("{} is there twice", "{} bị lặp lại"),
    ("{}: this authority has a responder already", "{}: tổ chức cấp này đã có máy chủ OCSP"),
    ("{}: {}: not a folder", "{}: {}: không phải thư mục"),
    ("{}: {}: not a file that can be read", "{}: {}: không phải tệp đọc được"),
    ("{}: {}: mode {}, not 0600", "{}: {}: quyền {}, không phải 0600"),
    # store and transport
    ("it had been {}", "trước đó đã là {}"),
    ("deliveries changed meanwhile", "các gói vừa thay đổi, hãy thử lại"),
    ("at most {} a minute", "tối đa {} mỗi phút"),
    ("{} bytes free, {} in reserve", "còn {} byte, mức dự trữ {}"),
    ("no free connection", "hết kết nối rỗi"),
    ("{} would go back to {}, who has sent it here", "{} sẽ quay lại {}, nơi vừa gửi tới đây"),
    ("{} was {} on the letter's day, {}, and not {}", "{} là {} vào ngày của văn thư, {}, không phải {}"),
    ("{} was {} on the letter's day, {}, and is {} today",
     "{} là {} vào ngày của văn thư, {}, còn hôm nay là {}"),
    ("{} has stood for several agencies, and no date of the letter can be read",
     "{} từng chỉ nhiều cơ quan và không đọc được ngày của văn thư"),
    ("{} take from it, and this node has {} workers", "{} nơi nhận từ đó, trong khi nút này có {} tiến trình"),
    ("{} is not served here any more", "{} không còn do nút này phục vụ"),
    ("no longer at {}", "không còn ở {}"),
    ("{} is in force, not {}", "đang áp dụng {}, chưa phải {}"),
    ("a reload takes it", "nạp lại thì có hiệu lực"),
    ("a restart takes it", "khởi động lại thì có hiệu lực"),
    ("{} settings in all", "tổng cộng {} mục cài đặt"),
    ("{} deliveries wait", "{} lượt chuyển đang chờ"),
    ("none waits with a problem", "không có văn bản nào chờ vì sự cố"),
    ("{}: {} more since {} UTC", "{}: thêm {} mục từ {} UTC"),
    ("no connection", "không có kết nối"),
    ("the password is not the user's; correct store.password_file",
     "sai mật khẩu của tài khoản, hãy sửa store.password_file"),
    ("the server asks for a password; name store.password_file",
     "máy chủ yêu cầu mật khẩu, hãy khai báo store.password_file"),
    ("the server has no database of that name", "máy chủ không có cơ sở dữ liệu tên này"),
    ("the server has no user of that name", "máy chủ không có tài khoản tên này"),
    ("pg_hba.conf on the server does not let this user in from here",
     "pg_hba.conf trên máy chủ không cho tài khoản này kết nối từ máy này"),
    ("no connection is free; raise the limit of user or server",
     "hết kết nối, hãy nâng giới hạn của tài khoản hoặc máy chủ"),
    ("the server is starting or stopping", "máy chủ đang khởi động hoặc đang dừng"),
    ("a connection pooler (PgBouncer) stands before the database and drops what makes a commit durable; "
     "let store.url name PostgreSQL itself",
     "trước cơ sở dữ liệu có bộ gom kết nối (PgBouncer) làm mất tính bền vững của giao dịch; "
     "hãy để store.url trỏ thẳng tới PostgreSQL"),
    ("the host's name is unknown", "không phân giải được tên máy chủ"),
    ("nobody listens there: another host or port, or a server that is not running",
     "không có dịch vụ nào ở đó: sai máy, sai cổng, hoặc máy chủ chưa chạy"),
    ("no answer in time: a firewall, or a machine that is down", "không trả lời kịp: do tường lửa hoặc máy đã tắt"),
    ("no way leads to the host", "không có đường mạng tới máy chủ"),
    ("nobody listens at that socket: a server that is not running", "không có dịch vụ ở socket đó: máy chủ chưa chạy"),
    ("TLS with the server failed", "không thiết lập được TLS với máy chủ"),
    ("the database is read-only: a standby, or set so", "cơ sở dữ liệu chỉ đọc: bản dự phòng, hoặc do cài đặt"),
    ("the user has not the rights; let it own the database, or grant them",
     "tài khoản không đủ quyền, hãy cho làm chủ cơ sở dữ liệu hoặc cấp quyền"),
    ("another session holds a lock and does not let go", "một phiên khác giữ khóa và không nhả"),
    ("a statement took longer than allowed", "câu lệnh chạy quá thời gian cho phép"),
    ("no such folder", "không có thư mục này"),
    ("body damaged or missing", "nội dung hỏng hoặc bị mất"),
)  # fmt: skip

# Places, which are written as details are.
PLACES: Final = (
    ("line {}, column {}", "dòng {}, cột {}"),
    ("{}, line {}", "{}, dòng {}"),
    ("line {}", "dòng {}"),
    ("delivery {}", "gói {}"),
    ("recipient {}", "nơi nhận {}"),
    ("aside {}", "mục giữ riêng {}"),
)

_LONGEST: Final = 1000  # characters; what is longer is a list or a stranger's, and looking at it takes time
_DEEPEST: Final = 20  # details within details


def vietnamese(text: str, depth: int = 0) -> str:
    """A detail, or a place, in Vietnamese, as far as it is known."""
    if len(text) > _LONGEST or depth > _DEEPEST:
        return text
    for fragments, translated in _rows():
        parts = _parts(fragments, text)
        if parts is not None:
            return translated.format(*(vietnamese(part, depth + 1) for part in parts))
    head, found, tail = text.partition("; ")
    if found:
        return f"{vietnamese(head, depth + 1)}; {vietnamese(tail, depth + 1)}"
    head, found, tail = text.partition(": ")
    return f"{head}: {vietnamese(tail, depth + 1)}" if found else text


def _parts(fragments: Sequence[str], text: str) -> list[str] | None:
    """What stands in the gaps between the fragments; None where the text is not made of them. Each gap is as short as
    can be, and nothing is tried twice: as a regular expression, two gaps take a stranger's text squared, three cubed.
    """
    first, *between = fragments
    if not between:
        return [] if text == first else None
    last = between.pop()
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end <= len(first):
        return None
    parts, at = [], len(first)
    for fragment in between:
        found = text.find(fragment, at + 1, end)  # a gap is not empty
        if found < 0:
            return None
        parts.append(text[at:found])
        at = found + len(fragment)
    return [*parts, text[at:end]] if at < end else None


@cache
def _rows() -> Sequence[tuple[Sequence[str], str]]:
    states = tuple((str(state), say("vi", f"state.{state}")) for state in State)
    rows = (*states, *ROWS, *MAIL, *PLACES, *REASONS, *THEIRS)
    return [(english.split("{}"), translated) for english, translated in rows]
