"""What the OpenAPI document adds to every endpoint: the one error body."""

from typing import Any

ERROR_SCHEMA = {
    "type": "object",
    "required": ["ok", "error", "code", "type", "request_id"],
    "properties": {
        "ok": {"type": "boolean", "enum": [False]},
        "error": {"type": "string", "description": "A sentence that the user can act on."},
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {"type": "string", "description": "A stable name; docs/errors.md lists all."},
        "request_id": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {}, "description": "What is wrong, by field."},
    },
    "additionalProperties": {},
}


def add_error_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation a ``default`` response with the error body."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    answer = {
        "description": "An error.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", answer)
    return result
