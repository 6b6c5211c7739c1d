"""Problems of people at the console (family 4).

:mod:`edxml_router.core.problem_tables` has the other rows and describes the columns.
"""

from __future__ import annotations

from edxml_router.core.problem_tables.form import Row

_S, _O = "sender", "operator"
_NO, _LATER = "permanent", "transient"

PEOPLE: tuple[Row, ...] = (
    ("EDX427", "sign-in-failed", _S, _NO, 401, 1,
     "Name, password or code is not right, or the account is locked", "Try again; after some failures the account locks. An administrator unlocks it: `edxml-router user unlock NAME`.",
     "Tên đăng nhập, mật khẩu hoặc mã không đúng, hoặc tài khoản đang bị khóa", "Thử lại; sau một số lần sai tài khoản sẽ bị khóa. Quản trị viên mở khóa bằng `edxml-router user unlock NAME`."),
    ("EDX437", "sign-in-often", _S, _LATER, 429, 75,
     "Too many failures to sign in came from this address", "Wait for an hour, or sign in from another address. If nobody here has tried, tell the operator: somebody tries passwords.",
     "Có quá nhiều lần đăng nhập sai từ địa chỉ này", "Chờ một giờ hoặc đăng nhập từ địa chỉ khác. Nếu không ai ở đây đã thử, hãy báo người vận hành: có người đang dò mật khẩu."),
    ("EDX438", "role-lacking", _S, _NO, 403, 1,
     "This person may not do that", "Ask somebody with the role for it, or an administrator for the role (`edxml-router user role`). What one has asked for, another person approves.",
     "Người dùng này không được phép thực hiện việc đó", "Nhờ người có vai trò phù hợp, hoặc đề nghị quản trị viên cấp vai trò (`edxml-router user role`). Việc do một người đề nghị phải do người khác phê duyệt."),
    ("EDX439", "form-not-ours", _S, _NO, 403, 1,
     "The form was not sent from a page of this session, or cannot be read", "Open the page again and send the form from there. Signing in in another window makes older pages useless.",
     "Biểu mẫu không được gửi từ trang của phiên làm việc này hoặc không đọc được", "Mở lại trang rồi gửi biểu mẫu từ đó. Đăng nhập ở cửa sổ khác làm các trang mở trước hết hiệu lực."),
    ("EDX440", "account-unfit", _S, _NO, 422, 1,
     "An account, a password or a second factor cannot be so", "The detail says what is asked for; change it and try again.",
     "Tài khoản, mật khẩu hoặc yếu tố xác thực thứ hai không hợp lệ", "Phần chi tiết nêu yêu cầu; sửa lại rồi thử lại."),
)  # fmt: skip
