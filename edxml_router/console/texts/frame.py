"""The frame of every page: navigation, signing in, troubles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "frame.skip": "To the content",
    "frame.pages": "Pages",
    "frame.language": "Language",
    "frame.account": "Your account",
    "frame.sign_out": "Sign out",
    "frame.node": "Node {name}, edxml-router {version}",
    "nav.now": "Now",
    "nav.clerk": "Mailbox",
    "nav.document": "Document",
    "nav.failed": "Waiting and failed",
    "nav.links": "Links and offices",
    "nav.agencies": "Agencies",
    "nav.evidence": "Evidence",
    "nav.reports": "Reports",
    "nav.people": "Rules and people",
    "trouble.title": "That did not work",
    "trouble.remedy": "What helps",
    "trouble.where": "Where",
    "trouble.back": "Back to the first page",
    "sign_in.title": "Sign in",
    "sign_in.name": "Account",
    "sign_in.password": "Password",
    "sign_in.code": "Code of your authenticator, or a recovery code",
    "sign_in.code_hint": "Leave it empty if you have none.",
    "sign_in.do": "Sign in",
    "home.title": "Welcome",
    "home.nothing": "No page is open to your roles yet.",
    "note.signed_out": "You are signed out.",
    "note.session_ended": "Please sign in. A session ends by itself when it is not used.",
}
