"""``Idempotency-Key``: a repeated request takes effect once and gets the first answer.

See docs/design/0007-requests.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.http import QueryDict, RawPostDataException
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vodplatform.core import logs, metrics
from vodplatform.core.errors import DomainError
from vodplatform.core.models import KEPT, IdempotencyRecord, RecordState
from vodplatform.core.records.database import delete_in_batches

logger = logging.getLogger("vodplatform.idempotency")

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
CANCEL = "Idempotency-Cancel"
LOCK = timedelta(seconds=60)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
WRONG_KEY = "Must be 1 to 255 visible ASCII characters."
MAX_ROUTE = 200
ATTEMPTS = 5
RETRY_SECONDS = 1
CONFLICT = 409
ROW_BYTES = 1_000  # approximate bytes of a record without its body
MAX_CANONICAL_BYTES = 64 * 1024  # maximum bytes of a JSON body to parse for comparison; parsing is slow
MAX_ANSWER_BYTES = 64 * 1024
# Answers with more bytes are not stored if the view can build them again by ``answer_again``.
MAX_REFERRED_BYTES = 4 * 1024
MAX_ACCOUNT_BYTES = 16 * 1024 * 1024  # maximum bytes of all stored answers of an account
# Maximum bytes of one stored answer of a visitor. A limit on the sum would not help, because visitors can change their
# identity at will.
MAX_VISITOR_BYTES = 512
# Headers that are not stored, because each repeated answer gets new ones.
NOT_KEPT = {"content-type", "set-cookie", "x-request-id"}
# Key of the ASGI scope for files that were received before Django ran: ``{name: {"sha256": …, …}}``.
RECEIVED = "vod.files"

Handler = Callable[..., Response]
Owner = dict[str, Any]  # {column: value} of the owner: an account's ``user_id`` or a visitor's ``visitor_id``

PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    OpenApiParameter.HEADER,
    description="A key that the client chooses. If a user sends several requests with this key to the same address "
    "within 24 h, the server carries out only the first. It answers repeats with the first answer and "
    "`Idempotency-Replayed: true`. To cancel a request, repeat it with the header `Idempotency-Cancel: true`. If the "
    "request has not been carried out yet, every request with this key is then refused with 409 "
    "`idempotency_cancelled`.",
)


@dataclass(slots=True)
class InProgress:
    """The idempotency record of the current request. It stays valid while the database row has the same ``token``."""

    pk: int
    token: uuid.UUID
    owner: Owner
    sealed: bool = False
    made: dict[str, str] = field(default_factory=dict)


_current: ContextVar[InProgress | None] = ContextVar("idempotency", default=None)


def idempotent(handler: Handler) -> Handler:
    """Make a REST view's ``post`` honour ``Idempotency-Key``.

    If an answer is too large to store, the view's ``answer_again(made)`` builds it again for a repeated request.
    ``made`` has the ids that were given to :func:`remember`.

    Raises:

    - ``idempotency_mismatch``: the key was used for other content.
    - ``idempotency_running``: the first request still runs.
    - ``idempotency_answer_lost``: no answer was stored.
    - ``idempotency_cancelled``: the key was cancelled by ``Idempotency-Cancel``.
    """

    @wraps(handler)
    def post(self: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        is_cancelled = read_cancel(request.headers.get(CANCEL), key)
        owner = _owner_of(request.user)
        if key is None or owner is None:
            return handler(self, request, *args, **kwargs)
        if not KEY.fullmatch(key):
            raise ValidationError({HEADER: [WRONG_KEY]})
        found = _begin(owner, route_of(request), key, fingerprint(request))
        if isinstance(found, IdempotencyRecord):
            return _replay(found, self)
        context = _current.set(found)
        try:
            if is_cancelled:
                raise DomainError("idempotency_cancelled")
            response = handler(self, request, *args, **kwargs)
        except Exception as exc:
            response = self.handle_exception(exc)
        finally:
            _current.reset(context)
        _finish(found, response)
        return response

    return cast(Handler, extend_schema(parameters=[PARAMETER])(post))


def read_cancel(value: str | None, key: str | None) -> bool:
    """Return whether the headers cancel a request. Raises ``invalid``."""
    if value is None:
        return False
    if value != "true":
        raise DomainError("invalid", errors={CANCEL: ["Must be `true`."]})
    if key is None:
        raise DomainError("invalid", errors={HEADER: [f"This header is required with `{CANCEL}`."]})
    return True


def _owner_of(caller: Any) -> Owner | None:
    if caller.is_authenticated:
        return {"user_id": caller.pk}
    visitor_id = getattr(caller, "visitor_id", None)
    return {"visitor_id": visitor_id} if visitor_id else None


def run_once(
    user_id: Any, route: str, key: str, content: Any, effect: Callable[[], Any], *, cancel: str | None = None
) -> tuple[Any, bool]:
    """Run ``effect`` only once per key. Return its result, and whether an earlier call had run it.

    content: a JSON value that identifies the request. cancel: the header ``Idempotency-Cancel``. Raises ``invalid``,
    and the errors of :func:`idempotent`.
    """
    is_cancelled = read_cancel(cancel, key)
    if not KEY.fullmatch(key):
        raise DomainError("invalid", errors={HEADER: [WRONG_KEY]})
    found = _begin({"user_id": user_id}, route, key, hashlib.sha256(_canonical(content)).hexdigest())
    if isinstance(found, IdempotencyRecord):
        if not found.is_kept:
            raise DomainError("idempotency_answer_lost")
        if found.answer_status == CONFLICT:
            raise DomainError("idempotency_cancelled")
        metrics.IDEMPOTENT_REPLAYS.inc()
        return json.loads(found.body), True
    if is_cancelled:
        _finish(found, Response({}, status=CONFLICT))
        raise DomainError("idempotency_cancelled")
    context = _current.set(found)
    try:
        made = effect()
    except Exception:
        _finish(found, Response(status=503))
        raise
    finally:
        _current.reset(context)
    _finish(found, Response(made))
    return made, False


def is_answered(user_id: Any, route: str, key: str) -> bool:
    record = IdempotencyRecord.objects.filter(user_id=user_id, route=route, key=key).at_database_time().first()
    return record is not None and not record.stale and record.state == RecordState.DONE  # type: ignore[attr-defined]


def bind_to_transaction() -> None:
    """Commit the request's idempotency record together with the current transaction.

    Raises ``idempotency_running`` if another request has taken the record over.
    """
    current = _current.get()
    if current is None:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("call bind_to_transaction() inside a transaction")
    if not _owned_record(current).update(sealed=True):
        raise DomainError("idempotency_running", retry_after=RETRY_SECONDS)
    current.sealed = True


def remember(**made: str) -> None:
    """Record the ids of created objects, for the view's ``answer_again``."""
    if current := _current.get():
        current.made = made


def purge() -> int:
    return delete_in_batches(IdempotencyRecord.objects.filter(created_at__lt=Now() - KEPT))


def route_of(request: Request) -> str:
    return route_at(str(request.method), request.path)


def route_at(method: str, path: str) -> str:
    path = path.rstrip("/") or "/"
    if len(path) > MAX_ROUTE or not path.isascii():
        path = "sha256:" + hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{method} {path}"


def fingerprint(request: Request) -> str:
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        fields, files = _multipart(request)
        content = _canonical({"fields": fields, "files": files})
    else:
        content = _body(request, kind)
    parts = [request.META.get("QUERY_STRING", "").encode("utf-8", "surrogatepass"), kind.encode(), content]
    if taken := getattr(request._request, "scope", {}).get(RECEIVED):
        parts.append(_canonical({name: file["sha256"] for name, file in taken.items()}))
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8) + part)
    return whole.hexdigest()


def _body(request: Request, kind: str) -> bytes:
    try:
        raw: bytes = request._request.body
    except RequestDataTooBig as exc:
        raise DomainError("too_large", limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from exc
    except RawPostDataException:
        # The CSRF check has read and parsed the body, so only the parsed data is left.
        return _canonical(request.data)
    try:
        if kind == "application/x-www-form-urlencoded":
            return _canonical(dict(QueryDict(raw).lists()))
        return raw if len(raw) > MAX_CANONICAL_BYTES else _canonical(json.loads(raw))
    except (ValueError, RecursionError):
        return raw


def _multipart(request: Request) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    data = cast(QueryDict, request.data)
    files = {name: [_hash(file) for file in parts] for name, parts in request.FILES.lists()}
    return {name: values for name, values in data.lists() if name not in files}, files


def _hash(file: UploadedFile[bytes]) -> str:
    whole = hashlib.sha256()
    for chunk in file.chunks():
        whole.update(chunk)
    file.seek(0)
    return whole.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _begin(owner: Owner, route: str, key: str, content: str) -> InProgress | IdempotencyRecord:
    for _ in range(ATTEMPTS):
        token = uuid.uuid4()
        with transaction.atomic():
            # Keep this transaction short: a concurrent request with the same key waits for it.
            IdempotencyRecord.objects.bulk_create(
                [
                    IdempotencyRecord(
                        **owner, route=route, key=key, fingerprint=content, token=token, locked_until=Now() + LOCK
                    )
                ],
                ignore_conflicts=True,
            )  # fmt: skip
            rows = IdempotencyRecord.objects.filter(**owner, route=route, key=key)
            record = rows.at_database_time().first()
        if record is None:
            continue
        if record.token == token:
            return InProgress(record.pk, token, owner)
        same = IdempotencyRecord.objects.filter(pk=record.pk, token=record.token)
        if record.stale:  # type: ignore[attr-defined]
            same.filter(created_at__lt=Now() - KEPT).delete()
            continue
        if record.fingerprint != content:
            raise DomainError("idempotency_mismatch")
        if record.state == RecordState.DONE:
            return record
        if not record.unlocked:  # type: ignore[attr-defined]
            break
        if record.sealed:
            raise DomainError("idempotency_answer_lost")
        # Take the record from a dead or slow request. The new token keeps that request from committing.
        if same.filter(state=RecordState.IN_PROGRESS, sealed=False).update(token=token, locked_until=Now() + LOCK):
            return InProgress(record.pk, token, owner)
    raise DomainError("idempotency_running", retry_after=RETRY_SECONDS)


def _finish(current: InProgress, response: Response) -> None:
    try:
        if response.status_code == 429 or response.status_code >= 500:
            # If the record is sealed, the request's changes are committed. Keep such a record and only unlock it, so
            # that a retry does not repeat the changes.
            if current.sealed:
                _owned_record(current).filter(sealed=True).update(locked_until=Now())
            _owned_record(current).filter(sealed=False).delete()
            return
        if response.status_code < 300 and not current.sealed:
            logger.error("an effect was not sealed", extra={"data": {"status": response.status_code}})
        body = "" if response.data is None else JSONRenderer().render(response.data).decode()
        # A visitor can cause any number of refused requests, so refusals of visitors are not stored. An exception is
        # 409, because a cancelled key must stay cancelled.
        is_stored = "user_id" in current.owner or response.status_code < 300 or response.status_code == CONFLICT
        is_cancelled = response.status_code == CONFLICT and response.data.get("type") == "idempotency_cancelled"
        if not (is_kept := is_stored and (is_cancelled or _has_room(current, len(body.encode())))):
            if _owned_record(current).filter(sealed=False).delete()[0]:
                return
            body = json.dumps(current.made) if current.made else ""
        headers = {name: value for name, value in response.items() if name.lower() not in NOT_KEPT}
        _owned_record(current).update(
            state=RecordState.DONE, answer_status=response.status_code, headers=headers, body=body,
            size=len(body.encode()) + ROW_BYTES, is_kept=is_kept,
        )  # fmt: skip
    except DatabaseError as exc:
        logger.error("error", extra={"data": {"exception": repr(exc)}}, exc_info=exc)


def _has_room(current: InProgress, size: int) -> bool:
    if "visitor_id" in current.owner:
        return size <= MAX_VISITOR_BYTES
    if size > (MAX_REFERRED_BYTES if current.made else MAX_ANSWER_BYTES):
        return False
    rows = IdempotencyRecord.objects.filter(**current.owner)
    return bool(rows.aggregate(total=Sum("size", default=0))["total"] + size <= MAX_ACCOUNT_BYTES)


def _owned_record(current: InProgress) -> Any:
    return IdempotencyRecord.objects.filter(pk=current.pk, token=current.token, state=RecordState.IN_PROGRESS)


def _replay(record: IdempotencyRecord, view: Any) -> Response:
    body = json.loads(record.body) if record.body else None
    if not record.is_kept:
        if body is None:
            raise DomainError("idempotency_answer_lost")
        body = view.answer_again(body).data
    status = cast(int, record.answer_status)
    if status >= 400 and isinstance(body, dict):
        body["request_id"] = logs.request_id.get()
    metrics.IDEMPOTENT_REPLAYS.inc()
    response = Response(body, status=status, headers={**record.headers, REPLAYED: "true"})
    response.exception = status >= 400
    return response
