"""The cookie of a session, and the token that every form carries.

The id is in a cookie that only this host can set (``__Host-``), that scripts do not see, and that is not sent along
when another site sends here. The token is computed from it, so that only a page of this session has it, and nothing
needs to be kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

SESSION_COOKIE: Final = "__Host-edxml-console"
LANGUAGE_COOKIE: Final = "edxml-language"


def session_of(request: Request) -> str:
    """The id that the browser shows; empty for none."""
    return request.cookies.get(SESSION_COOKIE, "")[:100]


def new_visitor() -> str:
    """An id for who has not signed in: the form to sign in has a token, too."""
    return f"visitor-{secrets.token_urlsafe(24)}"


def set_session(answer: Response, secret: str) -> None:
    """Give the browser this id; empty: let it forget."""
    if secret:
        answer.set_cookie(SESSION_COOKIE, secret, path="/", secure=True, httponly=True, samesite="strict")
    else:
        answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="strict")


def form_token(secret: str) -> str:
    """What forms of this session carry."""
    return hmac.new(secret.encode(), b"edxml-router console form", hashlib.sha256).hexdigest()


def is_form_token(secret: str, token: str) -> bool:
    """Whether a form is of this session."""
    return bool(secret) and hmac.compare_digest(form_token(secret).encode(), token.encode())
