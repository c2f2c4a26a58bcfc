"""Additions to the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings

# Example requests and answers by operationId, checked by tests/contract/test_examples.py.
EXAMPLES = "docs/api-examples.json"
INTRODUCTION = "docs/api-introduction.md"
ERROR_SCHEMA = {
    "type": "object",
    "required": ["ok", "error", "code", "type", "request_id"],
    "properties": {
        "ok": {"type": "boolean", "enum": [False]},
        "error": {"type": "string", "description": "A message that can be shown to the user."},
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {
            "type": "string",
            "description": "The name of the error, which never changes; /api/docs/errors lists all names.",
        },
        "request_id": {"type": "string"},
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "Error messages by field: a list, or an object of lists for a field with subfields.",
        },
    },
    "additionalProperties": {},
}
HEADERS = {
    "RequestId": {
        "description": "The request's `X-Request-ID`, or a new ID if it had none. The logs contain this ID.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._-]{1,128}$"},
    },
    "Allow": {"description": "The allowed methods; only with 405.", "schema": {"type": "string"}},
    "Challenge": {"description": "How to sign in; only with 401.", "schema": {"type": "string"}},
    "RetryAfter": {
        "description": "Seconds to wait before retrying; sent only with 429, 503 and some 409 errors.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
ERROR_HEADERS = {"Allow": "Allow", "WWW-Authenticate": "Challenge", "Retry-After": "RetryAfter"}


def add_error_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    components["headers"] = HEADERS
    answer = {
        "description": "An error.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        "headers": {name: _header(component) for name, component in ERROR_HEADERS.items()},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", answer)
            for response in operation["responses"].values():
                response.setdefault("headers", {})["X-Request-ID"] = _header("RequestId")
    return result


def add_introduction(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    result["info"]["description"] = (Path(settings.BASE_DIR) / INTRODUCTION).read_text()
    return result


def allow_overlaps(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Describe alternatives by ``anyOf``: a value may match several of them, because additional fields are allowed."""
    for schema in result["components"]["schemas"].values():
        if set(schema) == {"oneOf"}:
            schema["anyOf"] = schema.pop("oneOf")
    return result


def allow_empty_parameters(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Allow empty query parameters in the OpenAPI document, because they count as omitted."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    parameter["allowEmptyValue"] = True
                    parameter["schema"].pop("minLength", None)
    return result


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    found = json.loads((Path(settings.BASE_DIR) / EXAMPLES).read_text())
    for operations in result["paths"].values():
        for operation in operations.values():
            example = found.get(operation["operationId"], {})
            if "request" in example:
                # Skip operations that receive notifications from other services: their request bodies are undescribed.
                bodies = operation.get("requestBody", {}).get("content", {})
                kind = next((kind for kind in ("application/json", "multipart/form-data") if kind in bodies), None)
                if kind:
                    bodies[kind]["example"] = example["request"]
            if "answer" in example:
                for content in operation["responses"][str(example["status"])]["content"].values():
                    content["example"] = example["answer"]
    return result


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
