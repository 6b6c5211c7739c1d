"""What the commands say, in English and Vietnamese.

``say("vi", "queue.done", count=3)``. Titles and remedies of problems come from the problem table; here are the
words around them: table heads, sentences, questions. Help texts and the names of commands are English only.
The language is ``--lang``, else the locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG`` beginning with ``vi``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "vi")

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    # errors: three lines
    "error.where": ("where", "nơi"),
    "error.remedy": ("remedy", "xử lý"),
    "error.remark": ("remark", "lưu ý"),
    # columns
    "col.act": ("act", "hành động"),
    "col.account": ("who", "bên"),
    "col.agency": ("agency", "cơ quan"),
    "col.at": ("time", "thời điểm"),
    "col.attempts": ("attempts", "số lần"),
    "col.check": ("check", "mục kiểm tra"),
    "col.code": ("code", "mã"),
    "col.count": ("count", "số lượng"),
    "col.days": ("days", "số ngày"),
    "col.detail": ("detail", "chi tiết"),
    "col.document": ("document", "văn bản"),
    "col.due": ("next", "lần tới"),
    "col.envelope": ("envelope", "gói tin"),
    "col.event": ("event", "sự kiện"),
    "col.expires": ("expires", "hết hạn"),
    "col.field": ("field", "trường"),
    "col.file": ("file", "tệp"),
    "col.fingerprint": ("SHA-256 of the certificate", "SHA-256 của chứng thư"),
    "col.id": ("no.", "số"),
    "col.issued": ("issued", "ngày cấp"),
    "col.kind": ("kind", "loại"),
    "col.letter": ("letter", "văn thư"),
    "col.level": ("level", "cấp"),
    "col.line": ("line", "dòng"),
    "col.name": ("name", "tên"),
    "col.node": ("node", "nút"),
    "col.outcome": ("outcome", "kết quả"),
    "col.place": ("place", "vị trí"),
    "col.problem": ("problem", "vấn đề"),
    "col.recipient": ("recipient", "nơi nhận"),
    "col.result": ("result", "kết quả"),
    "col.route": ("route", "đường đi"),
    "col.revoked": ("revoked", "thu hồi"),
    "col.sender": ("sender", "nơi gửi"),
    "col.serial": ("serial", "số hiệu"),
    "col.setting": ("setting", "thiết lập"),
    "col.signature": ("signature", "chữ ký"),
    "col.size": ("bytes", "byte"),
    "col.source": ("from", "nguồn"),
    "col.state": ("state", "trạng thái"),
    "col.reason": ("reason", "lý do"),
    "col.since": ("since", "từ"),
    "col.subject": ("key or agency", "khóa hoặc cơ quan"),
    "col.until": ("until", "đến ngày"),
    "col.value": ("value", "giá trị"),
    # check
    "check.accepted": ("accepted", "chấp nhận"),
    "check.not-judged": (
        "not judged: only a node's table of bindings knows whether this certificate speaks for the sender",
        "chưa kết luận: chỉ bảng gán khóa của nút mới biết chứng thư này có đại diện bên gửi hay không",
    ),
    "check.refused": ("refused", "từ chối"),
    "check.working": ("checking", "đang kiểm tra"),
    "check.summary": (
        "{accepted} accepted, {not_judged} not judged, {refused} refused, {unread} not read",
        "{accepted} được chấp nhận, {not_judged} chưa kết luận, {refused} bị từ chối, {unread} không đọc được",
    ),
    "check.unread": ("not read", "không đọc được"),
    "check.expected": (
        "Correct the element named; what was expected there is listed below.",
        "Sửa phần tử được nêu; nội dung cần có ở đó được liệt kê bên dưới.",
    ),
    "check.correct": (
        "Correct the element named; docs/messages.md describes what belongs there.",
        "Sửa phần tử được nêu; docs/messages.md mô tả nội dung cần có ở đó.",
    ),
    "kind.document": ("document", "văn bản"),
    "kind.status": ("status", "trạng thái"),
    "business.0": ("new", "mới"),
    "business.1": ("recall", "thu hồi"),
    "business.2": ("update", "cập nhật"),
    "business.3": ("replace", "thay thế"),
    "signature.passed": ("passed", "hợp lệ"),
    "signature.failed": ("failed", "không hợp lệ"),
    "signature.indeterminate": ("indeterminate", "chưa xác định được"),
    "signature.absent": ("absent", "không có"),
    "check.signature": ("signature", "chữ ký"),
    "check.attachments": ("attachments: {count}", "tệp đính kèm: {count}"),
    # sign, pki, init
    "sign.done": ("signed: {file} (SHA-256 {digest})", "đã ký: {file} (SHA-256 {digest})"),
    "pki.made": (
        "The authority is in {folder}; its anchors are {anchors}.",
        "Tổ chức cấp chứng thư nằm ở {folder}; chứng thư gốc là {anchors}.",
    ),
    "pki.throwaway": (
        "It is for demonstrations, tests and pilots: its keys lie in this folder without a password.",
        "Chỉ dùng để trình diễn, kiểm thử và thử nghiệm: khóa nằm trong thư mục này, không có mật khẩu.",
    ),
    "pki.issued": ("{agency}: {key}, {certificate}", "{agency}: {key}, {certificate}"),
    "init.done": ("The configuration is {file}.", "Cấu hình nằm ở {file}."),
    "init.next": (
        "Next: edit it, then `edxml-router --config {file} doctor` and `edxml-router --config {file} serve`.",
        "Tiếp theo: sửa tệp đó rồi chạy `edxml-router --config {file} doctor` và `edxml-router --config {file} serve`.",
    ),
    "link.next": (
        "Next: add {here}/node.toml.part (if it is there) to {file}, give {here}/definitions.json (if it is there) to "
        "`rabbitmqctl import_definitions`, make the node reload (SIGHUP), and hand {there} over in a safe way.",
        "Tiếp theo: thêm {here}/node.toml.part (nếu có) vào {file}, nạp {here}/definitions.json (nếu có) bằng "
        "`rabbitmqctl import_definitions`, cho nút đọc lại cấu hình (SIGHUP) và bàn giao {there} một cách an toàn.",
    ),
    "link.child_unproven": (
        "Still to be done: receipts of {name} do not count here (EDX411) until its section names its certificate, or "
        "an authority for it. Ask for the certificate that goes with its node.key, or make the link with --pki.",
        "Còn phải làm: biên nhận của {name} chưa được tính ở đây (EDX411) cho đến khi mục của nút đó nêu chứng thư "
        "hoặc tổ chức cấp. Hãy yêu cầu chứng thư ứng với node.key của nút đó, hoặc tạo liên kết với --pki.",
    ),
    "link.own_unproven": (
        "Still to be done: this node has no node.certificate, so {name} cannot count its receipts (EDX411). Set "
        "node.key and node.certificate, and hand the certificate over as well, for `certificate` in [parent].",
        "Còn phải làm: nút này chưa có node.certificate nên {name} không thể tính biên nhận của nút này (EDX411). Hãy "
        "đặt node.key và node.certificate, rồi bàn giao cả chứng thư để khai báo `certificate` trong [parent].",
    ),
    "link.no_tls_key": (
        "Still to be done: {there}/node.toml.part names {name}.cert.pem and {name}.key.pem for TLS, and they are not "
        "there; {name} puts its own beside it, from an authority that the broker trusts.",
        "Còn phải làm: {there}/node.toml.part nêu {name}.cert.pem và {name}.key.pem cho TLS nhưng hai tệp này chưa có; "
        "{name} tự đặt tệp của mình vào đó, do tổ chức mà máy chủ trung chuyển tin cậy cấp.",
    ),
    "file.exists": (
        "{file} exists already and is left as it is",
        "{file} đã tồn tại và được giữ nguyên",
    ),
    # trust
    "trust.anchor": ("root", "chứng thư gốc"),
    "trust.intermediate": ("intermediate", "trung gian"),
    "trust.own": ("own", "của nút"),
    "trust.neighbour": ("neighbour", "nút lân cận"),
    "trust.signer": ("signer", "bên ký"),
    "trust.list": ("revocation list", "danh sách thu hồi"),
    "trust.answer": ("OCSP answer", "trả lời OCSP"),
    "trust.soon": ("ends within {days} days", "hết hạn trong vòng {days} ngày"),
    "trust.vouching": ("neighbour's authority", "tổ chức cấp của nút lân cận"),
    "trust.broker": ("broker's authority", "tổ chức cấp của máy trung chuyển"),
    "trust.ended": ("has ended", "đã hết hạn"),
    "trust.blocked": ("blocked", "đã bị chặn"),
    "trust.stale": ("past its date, still in use", "quá ngày, vẫn đang dùng"),
    "trust.ask": ("Trust these from now on?", "Tin cậy các chứng thư này từ nay?"),
    "trust.there": ("{name} is there already", "{name} đã có sẵn"),
    "trust.in_force": ("in force", "đang hiệu lực"),
    "trust.over": ("over", "đã hết hiệu lực"),
    "trust.later": ("later", "chưa có hiệu lực"),
    "trust.written": (
        "Written: {row} (since: {since}, until: {until}). A running node applies it within seconds.",
        "Đã ghi: {row} (từ: {since}, đến: {until}). Nút đang chạy áp dụng trong vài giây.",
    ),
    "trust.covered": (
        "Not written again, it is there already: {row} (since: {since}, until: {until}).",
        "Không ghi lại, đã có sẵn: {row} (từ: {since}, đến: {until}).",
    ),
    # config
    "config.good": ("{file} is correct", "{file} hợp lệ"),
    "config.wrong": ("{file} has mistakes: {count}", "{file} có lỗi: {count}"),
    "config.default": ("default", "mặc định"),
    "config.given": ("file", "tệp"),
    # explain
    "explain.family": ("family", "nhóm"),
    "explain.who": ("who acts", "ai xử lý"),
    "explain.weight": ("weight", "mức độ"),
    "explain.http": ("HTTP status", "mã HTTP"),
    "explain.exit": ("exit status", "mã thoát"),
    "actor.sender": ("the sender", "bên gửi"),
    "actor.operator": ("the operator", "người vận hành"),
    "actor.recipient": ("the recipient", "bên nhận"),
    "actor.router": ("the makers of the router", "nhóm phát triển bộ định tuyến"),
    "weight.permanent": ("permanent: the same input is refused again", "vĩnh viễn: gửi lại y nguyên vẫn bị từ chối"),
    "weight.transient": ("passing: it is tried again", "tạm thời: hệ thống sẽ thử lại"),
    "weight.remark": ("a remark: nothing is stopped", "lưu ý: không chặn gì"),
    # office
    "send.accepted": ("accepted", "đã tiếp nhận"),
    "send.repeated": ("accepted before", "đã tiếp nhận trước đó"),
    "send.passing": ("not now, send again", "chưa nhận được, hãy gửi lại"),
    "send.refused": ("refused", "bị từ chối"),
    "send.unread": ("not read", "không đọc được"),
    "send.working": ("sending", "đang gửi"),
    "inbox.empty": ("The inbox is empty.", "Hộp nhận trống."),
    "notices.empty": ("There are no notices.", "Không có thông báo."),
    "fetch.done": ("{name}: {size} bytes in {file}", "{name}: {size} byte trong {file}"),
    "confirm.confirmed": ("confirmed", "đã xác nhận"),
    "confirm.refused": ("returned to the sender", "đã trả lại bên gửi"),
    # queue
    "queue.empty": ("Nothing matches.", "Không có mục nào phù hợp."),
    "queue.would": ("would {act}: {done}, not possible: {failed}", "sẽ {act}: {done}, không thể: {failed}"),
    "queue.alike": ("and {count} more of this kind: {numbers}", "và {count} lượt khác cùng lý do: {numbers}"),
    "queue.later": (
        "What is accepted from now on is not held by this.",
        "Văn bản tiếp nhận sau lúc này không bị giữ lại.",
    ),
    "queue.done": ("{act}: {done} done, {failed} not possible", "{act}: {done} xong, {failed} không thể"),
    "queue.working": ("working", "đang xử lý"),
    "act.hold": ("hold", "giữ lại"),
    "act.release": ("release", "thả ra"),
    "act.retry": ("retry", "thử lại"),
    "act.cancel": ("cancel", "hủy"),
    "act.discard": ("discard", "bỏ"),
    "act.resend": ("resend", "gửi lại"),
    "col.waits": ("waits for", "đang chờ"),
    "waits.link": (
        "{route} has not accepted it yet (handed over {at}, attempts: {attempts}); its operator has to act",
        "{route} chưa tiếp nhận (bàn giao {at}, số lần: {attempts}); người vận hành bên đó cần xử lý",
    ),
    "waits.recipient": (
        "{route} accepted it (as of {at}); the recipient has not confirmed yet",
        "{route} đã tiếp nhận (tính đến {at}); nơi nhận chưa xác nhận",
    ),
    "waits.earlier": (
        "delivery {number}, which is of the same document and goes first",
        "bản chuyển {number} thuộc cùng văn bản, phải đi trước",
    ),
    "waits.office": (
        "ready since {at}; {route} has to fetch and confirm it",
        "sẵn sàng từ {at}; {route} cần lấy và xác nhận",
    ),
    # trace and journal
    "trace.signature": ("signature", "chữ ký"),
    "trace.accepted": ("accepted", "tiếp nhận"),
    "trace.hops": ("hops", "chặng"),
    "trace.outcome": ("outcome", "kết quả"),
    "trace.changes.1": ("recalls", "thu hồi văn bản"),
    "trace.changes.2": ("updates", "cập nhật văn bản"),
    "trace.changes.3": ("replaces", "thay thế văn bản"),
    "trace.changed.1": ("recalled by", "bị thu hồi bởi"),
    "trace.changed.2": ("updated by", "được cập nhật bởi"),
    "trace.changed.3": ("replaced by", "được thay thế bởi"),
    "trace.refused": (
        "{document}: refused, and never accepted by this node",
        "{document}: bị từ chối, nút này chưa từng tiếp nhận",
    ),
    "trace.aside": (
        "{at}, from {peer} ({channel}), times: {count}; see `queue show --aside {number}`, `queue list --aside` and "
        "`journal query --document {digest}`",
        "{at}, từ {peer} ({channel}), số lần: {count}; xem `queue show --aside {number}`, `queue list --aside` và "
        "`journal query --document {digest}`",
    ),
    "trace.also_refused": (
        "Under this id something was refused as well, see `queue show --aside NUMBER`: {numbers}",
        "Dưới mã này cũng có gói bị từ chối, xem `queue show --aside SỐ`: {numbers}",
    ),
    "trace.more": ("… further recipients: {count} (--all)", "… còn {count} nơi nhận (--all)"),
    "outcome.open": ("under way", "đang chuyển"),
    "outcome.confirmed": ("confirmed by all", "tất cả đã xác nhận"),
    "outcome.failed": ("failed", "không thành công"),
    "outcome.mixed": ("partly confirmed", "một phần đã xác nhận"),
    "outcome.empty": ("no recipient here", "không có nơi nhận tại đây"),
    "state.queued": ("queued", "chờ chuyển"),
    "state.forwarding": ("forwarding", "đang chuyển"),
    "state.forwarded": ("forwarded", "đã chuyển tiếp"),
    "state.deferred": ("deferred", "hoãn"),
    "state.held": ("held", "giữ lại"),
    "state.available": ("available", "chờ lấy"),
    "state.confirmed": ("confirmed", "đã xác nhận"),
    "state.returned": ("returned", "trả lại"),
    "state.expired": ("expired", "hết hạn"),
    "state.cancelled": ("cancelled", "đã hủy"),
    "journal.cut": (
        "Only the first {limit} are shown; use --limit, --since",
        "Chỉ hiện {limit} mục đầu; dùng --limit, --since",
    ),
    "database.older": (
        "This database is of an older version of the program: what that did not keep cannot be asked",
        "Cơ sở dữ liệu này thuộc phiên bản cũ hơn của chương trình: không hỏi được những gì phiên bản đó không lưu",
    ),
    "database.newer": (
        "This database is of a newer version of the program: what is new in it is not looked at, and may be taken for"
        " damage; ask it with that version",
        "Cơ sở dữ liệu này thuộc phiên bản mới hơn của chương trình: phần mới không được xem và có thể bị coi là hư"
        " hỏng; hãy dùng đúng phiên bản đó",
    ),
    "database.only": (
        "The database alone was looked at: {count} large bodies lie in files outside it",
        "Chỉ xem cơ sở dữ liệu: {count} thân gói lớn nằm trong các tệp bên ngoài, chưa được xem",
    ),
    "journal.working": ("verifying", "đang kiểm tra"),
    "journal.good": ("The journal verifies: {size} entries, root {root}", "Nhật ký hợp lệ: {size} mục, gốc {root}"),
    "journal.waiting": (
        "Not protected by this root yet: {count} entries, the oldest of {since}; `edxml-router serve` numbers them",
        "Gốc này chưa bảo vệ: {count} mục, cũ nhất lúc {since}; `edxml-router serve` sẽ đánh số các mục đó",
    ),
    # agency
    "col.written": ("as written", "mã đã ghi"),
    "agency.code": ("code", "mã"),
    "agency.name": ("name", "tên"),
    "agency.legacy13": ("old form", "mã dạng cũ"),
    "agency.level": ("level", "cấp"),
    "agency.parent": ("under", "trực thuộc"),
    "agency.state": ("state", "trạng thái"),
    "agency.active": ("in use", "đang dùng"),
    "agency.closed": ("closed", "đã đóng"),
    "agency.valid": ("valid", "hiệu lực"),
    "agency.successors": ("successors", "cơ quan kế thừa"),
    "agency.aliases": ("aliases", "bí danh"),
    "agency.children": ("directly below", "cấp dưới trực tiếp"),
    "agency.source": ("source", "nguồn"),
    "agency.unverified": ("not verified", "chưa kiểm chứng"),
    "agency.count": ("{shown} of {total}", "{shown} trên {total}"),
    "agency.working": ("importing", "đang nạp"),
    "agency.rows": ("{rows} rows: {counts}", "{rows} dòng: {counts}"),
    "agency.written": (
        "{agencies} agencies and {aliases} aliases written to {folder}",
        "đã ghi {agencies} cơ quan và {aliases} bí danh vào {folder}",
    ),
    "agency.would": (
        "{agencies} agencies and {aliases} aliases would be written to {folder}",
        "sẽ ghi {agencies} cơ quan và {aliases} bí danh vào {folder}",
    ),
    "verdict.mapped": ("mapped", "đã quy đổi"),
    "verdict.alias": ("kept as it stands", "giữ nguyên mã"),
    "verdict.duplicate": ("duplicate", "trùng"),
    "verdict.malformed": ("malformed", "sai dạng"),
    # clock
    "clock.accepted": ("The node goes by the machine's clock: {time}", "Nút dùng giờ của máy: {time}"),
    # doctor
    "doctor.good": ("Everything is in order.", "Mọi thứ đều ổn."),
    "doctor.remarks": (
        "Nothing is broken; warnings that need a look: {count}.",
        "Không có lỗi; số cảnh báo cần xem: {count}.",
    ),
    "doctor.bad": ("Needs attention: {count}.", "Cần xử lý: {count} mục."),
    "doctor.ok": ("ok", "tốt"),
    "doctor.warning": ("warning", "cảnh báo"),
    "doctor.failed": ("failed", "lỗi"),
    "doctor.packages": ("Python packages", "Gói Python"),
    "doctor.config": ("configuration", "cấu hình"),
    "doctor.data": ("data folder", "thư mục dữ liệu"),
    "doctor.disk": ("disk space", "dung lượng đĩa"),
    "doctor.database": ("database", "cơ sở dữ liệu"),
    "doctor.recovery": ("after a restore", "sau khôi phục"),
    "backup.working": ("copying", "đang sao lưu"),
    "backup.done": (
        "{folder}: {entries} journal entries, {bodies} large bodies, {size} bytes",
        "{folder}: {entries} mục nhật ký, {bodies} tệp nội dung lớn, {size} byte",
    ),
    "recovery.none": ("Nobody has to repeat anything.", "Không bên nào phải gửi lại."),
    "recovery.link": ("asked; has not answered", "đã hỏi, chưa trả lời"),
    "recovery.office": ("has to send again, then: recovery done", "phải gửi lại, rồi: recovery done"),
    "recovery.done": ("{name}: done", "{name}: đã xong"),
    "doctor.trust": ("trust anchors", "chứng thư gốc"),
    "doctor.lists": ("revocation lists", "danh sách thu hồi"),
    "doctor.responders": ("responders (OCSP)", "máy chủ OCSP"),
    "doctor.neighbours": ("receipts of neighbours", "biên nhận của nút lân cận"),
    "doctor.certificate": ("certificates of nodes", "chứng thư của các nút"),
    "doctor.catalogue": ("agency catalogue", "danh mục cơ quan"),
    "doctor.clock": ("clock", "đồng hồ"),
    "doctor.serve": ("serve", "tiến trình serve"),
    "doctor.peers": ("odd input of peers", "dữ liệu bất thường từ các bên"),
    "doctor.letters": ("letters that could not be sent", "văn bản chưa gửi được"),
    "doctor.hub": ("own hub", "trung chuyển của nút"),
    "doctor.parent": ("parent's hub", "trung chuyển của nút cấp trên"),
    "doctor.mailboxes": ("mailboxes of others", "hộp thư của các bên khác"),
}


def say(language: str, key: str, /, **values: object) -> str:
    """The text of ``key``, with ``values`` put in. An unknown key is a mistake of ours (KeyError)."""
    return _TEXTS[key][LANGUAGES.index(language)].format(**values)


def keys() -> tuple[str, ...]:
    """All keys, for the tests."""
    return tuple(_TEXTS)


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the locale asks for (POSIX: the first of these that is set decides)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "vi" if value.lower().startswith("vi") else "en"
    return "en"
