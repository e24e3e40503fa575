"""JSON schemas that a model's answer can be held to.

The part of JSON Schema (draft 2020-12) that becomes a grammar: types, properties, items, enum,
const, anyOf, oneOf and references within the schema. What would need a lookup elsewhere or a
regular expression is refused, and what is large enough to keep the grammar's parser busy.
"""

import json
from typing import Any

LONGEST_SCHEMA = 20_000  # characters
MOST_NODES, DEEPEST = 500, 16
MOST_REPEATED = 50  # of maxLength, maxItems: each becomes a group within a group
_REFUSED = ("pattern", "patternProperties", "not", "if", "then", "else", "$dynamicRef")


class SchemaError(ValueError):
    """Its message names the place, as a JSON pointer, or says what is wrong with the whole."""


def check_schema(text: str) -> dict[str, Any]:
    """The schema. Raises SchemaError."""
    if len(text) > LONGEST_SCHEMA:
        raise SchemaError("too long")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(str(error)[:100]) from error
    if not isinstance(schema, dict):
        raise SchemaError("/")
    _Walk().check(schema, "", 0)
    return schema


class _Walk:
    def __init__(self) -> None:
        self._nodes = 0

    def check(self, node: Any, place: str, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise SchemaError(place or "/")
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#/"):
                raise SchemaError(f"{place}/$ref")
            for key, value in node.items():
                # A property may be called as it likes.
                if key in _REFUSED and not place.endswith("/properties"):
                    raise SchemaError(f"{place}/{key}")
                if key in ("maxLength", "maxItems", "minLength", "minItems") and not (
                    isinstance(value, dict | bool) or 0 <= _whole(value) <= MOST_REPEATED
                ):
                    raise SchemaError(f"{place}/{key}")
                self.check(value, f"{place}/{key}", depth + 1)
        elif isinstance(node, list):
            for at, value in enumerate(node):
                self.check(value, f"{place}/{at}", depth + 1)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else -1
