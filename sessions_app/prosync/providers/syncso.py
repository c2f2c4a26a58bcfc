"""A stateless client for sync.so's public v2 API, written after https://sync.so/docs and the Python SDK 0.2.7.

The exception class tells whether a retry can help.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import json
import math
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, BinaryIO, NoReturn, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from media_app.av.sniff import ENOUGH_BYTES, Kind, sniff
from vodplatform.core.web import outbound

BASE_URL = "https://api.sync.so"
MODELS = ("lipsync-2", "lipsync-2-pro", "lipsync-1.9.0-beta", "react-1", "sync-3")
SYNC_MODES = ("cut_off", "loop", "bounce", "silence", "remap")
API_RULES = outbound.Rules(seconds=30.0, connect_seconds=10.0)
MAX_ANSWER_BYTES = 1024**2
MAX_LISTING_BYTES = 16 * 1024**2
PAGE = 100
MAX_PAGES = 5
DOWNLOAD_SECONDS = 1800.0
MAX_REDIRECTS = 3

FIRST_DELAY, MAX_DELAY = 2.0, 60.0
MIN_DELAY = 0.5
MAX_RETRY_AFTER = 900.0
MAX_DOUBLINGS = 16

TOLERANCE_SECONDS = 300.0  # maximum seconds between a webhook's signed time and now
MAX_SIGNATURE_LETTERS = 1000
MILLISECONDS_FROM = 10**11  # larger timestamps are in milliseconds: as seconds, this would be the year 5138

MAX_ERROR_LETTERS = 500
MAX_PAGE_BYTES = 64 * 1024
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
OUTPUT_NAME = re.compile(r"[A-Za-z0-9_-]{8,255}")
GENERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # ``ProJob.generation_id`` has at most 100 characters
ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
TIMESTAMP = re.compile(r"[0-9]{1,15}")
IN_PROGRESS_CODE = re.compile(r"PROGRESS|UNKNOWN|PENDING|CONCURRENT|LOCK", re.IGNORECASE)
ADDRESS = re.compile(r"(https?://[^\s/?#\"'<>]+)(/[^\s?#\"'<>]*)?([?#][^\s\"'<>]*)?", re.IGNORECASE)
# Content types that object storages give to videos, including their default for unknown files.
VIDEO_TYPES = ("video/", "application/mp4", "application/octet-stream", "binary/octet-stream")

BUSY = frozenset({408, 425, 429})
ACCOUNT = frozenset({401, 402, 403})
NOT_CANCELLED = frozenset({400, 404, 405, 409, 410, 422, 501})
EXPIRED_LINK_STATUSES = frozenset({401, 403, 404, 410})


class ProviderError(Exception):
    """A failed call. The message contains no keys, queries or bodies.

    code: the provider's ``errorCode``, or "". retry_after: seconds.
    """

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class RetryLater(ProviderError):
    """A temporary error. The provider may have accepted the request."""


class LinkExpired(RetryLater):
    """Error: the result's URL has expired. Call :meth:`SyncSo.get` for a new URL."""


class RefusedForGood(ProviderError):
    """Error: the same request would be refused again."""


class RequestNotSent(RefusedForGood):
    """Error: the settings or the rules for outgoing requests forbid this call or its answer.

    If they forbid the answer, the request may have taken effect.
    """


class AccountRefused(RefusedForGood):
    """Error: the provider refuses the API key or the plan."""


class ResultRefused(RefusedForGood):
    """Error: the result is too large, or its address is blocked."""


class InvalidResponse(ProviderError):
    """Error: the answer is not from this API, perhaps from a proxy. A few retries may help."""


class UnknownGeneration(InvalidResponse):
    """Error: the provider does not know this generation (404), perhaps not yet, because it has just started."""


class WebhookRefused(Exception):
    """Error: the signature of a webhook call is wrong or outdated."""


class Status(StrEnum):
    """The state of a generation.

    ``CANCELED`` and ``TIMED_OUT`` are no longer documented.
    """

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"  # the provider refused the generation before its start
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation of a video by the provider.

    output_url: signed URL of the result, which expires. error, error_code: the provider's text, cleaned.
    """

    id: str
    status: Status
    output_url: str = ""
    duration: float | None = None
    error: str = ""
    error_code: str = ""

    @property
    def is_over(self) -> bool:
        return self.status not in (Status.PENDING, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook call with a valid signature.

    sent_at: Unix time in seconds from the signature header. replay_key: text that identifies a repetition of the same
    call.
    """

    generation: Generation
    sent_at: float
    replay_key: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded result. size: bytes. kind: file type, detected from the content."""

    size: int
    kind: Kind


class SyncSo:
    def __init__(
        self, key: str, *, base_url: str = BASE_URL, rules: outbound.Rules = API_RULES,
        check: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """Create the client. Raise ValueError if ``base_url`` is not HTTPS, which would expose the key.

        rules: limits per request; ``allow_private`` permits private addresses and HTTP, for tests. check: called for
        each request and downloaded block; its exceptions end the call.
        """
        self._base = base_url.rstrip("/")
        if urlsplit(self._base).scheme != "https" and not rules.allow_private:
            raise ValueError("The lip-sync provider's address must begin with https://.")
        self._key = key
        self._rules = replace(rules, redirects=0)
        self._check = check

    def create(self, request: Mapping[str, Any], idempotency_key: str) -> str:
        """Start a generation and return its id. The same key and request return the same generation.

        idempotency_key: unique in the organisation. A different request with the same key is a conflict.
        """
        if IDEMPOTENCY_KEY.fullmatch(idempotency_key) is None:
            raise ValueError(
                "An idempotency key must have 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', '~' and '-'."
            )
        content = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        headers = {"content-type": "application/json", "idempotency-key": idempotency_key}
        answer = self._send("POST", "/v2/generate", headers=headers, content=content)
        if not _is_good(answer):
            if generation_id := _generation_id(answer):
                return generation_id
            self._raise_for_answer(answer)
        return _id_of(_object(answer.body))

    def get(self, generation_id: str) -> Generation:
        answer = self._send("GET", f"/v2/generate/{_checked_id(generation_id)}")
        if not _is_good(answer):
            self._raise_for_answer(answer)
        generation = read_generation(_object(answer.body))
        if generation.id != generation_id:
            raise InvalidResponse("The lip-sync provider returned a different generation than requested.")
        return generation

    def find(self, output_name: str) -> Generation | None:
        """Return the newest of the last 500 generations with this output name, or None.

        The listing's ``outputFileName`` is undocumented, so the name is also searched in the URLs of inputs, webhook
        and result. If the result is None, the generation may nevertheless exist. Raise :class:`ProviderError`.
        """
        wanted = re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(_checked_name(output_name))}(?![A-Za-z0-9_-])")
        for entry in self._listed():
            if any(wanted.search(text) for text in _searchable_texts(entry)):
                try:
                    return read_generation(entry)
                except InvalidResponse:
                    return self.get(_id_of(entry))
        return None

    def cancel(self, generation_id: str) -> bool:
        """Ask to stop a generation; return whether it is cancelled. Raise :class:`ProviderError`.

        The call is no longer documented.
        """
        answer = self._send("POST", f"/v2/generate/{_checked_id(generation_id)}/cancel")
        if answer.status in NOT_CANCELLED:
            return False
        if not _is_good(answer):
            self._raise_for_answer(answer)
        return self.get(generation_id).status == Status.CANCELED

    def download(self, url: str, file: BinaryIO, max_file_bytes: int, *, seconds: float = DOWNLOAD_SECONDS) -> Fetched:
        """Download a result into ``file``, without the API key. After a failure the file is empty.

        Truncation is detected only if the server declares the length. Raise :class:`ResultRefused`,
        :class:`LinkExpired`, :class:`RetryLater`, :class:`InvalidResponse` and OSError.
        """
        if not url.lower().startswith("https://") and not self._rules.allow_private:
            raise ResultRefused(
                "The lip-sync provider's result was not downloaded, because its address does not use HTTPS."
            )
        rules = replace(self._rules, seconds=seconds, max_bytes=max_file_bytes, redirects=MAX_REDIRECTS)
        _empty(file)
        into = _VideoFile(file, self._check)
        self._check()
        fetched = None
        try:
            answer = _send_request("GET", url, rules, into=cast(BinaryIO, into))
            fetched = _fetched(answer, into)
        except outbound.Refused as exc:
            raise ResultRefused(f"The lip-sync provider's result was not downloaded: {exc}") from None
        except outbound.TooBig:
            raise ResultRefused(
                f"The lip-sync provider's result was not downloaded: it is larger than {max_file_bytes} bytes."
            ) from None
        finally:
            if fetched is None:
                _empty(file)
        return fetched

    def _listed(self) -> Iterator[dict[str, Any]]:
        cursor = ""
        for _ in range(MAX_PAGES):
            query = urlencode({"limit": PAGE} | ({"cursor": cursor} if cursor else {}))
            answer = self._send("GET", f"/v2/generations?{query}", most=MAX_LISTING_BYTES)
            if not _is_good(answer):
                self._raise_for_answer(answer)
            page = _read(answer.body)
            if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
                raise InvalidResponse("The lip-sync provider's list of generations cannot be read.")
            yield from page
            if len(page) != PAGE or (last := _id_of(page[-1])) == cursor:
                return
            cursor = last

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most: int = MAX_ANSWER_BYTES,
    ) -> outbound.Answer:
        self._check()
        sent = {"x-api-key": self._key, "accept": "application/json", **(headers or {})}
        try:
            return _send_request(
                method, self._base + path, replace(self._rules, max_bytes=most), headers=sent, content=content
            )
        except outbound.Refused as exc:
            raise RequestNotSent(f"The request was not sent to the lip-sync provider: {exc}") from None
        except outbound.TooBig:
            raise InvalidResponse("The lip-sync provider's answer is too large.") from None

    def _raise_for_answer(self, answer: outbound.Answer) -> NoReturn:
        code, detail = _error(answer)
        if self._key:  # remove the API key, because some servers repeat a refused key in their error message
            detail = detail.replace(self._key, "…")
        status = answer.status
        if status in ACCOUNT:
            raise AccountRefused(f"The lip-sync provider rejected this account ({status}){detail}", code=code)
        if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _is_under_way(status, code):
            after = _retry_after(answer.headers.get("retry-after"))
            message = f"The lip-sync provider is busy or has failed ({status}){detail}"
            raise RetryLater(message, code=code, retry_after=after)
        if status == HTTPStatus.NOT_FOUND:
            raise UnknownGeneration(f"The lip-sync provider cannot find this generation{detail}", code=code)
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedForGood(f"The lip-sync provider rejected the request ({status}){detail}", code=code)
        raise InvalidResponse(f"The answer does not come from the lip-sync provider's API ({status}).")


def build_request(
    video_url: str,
    sounds: Mapping[str, str],
    segments: Sequence[Mapping[str, Any]],
    *,
    output_name: str,
    sync_mode: str = "cut_off",
    model: str = MODELS[0],
    webhook_url: str | None = None,
) -> dict[str, Any]:
    """Return the body of a create request for validated segments.

    Raise ValueError for an unknown mode, model or sound, or an invalid output name.

    - sounds: ``{refId: URL}``.
    - segments: ``{"start", "end", "ref", "from", "to"}``, times in seconds.
    - output_name: a unique name. It is also added to the webhook's query, for :meth:`SyncSo.find`.
    - sync_mode: how to fit a sound to its segment. The provider documents this option for complete videos only.
    """
    if sync_mode not in SYNC_MODES or model not in MODELS:
        raise ValueError(f"Unknown mode {sync_mode!r} or model {model!r}.")
    _checked_name(output_name)
    ordered = sorted(segments, key=lambda segment: float(segment["start"]))
    used = dict.fromkeys(str(segment["ref"]) for segment in ordered)
    if missing := [ref for ref in used if ref not in sounds]:
        raise ValueError(f"No sound has the name {missing[0]!r}.")
    request: dict[str, Any] = {
        "model": model,
        "input": [
            {"type": "video", "url": video_url},
            *({"type": "audio", "url": sounds[ref], "refId": ref} for ref in used),
        ],
        "options": {"sync_mode": sync_mode},
        "segments": [_segment(segment) for segment in ordered],
        "outputFileName": output_name,
    }
    if webhook_url:
        request["webhookUrl"] = _with_name(webhook_url, output_name)
    return request


def verify_webhook(secret: str, header: str | None, body: bytes, now: float) -> Notice:
    """Verify and parse a webhook call.

    Do not trust the body: call :meth:`SyncSo.get`. Raises :class:`WebhookRefused`, :class:`InvalidResponse`.

    - secret: with its prefix ``whsec_``.
    - header: ``Sync-Signature``, such as ``t=<time>,v1=<hex>``. The unit of ``t``, seconds or milliseconds, is
      undocumented. ``v1`` is the HMAC-SHA256 of ``"{t}.{body}"``. It may occur several times.
    - now: Unix seconds.
    """
    stamp, signatures = _signature(header or "")
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    matches = [hmac.compare_digest(expected, given.encode("utf-8", "surrogatepass")) for given in signatures]
    if not secret or not any(matches):
        raise WebhookRefused("The webhook's signature is wrong.")
    sent_at = int(stamp) / 1000 if int(stamp) >= MILLISECONDS_FROM else float(stamp)
    if abs(now - sent_at) > TOLERANCE_SECONDS:
        raise WebhookRefused("The webhook's signature is too old, or the servers' clocks differ.")
    generation = read_generation(_object(body))
    return Notice(generation, sent_at, f"{generation.id}:{stamp}")


def read_generation(entry: Mapping[str, Any]) -> Generation:
    try:
        status = Status(str(entry.get("status")).upper().replace("CANCELLED", "CANCELED"))
    except ValueError:
        raise InvalidResponse("The lip-sync provider reported an unknown status.") from None
    output_url = _text(entry.get("outputUrl")) or _text(entry.get("outputMediaUrl"))
    if status == Status.COMPLETED and not output_url:
        raise InvalidResponse("The lip-sync provider completed a generation without a result.")
    return Generation(
        _id_of(entry), status, output_url, _seconds(entry.get("outputDuration")), _clean(entry.get("error")),
        _code(entry),
    )  # fmt: skip


def next_delay(
    attempt: int, retry_after: float | None = None, *, draw: Callable[[float, float], float] = random.uniform
) -> float:
    """Return the seconds to wait after attempt number ``attempt`` (from 0).

    The delay is ``Retry-After`` plus exponential backoff with full jitter.
    """
    most = min(MAX_DELAY, FIRST_DELAY * 2 ** min(max(attempt, 0), MAX_DOUBLINGS))
    asked = min(max(retry_after or 0.0, 0.0), MAX_RETRY_AFTER)
    return max(MIN_DELAY, asked + draw(0.0, most))


class _VideoFile:
    def __init__(self, file: BinaryIO, check: Callable[[], object]) -> None:
        self._file = file
        self._check = check
        self._head = b""
        self.size = 0

    def write(self, block: bytes) -> int:
        self._check()
        if len(self._head) < ENOUGH_BYTES:
            self._head += block[: ENOUGH_BYTES - len(self._head)]
        self.size += len(block)
        if self.size > MAX_PAGE_BYTES and self.kind is None:
            raise InvalidResponse("The lip-sync provider's result is not a video.")
        return self._file.write(block)

    @property
    def kind(self) -> Kind | None:
        kind = sniff(self._head)
        return kind if kind is not None and kind.family == "video" else None


def _fetched(answer: outbound.Answer, into: _VideoFile) -> Fetched:
    status = answer.status
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = _retry_after(answer.headers.get("retry-after"))
        raise RetryLater(f"The result cannot be downloaded right now ({status}).", retry_after=after)
    if status in EXPIRED_LINK_STATUSES:
        raise LinkExpired(f"The result's address has expired ({status}).")
    content_type = answer.headers.get("content-type", "").strip().lower()
    kind = into.kind
    if status != HTTPStatus.OK or kind is None or (content_type and not content_type.startswith(VIDEO_TYPES)):
        raise InvalidResponse(f"The lip-sync provider's result is not a video ({status}).")
    return Fetched(into.size, kind)


def _send_request(
    method: str,
    url: str,
    rules: outbound.Rules,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    into: BinaryIO | None = None,
) -> outbound.Answer:
    try:
        return outbound.send(method, url, headers=headers, content=content, rules=rules, into=into)
    except (outbound.Unreachable, outbound.TooSlow) as exc:
        raise RetryLater(str(exc)) from None


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _is_good(answer: outbound.Answer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def _is_under_way(status: int, code: str) -> bool:
    """Return whether an error 409 may mean that an earlier request with the same idempotency key is still running."""
    if status != HTTPStatus.CONFLICT:
        return False
    return not code.upper().startswith("IDEMPOTENCY_") or IN_PROGRESS_CODE.search(code) is not None


def _generation_id(answer: outbound.Answer) -> str:
    code, _ = _error(answer)
    if code.upper() != "IDEMPOTENCY_OUTCOME_UNKNOWN":
        return ""
    generation_id = _text(_object(answer.body).get("generationId"))
    return generation_id if GENERATION_ID.fullmatch(generation_id) else ""


def _error(answer: outbound.Answer) -> tuple[str, str]:
    try:
        body = _object(answer.body)
    except InvalidResponse:
        return "", "."
    message = body.get("message") or body.get("error")
    if isinstance(message, list):
        message = "; ".join(str(part) for part in message)
    text = _clean(message).rstrip(".")
    return _code(body), f": {text}." if text else "."


def _code(body: Mapping[str, Any]) -> str:
    code = _text(body.get("errorCode")) or _text(body.get("error_code"))
    return code if ERROR_CODE.fullmatch(code) else ""


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidResponse("The lip-sync provider's answer is not JSON.") from None


def _object(body: bytes) -> dict[str, Any]:
    found = _read(body)
    if not isinstance(found, dict):
        raise InvalidResponse("The lip-sync provider's answer cannot be read.")
    return found


def _id_of(entry: Mapping[str, Any]) -> str:
    found = _text(entry.get("id"))
    if GENERATION_ID.fullmatch(found) is None:
        raise InvalidResponse("The lip-sync provider's answer has no valid generation id.")
    return found


def _checked_id(generation_id: str) -> str:
    if GENERATION_ID.fullmatch(generation_id) is None:
        raise ValueError("This is not the id of a generation.")
    return quote(generation_id, safe="")


def _checked_name(output_name: str) -> str:
    if OUTPUT_NAME.fullmatch(output_name) is None:
        raise ValueError("An output's name must have 8 to 255 characters of A-Z, a-z, 0-9, '_' and '-'.")
    return output_name


def _searchable_texts(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from (_text(entry.get(name)) for name in ("outputFileName", "webhookUrl", "outputUrl", "outputMediaUrl"))
    inputs = entry.get("input")
    for part in inputs if isinstance(inputs, list) else []:
        if isinstance(part, dict):
            yield _text(part.get("url"))


def _segment(segment: Mapping[str, Any]) -> dict[str, Any]:
    start, end = float(segment["start"]), float(segment["end"])
    crop = (segment.get("from"), segment.get("to"))
    if (crop[0] is None) != (crop[1] is None):
        raise ValueError("To use part of a sound, set both its start and its end.")
    sound: dict[str, Any] = {"refId": str(segment["ref"])}
    if crop[0] is not None and crop[1] is not None:
        sound |= {"startTime": float(crop[0]), "endTime": float(crop[1])}
    return {"startTime": start, "endTime": end, "audioInput": sound}


def _with_name(webhook_url: str, output_name: str) -> str:
    parts = urlsplit(webhook_url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("output", output_name)])
    return urlunsplit(parts._replace(query=query))


def _signature(header: str) -> tuple[str, list[str]]:
    named = [part.strip().partition("=") for part in header[:MAX_SIGNATURE_LETTERS].split(",")]
    times = [value for name, _, value in named if name == "t"]
    signatures = [value for name, _, value in named if name == "v1"]
    if len(times) != 1 or TIMESTAMP.fullmatch(times[0]) is None:
        raise WebhookRefused("The webhook's signature is missing or malformed.")
    return times[0], signatures


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _clean(value: Any) -> str:
    """Return untrusted text as one line, without the parts of URLs that may contain a signature."""
    # Truncate before the regex search, whose time grows with the text.
    text = "".join(sign if sign.isprintable() else " " for sign in _text(value)[: 8 * MAX_ERROR_LETTERS])
    return " ".join(ADDRESS.sub(_shown_address, text).split())[:MAX_ERROR_LETTERS]


def _shown_address(found: re.Match[str]) -> str:
    host, path = found[1], found[2] or ""
    return f"{host}{'/…' if path.count('/') > 1 else ''}{path[path.rfind('/') :] if path else ''}"


def _retry_after(text: str | None) -> float | None:
    """Return the seconds in ``Retry-After`` (a number or a date, RFC 9110, 10.2.3), or None."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
