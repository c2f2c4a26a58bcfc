"""The sync.so engine: request a generation, wait without occupying a worker, download the result.

See docs/design/0016-dubbing.md on retries and cancellation.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F

from jobs_app.context import JobContext, JobFailed, LeaseLost, TransientFault
from jobs_app.models import Job, JobEvent, JobStatus
from media_app.videos.ingest import facts_of, scan_file
from media_app.videos.media_urls import LONGEST_SECONDS, rendition_url, stream_url
from sessions_app.prosync.models import Engine, ProJob
from sessions_app.prosync.providers import local, syncso
from sessions_app.prosync.providers.syncso import Generation, Status, SyncSo
from sessions_app.prosync.providers.work import Made, Work
from vodplatform.core.files.storage import StoreFull
from vodplatform.core.web import outbound, signing

T = TypeVar("T")
logger = logging.getLogger("vodplatform.prosync")
# A job fails this many seconds after its first wait for the provider. The input URLs are valid for longer.
DEADLINE_SECONDS = 12 * 3600.0
MAX_INVALID_ANSWERS = 8
# Maximum size of a result: ``MAX_FACTOR`` times the source's size, but not less than ``MIN_MAX_BYTES``.
MAX_FACTOR, MIN_MAX_BYTES = 8, 256 * 1024**2
# A result is rejected if it is more than ``LENGTH_FACTOR`` times longer or shorter than its source. The tolerance is
# wide, because the provider also charges for rejected results. Durations below ``LENGTH_SECONDS`` count as
# ``LENGTH_SECONDS`` here.
LENGTH_FACTOR, LENGTH_SECONDS = 2.0, 1.0
WATCH_SECONDS = 0.5
# A cancel request is retried for ``CANCEL_SECONDS``. One request times out after ``CANCEL_REQUEST_SECONDS``.
CANCEL_SECONDS, CANCEL_REQUEST_SECONDS = 30.0, 10.0
FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSED = "provider_refused"
WEBHOOK = "/api/v1/sync/webhooks/syncso"
UNAVAILABLE_MESSAGE = "The lip-sync provider is unavailable or busy; retrying"
SETUP = "The lip-sync provider is not set up correctly on this server. Contact the administrator."
SENTENCES = {
    Status.FAILED: ("generation_failed", "The lip-sync provider could not generate the video. Try again."),
    Status.REJECTED: (
        "generation_rejected",
        "The lip-sync provider rejected the request. Check the video and the sounds.",
    ),
    Status.CANCELED: ("generation_cancelled", "The lip-sync provider cancelled the generation. Try again."),
    Status.TIMED_OUT: ("generation_failed", "The lip-sync provider took too long. Try again."),
}
GENERATION_FAILURES = frozenset(kind for kind, _ in SENTENCES.values())


def client(context: JobContext | None = None, *, seconds: float | None = None) -> SyncSo:
    rules = outbound.Rules(
        seconds=seconds or syncso.API_RULES.seconds, connect_seconds=syncso.API_RULES.connect_seconds,
        allow_private=settings.SYNCSO["allow_private"],
    )  # fmt: skip
    check = context.check if context else lambda: None
    try:
        return SyncSo(settings.SYNCSO["key"], base_url=settings.SYNCSO["url"], rules=rules, check=check)
    except ValueError as exc:
        raise syncso.RequestNotSent(str(exc)) from exc


def replace_speech(work: Work) -> Made:
    provider = _call_provider(work, lambda: client(work.context))
    generation = _call_provider(work, lambda: _get_or_create_generation(work, provider))
    if not generation.is_over:
        polls = _saved(work, "polls")
        _wait(
            work,
            syncso.next_delay(polls),
            f"Status at the lip-sync provider: {generation.status.lower()}",
            polls=polls + 1,
        )
    if generation.status != Status.COMPLETED:
        _give_up(work, generation)
    path, facts = _call_provider(work, lambda: _download_result(work, provider, generation))
    scan_file(work.context, path)
    path, more = local.remove_text_if_requested(work, path, (work.share[1] - 5, work.share[1]))
    return Made(path, {
        "engine": "syncso", "model": work.row.options["model"] or syncso.MODELS[0], "duration": facts["duration"],
        "picture": "provider", "sound": "provider", "segments": [{} for _ in work.segments], **more,
    })  # fmt: skip


def _get_or_create_generation(work: Work, provider: SyncSo) -> Generation:
    row = work.row
    if row.generation_id:
        return provider.get(row.generation_id)
    name = _name(row)
    found = None
    if row.asked is None:
        _update_row(work, asked=_request(row, name))
    else:
        # A previous attempt of the job may have created the generation without storing its id, so search for it first.
        found = provider.find(name)
    assert row.asked is not None
    generation_id = found.id if found else ""
    try:
        generation_id = generation_id or provider.create(row.asked, name)
        _update_row(work, generation_id=generation_id)
    except (syncso.ProviderError, LeaseLost) as exc:
        _cancel_if_job_stopped(row, generation_id)
        if isinstance(exc, syncso.RefusedForGood) and exc.code.startswith("IDEMPOTENCY_"):
            raise syncso.RetryLater(str(exc), code=exc.code) from exc
        raise
    return found or Generation(generation_id, Status.PENDING)


def _name(row: ProJob) -> str:
    return f"{row.pk.hex}-{row.generations}"


def _update_row(work: Work, **values: Any) -> None:
    with work.context.lock_lease():
        ProJob.objects.filter(pk=work.row.pk).update(**values)
        # Read the values back, so that the first attempt sends the stored request, as retries do. The database can
        # rewrite JSON numbers, and the provider rejects a different request with the same idempotency key.
        work.row.refresh_from_db(fields=list(values))


def _request(row: ProJob, name: str) -> dict[str, Any]:
    if not settings.PUBLIC_URL:
        raise syncso.RequestNotSent("VOD_PUBLIC_URL is not set, so the lip-sync provider cannot fetch the video.")
    sounds = {}
    for ref, made in row.sound_files.items():
        made.video = row.video
        sounds[ref] = _absolute(rendition_url(made, LONGEST_SECONDS))
    segments = []
    for segment in row.job.segments_data or []:
        sound = segment["audioInput"]
        segments.append({
            "start": segment["startTime"], "end": segment["endTime"], "ref": sound["refId"],
            "from": sound.get("startTime"), "to": sound.get("endTime"),
        })  # fmt: skip
    return syncso.build_request(
        _absolute(stream_url(row.video, LONGEST_SECONDS)), sounds, segments, output_name=name,
        sync_mode=row.options["sync_mode"], model=row.options["model"] or syncso.MODELS[0],
        # Send the webhook's URL even if no secret is set: :meth:`SyncSo.find` looks for the output name in this URL.
        webhook_url=_absolute(WEBHOOK) if settings.PUBLIC_URL.startswith("https://") else None,
    )  # fmt: skip


def _absolute(address: str) -> str:
    return f"{settings.PUBLIC_URL}{address}"


def _call_provider(work: Work, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except syncso.InvalidResponse as exc:
        heard = _saved(work, "nonsense") + 1
        if heard >= MAX_INVALID_ANSWERS:
            raise JobFailed("provider_nonsense", f"{exc} This happened {heard} times.") from exc
        _wait(work, syncso.next_delay(heard), UNAVAILABLE_MESSAGE, nonsense=heard, polls=_saved(work, "polls"))
    except syncso.RetryLater as exc:
        failures = _saved(work, "failures") + 1
        _wait(
            work,
            syncso.next_delay(failures, exc.retry_after),
            UNAVAILABLE_MESSAGE,
            failures=failures,
            polls=_saved(work, "polls"),
        )
    except (syncso.AccountRefused, syncso.RequestNotSent) as exc:
        logger.error("error", extra={"data": {"provider": str(exc)}})
        if isinstance(exc, syncso.RequestNotSent):
            raise JobFailed("provider_setup", SETUP) from exc
        raise JobFailed(
            "provider_account", "The lip-sync provider rejects this server's account. Contact the administrator."
        ) from exc
    except syncso.RefusedForGood as exc:
        if not work.row.generation_id:
            _start_new_generation_if_expired(work)
        raise JobFailed(REFUSED, str(exc)) from exc


def _wait(work: Work, seconds: float, message: str, **state: int) -> NoReturn:
    work.context.wait(state, seconds=seconds, deadline_seconds=DEADLINE_SECONDS, message=message)


def _saved(work: Work, name: str) -> int:
    return int((work.context.saved or {}).get(name, 0))


def _give_up(work: Work, generation: Generation) -> NoReturn:
    if generation.status == Status.CANCELED and JobEvent.objects.filter(job=work.row.pk, name="cancelled").exists():
        _start_new_generation(work)
    _start_new_generation_if_expired(work)
    kind, sentence = SENTENCES[generation.status]
    reason = f" Its message: {generation.error}" if generation.error else ""
    raise JobFailed(kind, f"{sentence}{reason}")


def _start_new_generation_if_expired(work: Work) -> None:
    if work.row.asked is not None and _url_expiry(work.row.asked) < time.time():
        _start_new_generation(work)


def _start_new_generation(work: Work) -> NoReturn:
    with work.context.lock_lease():
        _abandon_generation(work.row)
    _wait(work, syncso.next_delay(0), "Sending a new request to the lip-sync provider")


def _url_expiry(asked: dict[str, Any]) -> float:
    (token,) = parse_qs(urlsplit(asked["input"][0]["url"]).query)["sig"]
    return signing.expiry_of(token)


def _abandon_generation(row: ProJob) -> None:
    ProJob.objects.filter(pk=row.pk, generations=row.generations).update(
        generation_id="", asked=None, generations=F("generations") + 1
    )


def _download_result(work: Work, provider: SyncSo, generation: Generation) -> tuple[Path, dict[str, Any]]:
    path = work.folder / "generation"
    work.context.progress(work.share[0] + 10, "Downloading the result")
    most = max(MIN_MAX_BYTES, MAX_FACTOR * (work.row.video.file_size or 0))

    def download() -> syncso.Fetched:
        with path.open("w+b") as file:
            return provider.download(generation.output_url, file, most)

    try:
        kind = _run_interruptibly(work.context, download).kind
    except OSError as exc:
        if exc.errno in FULL:
            raise StoreFull from exc
        raise
    named = path.with_suffix(f".{kind.extension}")
    path.rename(named)
    return named, _probe_result(work, named)


def _run_interruptibly(context: JobContext, fetch: Callable[[], T]) -> T:
    """Run ``fetch`` in a thread, so that a stalled server cannot delay the job's cancellation.

    ``fetch`` must not use the database.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(fetch())
        except BaseException as exc:
            answer.set_exception(exc)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    while not wait([answer], WATCH_SECONDS).done:
        context.check()
    return answer.result()


def _probe_result(work: Work, path: Path) -> dict[str, Any]:
    """Return facts about the result.

    Raise :class:`syncso.InvalidResponse` if another download may help, :class:`TransientFault` if a retry of the job
    may help, and otherwise :class:`JobFailed`.
    """
    try:
        facts = facts_of(work.context, path)
    except TransientFault:
        raise
    except JobFailed as exc:
        raise syncso.InvalidResponse("The lip-sync provider's result cannot be read as a video.") from exc
    if facts["truncated"]:
        raise syncso.InvalidResponse("The lip-sync provider's result is incomplete.")
    expected = work.row.video.duration
    apart = max(facts["duration"], LENGTH_SECONDS) / max(expected, LENGTH_SECONDS)
    if not facts["width"] or not 1 / LENGTH_FACTOR <= apart <= LENGTH_FACTOR:
        lasts = f"{facts['duration']:.1f} s instead of {expected:.1f} s"
        sentence = f"The lip-sync provider's result does not match the video: the result lasts {lasts}."
        raise JobFailed("provider_nonsense", sentence)
    return facts


def ended(job: Job) -> None:
    """Stop the generation of a cancelled job. After a failed generation, let a retry of the job request a new one.

    Call in the transaction that ends the job.
    """
    row = ProJob.objects.filter(pk=job.pk, engine=Engine.SYNCSO).first()
    if row is None or (row.asked is None and not row.generation_id):
        return
    if job.status == JobStatus.CANCELLED:
        transaction.on_commit(lambda: _cancel_in_background(_name(row), row.generation_id), robust=True)
    elif job.status == JobStatus.FAILED:
        kind = (job.error or {}).get("type")
        # Abandon a generation only if the provider refused to start it, or could not complete it. After other
        # faults, such as a refused download, a retry of the job uses the generation, which is already paid.
        if kind in GENERATION_FAILURES or (kind == REFUSED and not row.generation_id):
            _abandon_generation(row)


def deleted(row: ProJob) -> None:
    """Stop an unfinished generation after the transaction that deletes its job."""
    if row.engine == Engine.SYNCSO and row.generation_id and row.outcome is None:
        name, generation_id = _name(row), row.generation_id
        transaction.on_commit(lambda: _cancel_in_background(name, generation_id), robust=True)


def _cancel_if_job_stopped(row: ProJob, generation_id: str) -> None:
    """Stop the generation if its job was cancelled or deleted, because perhaps no other process knows its id."""
    if not ProJob.objects.filter(pk=row.pk).exclude(job__status=JobStatus.CANCELLED).exists():
        _cancel_in_background(_name(row), generation_id)


def _cancel_in_background(name: str, generation_id: str) -> None:
    """Ask the provider, in a thread, to cancel a generation. generation_id: "" if only its output name is known."""
    try:
        provider = client(seconds=CANCEL_REQUEST_SECONDS)
    except syncso.ProviderError:
        return
    threading.Thread(target=_cancel, args=(provider, name, generation_id), name="stop").start()


def _cancel(provider: SyncSo, name: str, generation_id: str) -> None:
    until, attempt = time.monotonic() + CANCEL_SECONDS, 0
    data = {"name": name, "generation": generation_id}
    while True:
        try:
            found = generation_id or ((listed := provider.find(name)) and listed.id)
            if found and not provider.cancel(found):
                logger.info("generation not stopped by provider", extra={"data": data})
            return
        except syncso.ProviderError as exc:
            pause = syncso.next_delay(attempt, exc.retry_after)
            attempt += 1
            if isinstance(exc, syncso.RefusedForGood) or time.monotonic() + pause > until:
                logger.warning("generation not cancelled", extra={"data": {**data, "why": str(exc)}})
                return
        threading.Event().wait(pause)
