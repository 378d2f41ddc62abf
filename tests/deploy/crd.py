"""Validates custom resources against their definitions, as strictly as the API server: unknown fields are errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).with_name("schemas")
_INT_OR_STRING = "x-kubernetes-int-or-string"
_ANYTHING_GOES = "x-kubernetes-preserve-unknown-fields"


def kinds() -> set[str]:
    """Kinds with a schema in this folder."""
    return {path.stem for path in SCHEMAS.glob("*.json")}


def strict(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema that allows only declared properties."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items() if not name.startswith("x-") and name != "format"}
    if schema.get(_INT_OR_STRING):
        made["type"] = ["integer", "string"]
    # `properties` beside a type is the keyword; without one it is a property of that name.
    closed = schema.get("type") == "object" and "properties" in schema
    if closed and "additionalProperties" not in schema and not schema.get(_ANYTHING_GOES):
        made["additionalProperties"] = False
    return made


def validate(resource: dict[str, Any]) -> None:
    """Raise `jsonschema.ValidationError` if the resource violates its definition."""
    known = json.loads((SCHEMAS / f"{resource['kind']}.json").read_text(encoding="utf-8"))
    assert resource["apiVersion"] == known["apiVersion"]
    schema = strict(known["schema"])
    # The definition does not describe the metadata.
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    jsonschema.Draft7Validator(schema).validate(resource)
