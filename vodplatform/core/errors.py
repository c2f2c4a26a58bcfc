"""The JSON body of errors, all error types, and the API's exception handler."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from vodplatform.core import logs

logger = logging.getLogger("vodplatform.error")


@dataclass(frozen=True, slots=True)
class ErrorType:
    """An error type: permanent name, HTTP status, default sentence, and advice to the client."""

    name: str
    status: int
    sentence: str
    next_step: str


def _types(*rows: tuple[str, int, str, str]) -> dict[str, ErrorType]:
    return {row[0]: ErrorType(*row) for row in rows}


ERROR_TYPES = _types(
    ("invalid", 400, "Some fields are not valid.", "Correct the fields named in `errors`, and send the request again."),
    ("parse_error", 400, "The body is not valid JSON.", "Send one JSON object in UTF-8. All numbers must be finite."),
    ("bad_request", 400, "The request is malformed.", "Check the address, the headers and the encoding."),
    ("vod_count", 400, "A comparison needs 2 or 3 VODs.", "Send 2 or 3 entries in `vods`."),
    ("duplicate_vod_id", 400, "Every vod_id must be unique.", "Give each VOD a `vod_id` of its own."),
    ("path_not_allowed", 400, "The path is not in a library folder that you have access to.", "Choose a file in one of your library folders, or send `video_id`."),
    ("vod_file_not_found", 400, "The VOD's file was not found.", "Check the path, or wait until the file has been copied."),
    ("vod_unreadable", 400, "The VOD's file cannot be read as a video.", "Check that the file plays and was copied completely."),
    ("vod_codec_unsupported", 400, "The VOD's codec is not supported.", "Convert the file to H.264, HEVC, AV1 or VP9."),
    ("video_not_found", 400, "There is no such video in your library or the catalogue.", "Choose one of your videos."),
    ("unknown_user", 400, "There is no other account with that name.", "Check the name; it is case-sensitive."),
    ("unknown_vod", 400, "This session has no VOD with that `vod_id`.", "Send the `vod_id` of a VOD of this session."),
    ("offset_out_of_range", 400, "The offset is longer than the longest VOD.", "Send an offset whose absolute value is at most the duration of the longest VOD."),
    ("unauthenticated", 401, "Sign in to do this.", "Send `Authorization: Token …`, or sign in and send the session cookie."),
    ("bad_credentials", 401, "The user name or the password is wrong.", "Check the user name and the password, and try again."),
    ("token_invalid", 401, "The token is unknown, expired or revoked.", "Create a new token."),
    ("signature_invalid", 401, "The signature is wrong, too old or already used.", "Sign the call again with the shared secret."),
    ("tier_required", 403, "Your plan does not include Pro segments.", "Switch to the Pro or Enterprise plan; `/account` shows your plan."),
    ("segment_limit", 403, "Your plan does not allow this many segments.", "Send at most `limit` segments, or switch to a larger plan."),
    ("own_challenge", 403, "You cannot play or report your own challenge.", "Play another user's challenge."),
    ("forbidden", 403, "You can view this but not change it.", "Ask the owner or an administrator for access."),
    ("account_changed", 403, "You are signed in to another account now.", "Reload the page. Browsers name the page's user in the header `X-User-Id`."),
    ("csrf_failed", 403, "The form has expired, or its security token is missing.", "Reload the page and try again."),
    ("scope_required", 403, "The token's scopes do not allow this.", "Create a token with the scope named in `scope`."),
    ("not_found", 404, "Nothing was found at this address.", "Check the address and your access rights."),
    ("vod_not_found", 404, "This session has no VOD with that `vod_id`.", "Use the `vod_id` of one of this session's VODs in the address."),
    ("session_not_found", 404, "Session not found", "Check the id; the session may have been deleted or belong to another user."),
    ("merge_not_found", 404, "Merge session not found", "Check the id; the merge may have been deleted or belong to another user."),
    ("challenge_not_found", 404, "Challenge not found", "Check the id; the challenge may be deleted or unpublished."),
    ("job_not_found", 404, "Job not found", "Check the id; the job may have been deleted or belong to another user."),
    ("results_not_ready", 400, "Results not ready", "Poll the status until it is `completed`. A cancelled analysis has no results."),
    ("link_not_found", 404, "Link not found", "Check the id; the link may have been revoked or have expired."),
    ("share_not_found", 404, "Share not found", "Check the id; the share may have been revoked."),
    ("event_not_found", 404, "This session has no event with that id.", "Check the id; the event may have been deleted."),
    ("alignment_not_found", 404, "Alignment not found", "Check the job id; the job must be an alignment of this session."),
    ("feature_disabled", 404, "Comparisons are turned off on this server.", "An administrator can turn them on with `VOD_MULTI_VOD_ENABLED=1`."),
    ("method_not_allowed", 405, "This method is not allowed here.", "See the `Allow` header of the response."),
    ("not_acceptable", 406, "This endpoint returns only JSON.", "Send `Accept: application/json`."),
    ("upload_not_found", 404, "Upload not found", "Check the id; the upload may have been deleted or belong to another user."),
    ("upload_finished", 409, "The upload has already ended.", "Start a new upload."),
    ("upload_unfinished", 409, "The upload is incomplete: some bytes are missing.", "Send the missing bytes first."),
    ("upload_conflict", 409, "The offset does not match the bytes received so far.", "Request the upload's offset and continue from there."),
    ("upload_limit", 409, "You have reached the limit of unfinished uploads.", "Finish or cancel some uploads."),
    ("chunk_missing", 409, "Chunks are missing.", "Send the chunks in `missing_chunks`."),
    ("chunk_conflict", 409, "This chunk was already sent with different content.", "To upload another file, start a new upload."),
    ("chunk_invalid", 400, "The chunk's size does not match the announced size.", "Send the chunk again with exactly its announced size."),
    ("checksum_mismatch", 400, "The data does not match its checksum.", "Send the data again."),
    (
        "video_in_use", 409, "One of your comparisons uses this video.",
        "First delete the comparisons listed in `sessions`, or send `leave_gaps=true` to delete the video anyway and leave its place empty.",
    ),
    ("edit_conflict", 409, "Conflict detected: Server has newer changes. Please refresh and try again.", "Load the video again, or send your changes as operations to `/sync`."),
    ("event_changed", 409, "Another user has changed this event.", "Read the event again, then repeat your request with the current values in `base`, or with the current `updated_at`."),
    ("operation_mismatch", 409, "Another operation with the same actor and counter already exists.", "Use one `actor` for each replica, and a new `counter` for each operation of the replica."),
    ("video_deleted", 409, "The video has been deleted.", "An administrator can restore the video."),
    ("video_no_file", 409, "This video has no file.", "Upload the video's file first."),
    ("merge_in_use", 409, "A challenge uses this merge.", "Delete the challenge first."),
    ("merge_unfinished", 409, "The merge is not complete.", "Wait until the merge's status is `completed`."),
    ("merge_finished", 409, "The merge has already ended.", "Start a new merge."),
    ("merge_not_retryable", 409, "This merge cannot be run again.", "Send the clips again. Only merges that failed for a temporary reason can be retried."),
    ("challenge_exists", 409, "A challenge with these clips already exists.", "Edit or delete the challenge in `challenge_id`."),
    ("challenge_played", 409, "A player has already guessed, so the statements can no longer be changed.", "Create a new challenge."),
    ("challenge_published", 409, "The challenge is published.", "Unpublish the challenge first."),
    ("challenge_unpublished", 409, "The challenge is not published.", "Wait until the owner publishes the challenge."),
    ("challenge_withheld", 409, "A moderator has taken this challenge down.", "Create another challenge, or contact the administrator."),
    ("already_guessed", 409, "You have already guessed.", "Each player has one guess. `lie_statement_index` is the index of the false statement."),
    ("already_reported", 409, "You have already reported this.", "A moderator will check your report."),
    ("video_not_ready", 409, "The video is not ready yet.", "Wait until the video's status is `ready`."),
    (
        "work_limit", 403, "The video is too long or too large for your plan.",
        "Send a shorter video or one with a lower resolution, or switch to a larger plan; `limit` and `work` are in billions of pixels (width × height × frames).",
    ),
    ("job_limit", 409, "You have reached the limit of unfinished jobs.", "Wait until some jobs have ended, or cancel them; `limit` is the maximum."),
    ("session_limit", 409, "You have reached your plan's limit of comparisons.", "Delete some comparisons, or switch to a larger plan."),
    ("global_mode", 409, "This comparison plays its VODs together, so you cannot play one VOD alone.", "To play one VOD alone, first set `sync_mode` to `independent`. Otherwise, send the command for all VODs."),
    ("archived", 409, "The comparison is archived.", "Restore the comparison first with `unarchive`."),
    ("too_many_links", 409, "The comparison has reached its limit of links.", "Revoke some links first; `limit` is the maximum."),
    ("too_many_shares", 409, "The comparison is shared with the maximum number of accounts.", "Remove some accounts first; `limit` is the maximum."),
    ("too_many_events", 409, "The comparison has reached its limit of events.", "Delete some events first; `limit` is the maximum."),
    ("token_limit", 409, "You have reached the maximum number of API tokens.", "Revoke a token that you no longer use."),
    ("job_finished", 409, "The job has already ended.", "Retry the job to run it again."),
    ("job_live", 409, "The job has not ended yet.", "Wait until the job has ended, or cancel it."),
    ("job_in_use", 409, "This job belongs to a comparison, an analysis, a merge or a Pro segments run, and cannot be deleted separately.", "Delete the comparison, analysis, merge or run instead."),
    (
        "not_keepable", 409, "This analysis cannot be kept, because its video is not in your library.",
        "Upload the video to your library and analyse it there.",
    ),
    ("not_pausable", 409, "Jobs of this kind cannot be paused.", "Cancel the job and retry it later."),
    ("not_retryable", 409, "Only failed and cancelled jobs whose inputs still exist can be retried.", "Start a new job."),
    ("nothing_to_apply", 409, "This alignment has no offsets to apply.", "Wait until the alignment ends. If it has ended without offsets, align again."),
    ("idempotency_mismatch", 409, "This Idempotency-Key was used for another request.", "Send the original request again, or use a new key."),
    ("idempotency_running", 409, "The first request with this Idempotency-Key is still running.", "Send the request again after `Retry-After` seconds."),
    ("idempotency_answer_lost", 409, "The first request with this Idempotency-Key was carried out, but its answer was not stored.", "List the objects to see what the first request created. Use a new Idempotency-Key for another request."),
    ("idempotency_cancelled", 409, "A request with `Idempotency-Cancel` has cancelled this Idempotency-Key.", "Use a new Idempotency-Key for another request."),
    ("subscription_over", 409, "This subscription has ended, or has no end date to change.", "Grant a new subscription."),
    ("gone", 410, "This address has expired.", "Request the video or result again to get a new address."),
    ("session_expired", 410, "The analysis has expired; its files and results were deleted.", "Send the video again."),
    ("upload_expired", 410, "The upload has expired.", "Start a new upload."),
    ("upload_lost", 410, "The data of this upload was lost.", "Start a new upload."),
    ("precondition_failed", 412, "This server supports only tus 1.0.0.", "Send `Tus-Resumable: 1.0.0`."),
    ("storage_full", 413, "Your storage is full.", "Delete videos that you do not need, or switch to a larger plan."),
    ("too_large", 413, "The request is too large.", "Send a smaller request. The field `limit` of this answer is the maximum."),
    ("unsupported_media_type", 415, "That content type is not accepted here.", "Send `Content-Type: application/json`."),
    ("not_a_video", 415, "This is not a video file.", "Send MP4, MOV, WebM, Matroska, AVI, OGG, MPEG-TS, FLV or WMV."),
    ("not_a_sound", 415, "This is not a sound file.", "Send MP3, WAV, M4A, AAC, OGG or FLAC."),
    ("not_a_picture", 415, "This is not a JPEG, PNG or WebP picture.", "Send a JPEG, PNG or WebP picture."),
    ("range_not_satisfiable", 416, "The range is outside the file.", "See the `Content-Range` header of the response."),
    ("throttled", 429, "Too many requests.", "Wait `Retry-After` seconds, then try again."),
    ("picture_unreadable", 422, "The picture is damaged and cannot be read.", "Send another picture. If the message says that it is too large, send a smaller one."),
    ("analysis_failed", 422, "Analysis failed", "See `message` and `reason`; send another file."),
    ("sound_unreadable", 422, "A sound file cannot be read.", "Replace the sound file that the message names."),
    ("dub_failed", 422, "The speech in this video could not be replaced.", "Upload the video in another format."),
    ("clip_unreadable", 422, "A clip cannot be read as a video.", "Replace the clip that the message names."),
    ("no_video", 422, "This file has no video track.", "Upload a file with a video track."),
    ("file_incomplete", 422, "The file is incomplete: the index that players need is missing.", "Copy the complete file again, then upload it."),
    ("video_too_long", 422, "The video is too long.", "Upload a shorter video."),
    ("not_scanned", 422, "The virus scanner cannot read the complete file.", "Upload a smaller file, or ask the administrator to raise the scanner's limits."),
    ("malware_found", 422, "The virus scanner found malware in this file.", "Upload another file."),
    ("upload_locked", 423, "Another request is writing to this upload.", "Try again in a moment."),
    ("upload_checksum_mismatch", 460, "The bytes do not match their checksum and were discarded.", "Send the bytes again."),
    ("timeout", 422, "Processing took too long.", "Try a shorter video or a lower resolution."),
    ("stalled", 422, "The job made no progress and was stopped.", "Retry the job; if it stops again, upload the video in another format."),
    ("merge_failed", 422, "The clips cannot be merged.", "Upload the clip named in the message again, or use another clip."),
    ("merge_crashed", 422, "Merging the clips failed unexpectedly.", "Retry; if it fails again, upload the clips in another format."),
    ("generation_failed", 422, "The lip-sync provider could not generate the video.", "Retry, or upload another video or sound."),
    ("generation_rejected", 422, "The lip-sync provider rejected the input.", "Check the message, then change the video, the sounds or the segments."),
    ("generation_cancelled", 422, "The lip-sync provider cancelled the generation.", "Try again."),
    ("provider_refused", 422, "The lip-sync provider refused the request.", "Change the video, the sounds or the options as the message says."),
    ("provider_account", 422, "The lip-sync provider rejects this server's account.", "Contact the administrator of this server."),
    ("provider_setup", 422, "This server is not set up for the lip-sync provider.", "Contact the administrator of this server."),
    ("provider_nonsense", 422, "The lip-sync provider sent an invalid answer.", "Try again later."),
    ("wait_timeout", 422, "An external service did not answer in time.", "Try again later."),
    ("out_of_memory", 422, "Processing needed too much memory.", "Try a shorter video or a lower resolution."),
    ("job_crashed", 500, "The job crashed repeatedly.", "Retry the job; if it crashes again, report the job id to the administrator."),
    ("server_error", 500, "An internal error occurred and was logged.", "Retry; if it fails again, report the request or job id to the administrator."),
    ("disk_full", 503, "The server's disk is full: nothing can be saved until the administrator frees space.", "Ask the administrator to free space. Wait at least `Retry-After` seconds, then try again."),
    ("request_timeout", 408, "The request took too long to arrive.", "Send the request again, without pauses in its body."),
    ("unavailable", 503, "Part of the service is unavailable.", "Try again after `Retry-After` seconds."),
)  # fmt: skip


class DomainError(Exception):
    """Error: a request is refused for a reason that the client can act on.

    ``type`` is a key of :data:`ERROR_TYPES`. ``message`` replaces the type's default sentence. ``extra`` has further
    fields of the error body.
    """

    def __init__(self, type: str, message: str = "", /, **extra: Any) -> None:
        self.type = ERROR_TYPES[type]
        self.message = message or self.type.sentence
        self.extra = extra
        super().__init__(self.message)


def error_body(type: str, message: str = "", /, *, code: int | None = None, **extra: Any) -> dict[str, Any]:
    kind = ERROR_TYPES[type]
    return {
        "ok": False,
        "error": message or kind.sentence,
        "code": code or kind.status,
        "type": kind.name,
        "request_id": logs.request_id.get(),
        **extra,
    }


def error_response(
    type: str, message: str = "", /, *, headers: dict[str, str] | None = None, **extra: Any
) -> JsonResponse:
    status = ERROR_TYPES[type].status
    return JsonResponse(error_body(type, message, **extra), status=status, headers=headers_of(status) | (headers or {}))


def headers_of(status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Token"}
    return {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}


def database_refusal(exc: BaseException | None) -> DomainError | None:
    sqlstate = getattr(getattr(exc, "__cause__", None), "sqlstate", "")
    if not isinstance(exc, OperationalError | InterfaceError) and sqlstate != IDLE_IN_TRANSACTION:
        return None
    if sqlstate == DISK_FULL or is_disk_full(exc and exc.__cause__):
        return DomainError("disk_full")
    return DomainError("unavailable", DATABASE_AWAY)


def is_disk_full(exc: BaseException | None) -> bool:
    """Return whether SQLite's disk is full. SQLite may report that as an input/output error."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return shutil.disk_usage(settings.DATA_DIR).free < FULL_BYTES
    return code == sqlite3.SQLITE_FULL


DATABASE_AWAY = "The database is not responding. Try again in a moment."
FULL_BYTES = 1024**2  # minimum free bytes; with fewer, a disk counts as full
RETRY_SECONDS = 5
# PostgreSQL's error codes (SQLSTATE).
IDLE_IN_TRANSACTION, DISK_FULL = "25P03", "53100"
MAX_ERRORS = 20
MAX_SENTENCE = 300  # maximum number of characters in an error's sentence or field name

_BY_STATUS = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    503: "unavailable",
}


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    headers: dict[str, str] = {}
    if request := context.get("request"):
        # Errors are JSON even if the view normally answers YAML or HTML.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, DomainError):
        body = error_body(exc.type.name, exc.message, **exc.extra)
        if exc.type.status in (429, 503) or "retry_after" in exc.extra:
            headers["Retry-After"] = str(exc.extra.get("retry_after", 5))
    elif isinstance(exc, exceptions.ValidationError):
        body = error_body("invalid", first_sentence(exc.detail), **_truncate_details(exc.detail))
    elif isinstance(exc, exceptions.ParseError):
        body = error_body("parse_error", str(exc.detail))
    elif isinstance(exc, RequestDataTooBig | TooManyFilesSent):
        body = error_body("too_large")
    elif isinstance(exc, SuspiciousOperation):
        body = error_body("bad_request")
    elif isinstance(exc, ObjectDoesNotExist):
        body = error_body("not_found")
    elif isinstance(exc, exceptions.APIException):
        name = _BY_STATUS.get(exc.status_code, "bad_request")
        own_words = isinstance(exc, exceptions.PermissionDenied | exceptions.AuthenticationFailed)
        sentence = str(exc.detail) if own_words and exc.detail != exc.default_detail else ""
        codes = exc.get_codes()
        if isinstance(codes, str) and codes in ERROR_TYPES:
            name = codes
        body = error_body(name, sentence, **getattr(exc, "extra", {}))
        if wait := getattr(exc, "wait", None):
            body["retry_after"] = max(1, int(wait))
            headers["Retry-After"] = str(body["retry_after"])
        if header := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = header
    elif refusal := database_refusal(exc):
        logger.error("error", extra={"data": {"exception": repr(exc)}}, exc_info=exc)
        body = error_body(refusal.type.name, refusal.message)
    else:
        logger.error("error", extra={"data": {"traceback": traceback.format_exc()}}, exc_info=exc)
        body = error_body("server_error")
    response = Response(body, status=body["code"] if body["code"] in range(400, 600) else status.HTTP_400_BAD_REQUEST)
    for name, value in (headers_of(response.status_code) | headers).items():
        response[name] = value
    return response


def _truncate_details(detail: Any) -> dict[str, Any]:
    count = _count(detail)
    found = {"errors": _first(detail, [MAX_ERRORS])}
    return found if count <= MAX_ERRORS else {**found, "errors_count": count}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SENTENCE else f"{text[:MAX_SENTENCE]} …"


def _count(detail: Any) -> int:
    if isinstance(detail, dict):
        return sum(map(_count, detail.values()))
    return sum(map(_count, detail)) if isinstance(detail, list) else 1


def _first(detail: Any, left: list[int]) -> Any:
    if isinstance(detail, dict):
        found = {_cut(str(key)): _first(value, left) for key, value in detail.items() if left[0]}
        return {key: value for key, value in found.items() if value}
    if isinstance(detail, list):
        kept = []
        for value in detail:
            if not left[0]:
                break
            kept.append(_first(value, left))
        return kept
    left[0] -= 1
    return _cut(detail) if isinstance(detail, str) else detail


def first_sentence(detail: Any, field: str = "") -> str:
    if isinstance(detail, dict):
        for key, value in detail.items():
            if value:
                name = "" if key == "non_field_errors" else _cut(str(key))
                return first_sentence(value, ".".join(filter(None, (field, name))))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            if value:
                nested = isinstance(value, dict | list)
                return first_sentence(value, f"{field}[{index}]" if nested else field)
    elif detail:
        return f"{field}: {_cut(str(detail))}" if field else _cut(str(detail))
    return ERROR_TYPES["invalid"].sentence
