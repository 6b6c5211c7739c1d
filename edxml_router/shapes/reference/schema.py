"""The JSON Schemas of shapes (draft 2020-12), made from their types and the glossary.

    schemas([ProblemShape])["$defs"]["Problem"]

A schema is exact: every field is there, and no other. What a text looks like is said by
:class:`~edxml_router.shapes.form.TextForm`.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from edxml_router.shapes.form import TextForm
from edxml_router.shapes.reference.glossary import meaning

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def shape_name(shape: type) -> str:
    """What the documents call it: ``Problem`` for ``ProblemShape``."""
    return shape.__name__.removesuffix("Shape")


def fields_of(shape: type) -> dict[str, Any]:
    """The types of its fields, by name, in the order of their declaration; those it has from another come first."""
    return get_type_hints(shape, include_extras=True)


def schemas(shapes: Iterable[type]) -> dict[str, Any]:
    """One document with the schemas of these shapes and of all inside them, by name, under ``$defs``."""
    every = {each for shape in shapes for each in shapes_within(shape)}
    return {"$schema": DRAFT, "$defs": {shape_name(one): _object(one) for one in sorted(every, key=shape_name)}}


def shapes_within(shape: type) -> list[type]:
    """The shapes that it is made of, itself first."""
    found: dict[type, None] = {}

    def visit(hint: Any) -> None:
        if is_typeddict(hint):
            if hint not in found:
                found[hint] = None
                for each in fields_of(hint).values():
                    visit(each)
            return
        for each in get_args(hint):
            visit(each)

    visit(shape)
    return list(found)


def _object(shape: type) -> dict[str, Any]:
    said = " ".join((shape.__doc__ or "").split())
    fields = fields_of(shape)
    return {
        "title": shape_name(shape),
        "description": said,
        "type": "object",
        "properties": {
            name: {**_value(hint), "description": meaning(shape_name(shape), name)} for name, hint in fields.items()
        },
        "required": list(fields),
        "additionalProperties": False,
    }


def _value(hint: Any) -> dict[str, Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        [written] = [each for each in inner[1:] if isinstance(each, TextForm)]
        return _value(inner[0]) | dict(_written(written))
    if origin in (Union, types.UnionType):
        return {"anyOf": [_value(each) for each in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _value(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(inner[1])}
    if hint is object:
        return {}
    if is_typeddict(hint):
        return {"$ref": f"#/$defs/{shape_name(hint)}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [each.value for each in hint]}
    return {"type": _PLAIN[hint]}


def _written(written: TextForm) -> Iterator[tuple[str, str]]:
    if written.pattern:
        yield "pattern", written.pattern
    if written.format:
        yield "format", written.format
