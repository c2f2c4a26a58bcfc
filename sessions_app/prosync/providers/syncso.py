"""A client of sync.so's public v2 API: one generation created, looked up, cancelled, fetched, and its webhook verified.

It waits for nothing and remembers nothing: each call is one request (a search is a few), and what a failure means for
the next attempt is the class of its exception. It knows no jobs, no settings and no Django; the file that comes back
is a video by its first bytes and nothing more is said of it.

What is certain here is what the provider's public pages say (its API reference and guides at https://sync.so/docs,
and its Python SDK, release 0.2.7): the two paths under ``/v2/generate``, the listing at ``/v2/generations``, the
fields that are read, the names of the states, ``Idempotency-Key``, the form of ``Sync-Signature``. Where those pages
are silent or contradict each other, the docstring of the call says so. None of it was tried against the service.
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
PAGE = 100  # generations in a page of the listing; the API gives no more
MAX_PAGES = 5
DOWNLOAD_SECONDS = 1800.0
MAX_REDIRECTS = 3  # of a result's address; the API's own are not followed

FIRST_DELAY, MAX_DELAY = 2.0, 60.0  # seconds
MIN_DELAY = 0.5
MAX_RETRY_AFTER = 900.0
MAX_DOUBLINGS = 16

TOLERANCE_SECONDS = 300.0  # between a webhook's signature and now, in both directions
MAX_SIGNATURE_LETTERS = 1000
MILLISECONDS_FROM = 10**11  # as seconds that is the year 5138

MAX_ERROR_LETTERS = 500
MAX_PAGE_BYTES = 64 * 1024  # what says that there is no result is shorter
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._~-]{1,128}")
OUTPUT_NAME = re.compile(r"[A-Za-z0-9_-]{8,255}")
GENERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # as long as the column that keeps it
ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
TIMESTAMP = re.compile(r"[0-9]{1,15}")
UNDER_WAY = re.compile(r"PROGRESS|UNKNOWN|PENDING|CONCURRENT|LOCK", re.IGNORECASE)
ADDRESS = re.compile(r"(https?://[^\s/?#\"'<>]+)(/[^\s?#\"'<>]*)?([?#][^\s\"'<>]*)?", re.IGNORECASE)
# What storage calls a video when nobody has told it better.
VIDEO_TYPES = ("video/", "application/mp4", "application/octet-stream", "binary/octet-stream")

BUSY = frozenset({408, 425, 429})
ACCOUNT = frozenset({401, 402, 403})
NOT_CANCELLED = frozenset({400, 404, 405, 409, 410, 422, 501})
LINK_IS_OVER = frozenset({401, 403, 404, 410})


class ProviderError(Exception):
    """The provider did not do it; the message is a sentence without keys, queries or bodies. Raised as its kinds.

    code: the provider's own word for it (``errorCode``), "" without one. retry_after: seconds it asks to wait.
    """

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class RetryLater(ProviderError):
    """Nothing is wrong with the request: busy, broken, slow or out of reach. After a create it may have been taken."""


class LinkExpired(RetryLater):
    """A result's address does not open any more; look the generation up again, it comes with another one."""


class RefusedForGood(ProviderError):
    """The same request will be answered in the same way."""


class RequestNotSent(RefusedForGood):
    """The API lies where nothing is sent to, or packs what it answers; nothing is said of what it has done."""


class AccountRefused(RefusedForGood):
    """The key or the plan behind it, not this request: an operator has to act."""


class ResultRefused(RefusedForGood):
    """The result is not fetched from where it lies, or is larger than allowed."""


class InvalidResponse(ProviderError):
    """Not an answer of this API: a page, broken JSON, another generation, a state nobody knows.

    A proxy in between or a deployment over there can do that for a moment: ask a few times, then give up.
    """


class UnknownGeneration(InvalidResponse):
    """The provider does not know this generation (404); just behind its creation that may pass."""


class WebhookRefused(Exception):
    """This call was not signed with our secret, or not now."""


class Status(StrEnum):
    """The state of a generation.

    The reference names the first five. ``CANCELED`` and ``TIMED_OUT`` stood in it in 2025 and are understood.
    """

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"  # while it was made
    REJECTED = "REJECTED"  # not begun: the input or the account was not accepted
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation as the provider tells it.

    output_url: where the result lies, signed and for a time, when it is completed. duration: seconds of the result.
    error, error_code: why it came to nothing; foreign text, cleaned of control characters and the queries of addresses.
    """

    id: str
    status: Status
    output_url: str = ""
    duration: float | None = None
    error: str = ""
    error_code: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status not in (Status.PENDING, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook's call whose signature is right. sent_at: seconds since 1970, as signed.

    replay_key: the same for the same call sent again; whoever takes notices keeps it for twice the tolerance.
    """

    generation: Generation
    sent_at: float
    replay_key: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result in its file. size: bytes. kind: what its first bytes say it is."""

    size: int
    kind: Kind


class SyncSo:
    """The API with one account's key."""

    def __init__(
        self, key: str, *, base_url: str = BASE_URL, rules: outbound.Rules = API_RULES,
        check: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """rules: for each request to the API. ``allow_private`` also lets it and results be on private addresses and
        without encryption, which is for tests. check: called before each request and with each block of a download;
        what it raises ends the call. Raises :class:`ValueError` for a base that would send the key in clear.
        """
        self._base = base_url.rstrip("/")
        if urlsplit(self._base).scheme != "https" and not rules.allow_private:
            raise ValueError("The lip-sync provider's address has to begin with https://.")
        self._key = key
        self._rules = replace(rules, redirects=0)
        self._check = check

    def create(self, request: Mapping[str, Any], idempotency_key: str) -> str:
        """Begin a generation and return its id; with the same key and request again, the id of the same generation.

        request: from :func:`build_request`. Certain is that ``POST /v2/generate`` takes an ``Idempotency-Key`` (1–128
        of ``A-Za-z0-9._~-``, of the whole organisation), and that the same key with the same inputs prevents a second
        generation, also when the first answer was lost or both arrive at once. So after a crash in between, sending
        again is the safe way: keep key AND request before the first attempt, for another request under the same key
        is a conflict, and an address that is signed again makes it another request. Not certain is how long a key is
        remembered (a limit exists; its length was not to be found), and with which status and names conflicts are
        answered: of codes that begin with ``IDEMPOTENCY_`` those that speak of progress or of an unknown outcome mean
        "later, with the same key", others are final; any other 409 means later. Raises :class:`ProviderError`.
        """
        if IDEMPOTENCY_KEY.fullmatch(idempotency_key) is None:
            raise ValueError("An idempotency key has 1 to 128 of A-Z, a-z, 0-9, '.', '_', '~' and '-'.")
        # The same bytes each time: whatever over there compares requests finds the same one.
        content = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        headers = {"content-type": "application/json", "idempotency-key": idempotency_key}
        answer = self._send("POST", "/v2/generate", headers=headers, content=content)
        if not _is_good(answer):
            if generation_id := _generation_id(answer):
                return generation_id
            self._fail(answer)
        return _id_of(_object(answer.body))

    def get(self, generation_id: str) -> Generation:
        """How a generation stands. Raises :class:`ProviderError`."""
        answer = self._send("GET", f"/v2/generate/{_checked_id(generation_id)}")
        if not _is_good(answer):
            self._fail(answer)
        generation = read_generation(_object(answer.body))
        if generation.id != generation_id:
            raise InvalidResponse("The lip-sync provider answered with another generation.")
        return generation

    def find(self, output_name: str) -> Generation | None:
        """The newest generation that was asked for with ``output_name``, among the last 500; None where none is seen.

        For the case that nobody knows whether a request arrived and its key may be forgotten over there. Certain is
        the listing: ``GET /v2/generations`` with ``limit`` (1–100, newest first) and ``cursor`` (the last id of the
        page before), over the whole organisation. Not certain is by what to recognise one's own: ``outputFileName``
        can be sent, but is not among the fields that the reference lists as returned. So the name is looked for in all
        that is: in ``outputFileName`` all the same, in the addresses of inputs and webhook (:func:`build_request` puts
        it there), in those of the result (certain only once it is completed). Therefore None does not prove that
        there is none, and sending again with the same key stays the first choice. An entry that cannot be read by
        itself, such as a completed one whose result is not listed, is looked up. Raises :class:`ProviderError`.
        """
        wanted = re.compile(rf"(?<![A-Za-z0-9_-]){re.escape(_checked_name(output_name))}(?![A-Za-z0-9_-])")
        for entry in self._listed():
            if any(wanted.search(text) for text in _ours(entry)):
                try:
                    return read_generation(entry)
                except InvalidResponse:
                    return self.get(_id_of(entry))
        return None

    def cancel(self, generation_id: str) -> bool:
        """Ask to stop a generation; whether the provider says that it did.

        ``POST /v2/generate/{id}/cancel`` stood in the reference of May 2025, for generations that are still pending,
        at no cost. The reference of today has no such call. So False is the usual answer for one that runs, and the
        generation then ends over there, paid. A yes is believed when the generation says so too. Raises
        :class:`ProviderError`.
        """
        answer = self._send("POST", f"/v2/generate/{_checked_id(generation_id)}/cancel")
        if answer.status in NOT_CANCELLED:
            return False
        if not _is_good(answer):
            self._fail(answer)
        return self.get(generation_id).status == Status.CANCELED

    def download(self, url: str, file: BinaryIO, max_file_bytes: int, *, seconds: float = DOWNLOAD_SECONDS) -> Fetched:
        """Fetch a result into ``file``, block by block, from its beginning on; after a failure the file is empty.

        url: :attr:`Generation.output_url`. The key goes along to nobody. Redirects are followed a few times, each
        checked like the first address; private addresses are refused. An end that comes too early is noticed where
        the length was announced; elsewhere the caller's look at the video tells. Raises :class:`ResultRefused`
        (private address, too large), :class:`LinkExpired`, :class:`RetryLater`, :class:`InvalidResponse` (no video),
        :class:`OSError` for the disk.
        """
        if not url.lower().startswith("https://") and not self._rules.allow_private:
            raise ResultRefused("The result lies at an address without encryption; it is not fetched.")
        rules = replace(self._rules, seconds=seconds, max_bytes=max_file_bytes, redirects=MAX_REDIRECTS)
        _empty(file)
        into = _VideoFile(file, self._check)
        self._check()
        fetched = None
        try:
            answer = _sent("GET", url, rules, into=cast(BinaryIO, into))
            fetched = _fetched(answer, into)
        except outbound.Refused as exc:
            raise ResultRefused(f"The result is not fetched: {exc}") from None
        except outbound.TooBig:
            raise ResultRefused(f"The result has more than {max_file_bytes} bytes; it is not fetched.") from None
        finally:
            if fetched is None:
                _empty(file)
        return fetched

    def _listed(self) -> Iterator[dict[str, Any]]:
        """The last generations of the account, newest first."""
        cursor = ""
        for _ in range(MAX_PAGES):
            query = urlencode({"limit": PAGE} | ({"cursor": cursor} if cursor else {}))
            answer = self._send("GET", f"/v2/generations?{query}", most=MAX_LISTING_BYTES)
            if not _is_good(answer):
                self._fail(answer)
            page = _read(answer.body)
            if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
                raise InvalidResponse("The lip-sync provider's list of generations cannot be read.")
            yield from page
            # One that does not page gives all at once.
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
            return _sent(method, self._base + path, replace(self._rules, max_bytes=most), headers=sent, content=content)
        except outbound.Refused as exc:
            raise RequestNotSent(f"The lip-sync provider is not asked: {exc}") from None
        except outbound.TooBig:
            raise InvalidResponse("The lip-sync provider answered with more than is read.") from None

    def _fail(self, answer: outbound.Answer) -> NoReturn:
        """Say what an answer that is none means for the next attempt."""
        code, detail = _error(answer)
        if self._key:  # some say which key it was that they do not take
            detail = detail.replace(self._key, "…")
        status = answer.status
        if status in ACCOUNT:
            raise AccountRefused(f"The lip-sync provider refuses this account ({status}){detail}", code=code)
        if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR or _is_under_way(status, code):
            after = _retry_after(answer.headers.get("retry-after"))
            message = f"The lip-sync provider is busy or broken ({status}){detail}"
            raise RetryLater(message, code=code, retry_after=after)
        if status == HTTPStatus.NOT_FOUND:
            raise UnknownGeneration(f"The lip-sync provider does not know what it was asked for{detail}", code=code)
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedForGood(f"The lip-sync provider does not take the request ({status}){detail}", code=code)
        raise InvalidResponse(f"The lip-sync provider does not answer as one ({status}).")


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
    """The body of a create, for segments that were checked against the video and the sounds before.

    sounds: ``{refId: address}``; those that no segment uses are left out. segments: ``{"start", "end", "ref", "from",
    "to"}``, seconds of the video and, both or none, of the sound. output_name: 8–255 of ``A-Za-z0-9_-`` and nobody
    else's: it is what :meth:`SyncSo.find` looks for, and goes into the webhook's query too, because that is among the
    fields the listing returns. webhook_url: https, says the provider. Raises :class:`ValueError`.

    What ``sync_mode`` means over there (its "Sync mode" guide) is said of a whole video and one sound: bounce and loop
    repeat the VIDEO until the sound ends and cut it where it is longer; remap stretches the video; cut_off ends with
    the shorter of the two; silence pads a shorter sound. What becomes of a single segment's length is not said.
    """
    if sync_mode not in SYNC_MODES or model not in MODELS:
        raise ValueError(f"There is no mode {sync_mode!r} or no model {model!r}.")
    _checked_name(output_name)
    ordered = sorted(segments, key=lambda segment: float(segment["start"]))
    used = dict.fromkeys(str(segment["ref"]) for segment in ordered)
    if missing := [ref for ref in used if ref not in sounds]:
        raise ValueError(f"There is no sound {missing[0]!r}.")
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
    """What a webhook's call says, when it was signed with ``secret`` within five minutes of ``now``.

    header: ``Sync-Signature``, ``t=<time>,v1=<hex>``, HMAC-SHA256 over ``"{t}.{body}"`` with the secret as it is
    written, ``whsec_`` and all. body: as it arrived, not parsed and written again. now: seconds since 1970. Not said
    anywhere: whether ``t`` counts seconds or milliseconds (both are read), how often a call is repeated, and how old
    one may be, so the five minutes are ours. Every ``v1`` counts, as where a secret is being changed. A notice is a
    reason to look the generation up, not its result: whoever acts on it asks with the key.

    Raises :class:`WebhookRefused`, and :class:`InvalidResponse` for a signed body that is no generation.
    """
    stamp, signatures = _signature(header or "")
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    # No way out before all were compared, and none that depends on where they differ.
    matches = [hmac.compare_digest(expected, given.encode("utf-8", "surrogatepass")) for given in signatures]
    if not secret or not any(matches):
        raise WebhookRefused("The signature is not right.")
    sent_at = int(stamp) / 1000 if int(stamp) >= MILLISECONDS_FROM else float(stamp)
    if abs(now - sent_at) > TOLERANCE_SECONDS:
        raise WebhookRefused("The signature is too old, or the clocks differ.")
    generation = read_generation(_object(body))
    return Notice(generation, sent_at, f"{generation.id}:{stamp}")


def read_generation(entry: Mapping[str, Any]) -> Generation:
    """A generation from its JSON, as the API and the webhook give it. Raises :class:`InvalidResponse`."""
    try:
        status = Status(str(entry.get("status")).upper().replace("CANCELLED", "CANCELED"))
    except ValueError:
        raise InvalidResponse("The lip-sync provider reports a state that is not known here.") from None
    # The same address under two names: the first one is the older.
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
    """Seconds to wait before attempt ``attempt + 1`` (0 after the first), for polls and for failures.

    Exponential backoff with full jitter: uniform between 0 and the doubled delay, so that many waiters do not come
    back together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). What the provider asks for
    in ``Retry-After`` is waited first, up to a quarter of an hour, the jitter on top of it.
    """
    most = min(MAX_DELAY, FIRST_DELAY * 2 ** min(max(attempt, 0), MAX_DOUBLINGS))
    asked = min(max(retry_after or 0.0, 0.0), MAX_RETRY_AFTER)
    return max(MIN_DELAY, asked + draw(0.0, most))


class _VideoFile:
    """What a download is written into: a file that takes no more than a page's worth of anything but a video."""

    def __init__(self, file: BinaryIO, check: Callable[[], object]) -> None:
        self._file = file
        self._check = check
        self._head = b""
        self.size = 0

    def write(self, block: bytes) -> int:
        """Raises :class:`InvalidResponse` for what is no video and too long for an error, and what ``check`` does."""
        self._check()
        if len(self._head) < ENOUGH_BYTES:
            self._head += block[: ENOUGH_BYTES - len(self._head)]
        self.size += len(block)
        if self.size > MAX_PAGE_BYTES and self.kind is None:
            raise InvalidResponse("What lies at the result's address is no video.")
        return self._file.write(block)

    @property
    def kind(self) -> Kind | None:
        """What it is when it is a video."""
        kind = sniff(self._head)
        return kind if kind is not None and kind.family == "video" else None


def _fetched(answer: outbound.Answer, into: _VideoFile) -> Fetched:
    """What was downloaded. Raises :class:`ProviderError`."""
    status = answer.status
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = _retry_after(answer.headers.get("retry-after"))
        raise RetryLater(f"The result cannot be fetched now ({status}).", retry_after=after)
    if status in LINK_IS_OVER:
        raise LinkExpired(f"The result's address does not open any more ({status}).")
    content_type = answer.headers.get("content-type", "").strip().lower()
    kind = into.kind
    if status != HTTPStatus.OK or kind is None or (content_type and not content_type.startswith(VIDEO_TYPES)):
        raise InvalidResponse(f"What lies at the result's address is no video ({status}).")
    return Fetched(into.size, kind)


def _sent(
    method: str,
    url: str,
    rules: outbound.Rules,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    into: BinaryIO | None = None,
) -> outbound.Answer:
    """One request. Raises :class:`RetryLater`, and of :mod:`~vodplatform.core.web.outbound` what is final."""
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
    """Whether a conflict is with a request that is still being worked on, or may have been."""
    if status != HTTPStatus.CONFLICT:
        return False
    return not code.upper().startswith("IDEMPOTENCY_") or UNDER_WAY.search(code) is not None


def _generation_id(answer: outbound.Answer) -> str:
    """The generation that an ``IDEMPOTENCY_OUTCOME_UNKNOWN`` names; "" without one."""
    code, _ = _error(answer)
    if code.upper() != "IDEMPOTENCY_OUTCOME_UNKNOWN":
        return ""
    generation_id = _text(_object(answer.body).get("generationId"))
    return generation_id if GENERATION_ID.fullmatch(generation_id) else ""


def _error(answer: outbound.Answer) -> tuple[str, str]:
    """Code and end of the sentence of an error: ``{"statusCode", "errorCode", "message", "error"}``, or a page."""
    try:
        body = _object(answer.body)
    except InvalidResponse:
        return "", "."
    message = body.get("message") or body.get("error")
    if isinstance(message, list):  # of a validation: one for each field
        message = "; ".join(str(part) for part in message)
    text = _clean(message).rstrip(".")
    return _code(body), f": {text}." if text else "."


def _code(body: Mapping[str, Any]) -> str:
    """The older pages write ``error_code``, the newer ones ``errorCode``."""
    code = _text(body.get("errorCode")) or _text(body.get("error_code"))
    return code if ERROR_CODE.fullmatch(code) else ""


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidResponse("The lip-sync provider did not answer in JSON.") from None


def _object(body: bytes) -> dict[str, Any]:
    found = _read(body)
    if not isinstance(found, dict):
        raise InvalidResponse("The lip-sync provider's answer cannot be read.")
    return found


def _id_of(entry: Mapping[str, Any]) -> str:
    found = _text(entry.get("id"))
    if GENERATION_ID.fullmatch(found) is None:
        raise InvalidResponse("The lip-sync provider named no generation.")
    return found


def _checked_id(generation_id: str) -> str:
    if GENERATION_ID.fullmatch(generation_id) is None:
        raise ValueError("This is no id of a generation.")
    return quote(generation_id, safe="")


def _checked_name(output_name: str) -> str:
    if OUTPUT_NAME.fullmatch(output_name) is None:
        raise ValueError("An output's name has 8 to 255 of A-Z, a-z, 0-9, '_' and '-'.")
    return output_name


def _ours(entry: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a listed generation that come from its request."""
    yield from (_text(entry.get(name)) for name in ("outputFileName", "webhookUrl", "outputUrl", "outputMediaUrl"))
    inputs = entry.get("input")
    for part in inputs if isinstance(inputs, list) else []:
        if isinstance(part, dict):
            yield _text(part.get("url"))


def _segment(segment: Mapping[str, Any]) -> dict[str, Any]:
    """One segment in the provider's words. Raises :class:`ValueError`."""
    start, end = float(segment["start"]), float(segment["end"])
    crop = (segment.get("from"), segment.get("to"))
    if (crop[0] is None) != (crop[1] is None):
        raise ValueError("A sound is cropped at both ends or at none.")
    sound: dict[str, Any] = {"refId": str(segment["ref"])}
    if crop[0] is not None and crop[1] is not None:
        sound |= {"startTime": float(crop[0]), "endTime": float(crop[1])}
    return {"startTime": start, "endTime": end, "audioInput": sound}


def _with_name(webhook_url: str, output_name: str) -> str:
    parts = urlsplit(webhook_url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("output", output_name)])
    return urlunsplit(parts._replace(query=query))


def _signature(header: str) -> tuple[str, list[str]]:
    """Time and signatures of the header. Raises :class:`WebhookRefused`."""
    named = [part.strip().partition("=") for part in header[:MAX_SIGNATURE_LETTERS].split(",")]
    times = [value for name, _, value in named if name == "t"]
    signatures = [value for name, _, value in named if name == "v1"]
    if len(times) != 1 or TIMESTAMP.fullmatch(times[0]) is None:
        raise WebhookRefused("There is no signature.")
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
    """Foreign words for people: one line, bounded, and of addresses only host and file: the rest may be signed."""
    # Cut before the search: its time grows with the text.
    text = "".join(sign if sign.isprintable() else " " for sign in _text(value)[: 8 * MAX_ERROR_LETTERS])
    return " ".join(ADDRESS.sub(_shown_address, text).split())[:MAX_ERROR_LETTERS]


def _shown_address(found: re.Match[str]) -> str:
    host, path = found[1], found[2] or ""
    return f"{host}{'/…' if path.count('/') > 1 else ''}{path[path.rfind('/') :] if path else ''}"


def _retry_after(text: str | None) -> float | None:
    """Seconds that an answer asks to wait: a number or a date (RFC 9110, 10.2.3); None when it does not say."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
