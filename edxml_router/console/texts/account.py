"""The page of one's own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "account.title": "Your account",
    "account.who": "Account",
    "account.roles": "Roles",
    "account.office": "Office",
    "account.must_password": "First choose a password of your own.",
    "account.must_authenticator": "First enrol an authenticator: your role needs a second factor.",
    "account.password": "Password",
    "account.password_hint": (
        "With a second factor at least {with_code} characters; without one at least {alone}, with small and capital"
        " letters, digits and other characters."
    ),
    "account.old": "Present password",
    "account.new": "New password",
    "account.again": "New password once more",
    "account.change": "Change the password",
    "account.differ": "The two new passwords differ.",
    "account.second": "Second factor",
    "account.second_is": "An authenticator is enrolled; {count} recovery codes are left.",
    "account.second_none": "None is enrolled.",
    "account.enrol": "Enrol an authenticator",
    "account.enrol_again": "Enrol another authenticator",
    "account.scan": "Scan this picture with an authenticator app, then type the code that it shows.",
    "account.qr": "QR code for the authenticator app",
    "account.by_hand": "Or type this key into the app",
    "account.code": "Code of the app",
    "account.enrol_do": "Enrol",
    "account.codes": "Recovery codes",
    "account.codes_hint": (
        "Print these ten codes and keep them apart from the phone. Each one counts once in the place of a code. They"
        " are shown only now."
    ),
    "account.done": "I have kept them",
    "role.clerk": "clerk",
    "role.operator": "operator",
    "role.auditor": "auditor",
    "role.manager": "manager",
    "role.administrator": "administrator",
    "note.password": "The password is changed. Your other sessions have ended.",
}
