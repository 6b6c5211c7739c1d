"""A column type for signed texts."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

from edxml_router.core.link.statement import SignedText
from edxml_router.store.database.columns import converting


class SignedTexts(TypeDecorator[tuple[SignedText, ...]]):
    """Signed statements as JSON ``[[text, signature, signer], …]``; the texts are kept as they came."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # fixed
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else "[]"

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[SignedText, ...]:  # noqa: ARG002  # fixed
        with converting():
            return () if value == "[]" else tuple(SignedText(*each) for each in json.loads(value))
