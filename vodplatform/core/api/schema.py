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
        "error": {"type": "string", "description": "A sentence that the user can act on."},
        "code": {"type": "integer", "description": "The HTTP status."},
        "type": {"type": "string", "description": "A stable name; /api/docs/errors lists all."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "Sentences about each field: a list, or for parts of a field an object of lists.",
        },
    },
    "additionalProperties": {},
}
HEADERS = {
    "RequestId": {
        "description": "`X-Request-ID` of the request, or a new one; the logs have it.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9._-]{1,128}$"},
    },
    "Allow": {"description": "With 405: the allowed methods.", "schema": {"type": "string"}},
    "Challenge": {"description": "With 401: how to sign in.", "schema": {"type": "string"}},
    "RetryAfter": {
        "description": "With 429, 503 and some 409: seconds to wait.",
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
