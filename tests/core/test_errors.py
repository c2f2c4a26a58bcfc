"""One error body, one registry: every type that the code names stands in it, every exception becomes the body."""

import ast
import json
import re
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404
from psycopg.errors import IdleInTransactionSessionTimeout
from rest_framework import exceptions

from media_app.av.container import MediaError
from tests.support.sources import SOURCES
from vodplatform.core import errors
from vodplatform.core.errors import ERROR_TYPES, DomainError, exception_handler

pytestmark = pytest.mark.pure
# Calls whose argument at this place is an error type.
MAKERS = {
    "DomainError": 0, "error_body": 0, "error_response": 0, "refusal": 0, "_turn_away": 0, "_Refused": 0, "_refuse": 1,
    "_answer": 2,
}  # fmt: skip
STATUSES = {400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 416, 422, 423, 429, 460, 500, 503}


def ended_by_idleness() -> InternalError:
    """What Django raises where PostgreSQL has ended a transaction that stood still."""
    found = InternalError("terminating connection due to idle-in-transaction timeout")
    found.__cause__ = IdleInTransactionSessionTimeout()
    return found


def named_types(tree: ast.AST) -> set[str]:
    """Every error type that a module names as a text."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = MAKERS.get(name)
        given: list[ast.expr] = []
        if place is not None and len(node.args) > place:
            given.append(node.args[place])
        if name in ("AuthenticationFailed", "PermissionDenied", "APIException"):
            given += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        for argument in given:
            branches = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
            found.update(
                part.value for part in branches if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
    return found


def test_every_type_that_the_code_and_the_probe_name_stands_in_the_registry() -> None:
    named = {type: path.name for path in SOURCES for type in named_types(ast.parse(path.read_text()))}
    codes = {value for name, value in vars(MediaError).items() if name.isupper() and isinstance(value, str)}
    assert len(named) > 25
    assert {"vod_unreadable", "vod_codec_unsupported"} <= codes
    assert {type: where for type, where in named.items() if type not in ERROR_TYPES} == {}
    assert codes <= set(ERROR_TYPES)


def test_a_type_is_a_stable_name_with_a_sentence_to_act_on() -> None:
    for name, kind in ERROR_TYPES.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert kind.name == name
        assert kind.status in STATUSES, name
        assert kind.sentence[0].isupper(), name
        assert kind.next_step.endswith((".", "`.")), name
    assert ERROR_TYPES["session_not_found"].sentence == "Session not found"
    with pytest.raises(KeyError):
        DomainError("no_such_type")


def test_the_body_has_the_fields_of_the_contract_and_what_the_case_needs() -> None:
    body = errors.error_body("too_large", limit=7)
    assert set(body) == {"ok", "error", "code", "type", "request_id", "limit"}
    assert (body["ok"], body["code"], body["type"], body["limit"]) == (False, 413, "too_large", 7)


@pytest.mark.parametrize(("exc", "status", "type"), [
    (DomainError("vod_count"), 400, "vod_count"), (Http404(), 404, "not_found"),
    (PermissionDenied(), 403, "forbidden"), (RequestDataTooBig(), 413, "too_large"),
    (exceptions.ValidationError({"a": ["Wrong."]}), 400, "invalid"),
    (exceptions.ParseError("Not JSON."), 400, "parse_error"),
    (exceptions.NotAuthenticated(), 401, "unauthenticated"),
    (exceptions.AuthenticationFailed("No.", code="token_invalid"), 401, "token_invalid"),
    (exceptions.PermissionDenied("No.", code="scope_required"), 403, "scope_required"),
    (exceptions.PermissionDenied(), 403, "forbidden"), (exceptions.NotFound(), 404, "not_found"),
    (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
    (exceptions.NotAcceptable(), 406, "not_acceptable"),
    (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
    (exceptions.Throttled(wait=7.5), 429, "throttled"),
    (OperationalError("database is locked"), 503, "unavailable"),
    (InterfaceError("the connection is closed"), 503, "unavailable"), (ended_by_idleness(), 503, "unavailable"),
    (InternalError("locked, a fault of ours"), 500, "server_error"),
    (RuntimeError("secret detail"), 500, "server_error"),
], ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value))  # fmt: skip
def test_every_exception_becomes_the_one_body(exc: Exception, status: int, type: str) -> None:
    response = exception_handler(exc, {})
    assert (response.status_code, response.data["code"], response.data["type"]) == (status, status, type)
    assert ERROR_TYPES[type].status == status
    assert "secret detail" not in str(response.data)
    assert "locked" not in str(response.data)
    if status in (429, 503):
        assert int(response["Retry-After"]) >= 1


@pytest.mark.parametrize(("detail", "sentence"), [
    ({"timestamp": ["Must be a number."]}, "timestamp: Must be a number."),
    ({"vods": [{}, {"vod_id": ["Required."]}]}, "vods[1].vod_id: Required."),
    ({"non_field_errors": ["Invalid data."]}, "Invalid data."),
    (["Wrong."], "Wrong."),
    ({}, "Some fields are not valid."),
])  # fmt: skip
def test_the_first_fault_is_the_sentence(detail: Any, sentence: str) -> None:
    assert errors.first_sentence(detail) == sentence


def test_what_was_sent_is_repeated_in_part() -> None:
    long = "a" * 2_000_000
    body = exception_handler(exceptions.ValidationError({long: [f"{long} is not a valid choice."]}), {}).data
    assert len(json.dumps(body)) < 2000


def test_of_many_errors_the_first_are_told_and_how_many_there_were() -> None:
    def told(detail: Any) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(json.dumps(exception_handler(exceptions.ValidationError(detail), {}).data))
        return body

    one, none = {"c": ["No."]}, {}
    few = told({"a": ["No."] * 3, "b": [one] * 17})
    many = told({"a": ["No."] * 3, "b": [none, one] * 50_000, "d": ["No."]})
    assert (few["errors"], "errors_count" in few) == ({"a": ["No."] * 3, "b": [one] * 17}, False)
    assert (many["errors"], many["errors_count"]) == ({"a": ["No."] * 3, "b": [none, one] * 17}, 50_004)
