"""Answers of the API compared with the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

PROJECT_ROOT = Path(__file__).resolve().parents[2]
KINDS_OF_TESTS = ("test.", "synthetic")


@cache
def _document() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = _as_json_schema(yaml.load((PROJECT_ROOT / "docs/openapi.yaml").read_text(), loader))
    return found


def _as_json_schema(part: Any) -> Any:
    """Replace the word ``nullable`` of OpenAPI 3.0, which JSON Schema does not know."""
    if isinstance(part, list):
        return [_as_json_schema(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _as_json_schema(value) for name, value in part.items() if name != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if part.get("nullable") is True else found


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Return patterns of the document's paths; paths with fewer parameters come first."""
    paths = sorted(_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), operations) for path, operations in paths]


@cache
def _validator(path: str, method: str, status: int) -> Draft202012Validator | None:
    for pattern, operations in _patterns():
        if pattern.match(path) and method in operations:
            content = operations[method]["responses"].get(str(status), {}).get("content", {})
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                return Draft202012Validator({**schema, "components": _document()["components"]})
    return None


def faults_of(method: str, address: str, status: int, body: Any) -> list[str]:
    """Return the differences between an answer and the document; empty if the document does not describe the path."""
    validator = _validator(address.partition("?")[0], method.lower(), status)
    found = (
        [one for one in validator.iter_errors(body) if not _is_of_test(body, one.absolute_path)] if validator else []
    )
    return [f"{'.'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in found]


def _is_of_test(body: Any, path: Iterable[str | int]) -> bool:
    """Return whether a fault is in the result of a job of a kind that only tests have."""
    for name in path:
        if name == "result" and str(body.get("kind", "")).startswith(KINDS_OF_TESTS):
            return True
        body = body[name]
    return False
