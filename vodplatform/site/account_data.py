"""The download of all data of an account."""

from __future__ import annotations

import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from jobs_app.models import Job
from media_app.catalogue.models import CrdtOperation, VideoReport
from media_app.uploads.models import Upload
from media_app.videos.models import TextTrack, Video, VideoView
from sessions_app.analysis.models import AnalysisSession
from sessions_app.challenges.models import Challenge, ChallengeReport, Guess, MergeSession
from sessions_app.comparison.models import (
    Alignment,
    ComparisonSession,
    ComparisonVod,
    EventReply,
    OffsetChange,
    SessionEvent,
    SessionShare,
)
from sessions_app.prosync.models import ProJob
from vodplatform.accounts.models import ApiToken, Subscription, User
from vodplatform.core.errors import DomainError, error_response
from vodplatform.core.files import disk
from vodplatform.core.files.spooled import SpooledFile, outbox
from vodplatform.core.pauses import pause_for_others
from vodplatform.core.records import audit
from vodplatform.core.web.throttles import count_request

ROWS_AT_ONCE = 10  # a row can take 2 MB of memory
WRITERS = 3  # maximum number of files that are written at once, each for a different account
RETRY_SECONDS = 10  # seconds after which a client should try again if the server writes too many files
SWITCH_SECONDS = 0.001  # pause after each row, in which another file's writer can take its turn
# Columns that are secret, name staff, or are only of use to the program.
LEFT_OUT = {
    "password", "digest", "lease_token", "lock_token", "settled_by_id", "withheld_by_id", "username_key",
    "username_skeleton", "search_text", "location", "key", "tail_key", "multipart_id", "parts", "params", "checkpoint",
    "worker", "lease_until", "lock_until", "lock_wanted", "generation_id", "generations",
    "outcome",
}  # fmt: skip
_writers: set[UUID] = set()  # ids of the accounts whose files are being written
_guard = threading.Lock()  # protects `_writers`
_computing = threading.Lock()  # held for one row: two writers at once would take the processors from other requests
ABOUT = """These files contain what this server stores about the account: one JSON list per file, one row per line.

The videos themselves are not included. Download them on the library page. The files contain your events and replies in
other users' comparisons only if you can open these comparisons.
"""


def rows_of(user: User) -> Iterator[tuple[str, QuerySet[Any]]]:
    """Return the name of each file, with the rows that it lists."""
    own = Q(owner=user)
    yield "account", User.objects.filter(pk=user.pk)
    yield "subscriptions", Subscription.objects.filter(user=user)
    yield "tokens", ApiToken.objects.filter(user=user)
    yield "videos", Video.objects.filter(own)
    yield "video_texts", TextTrack.objects.filter(video__owner=user)
    yield "video_views", VideoView.objects.filter(viewer=str(user.pk))
    yield "catalogue_changes", CrdtOperation.objects.filter(writer=str(user.pk))
    yield "catalogue_reports", VideoReport.objects.filter(reporter=user)
    yield "uploads", Upload.objects.filter(own)
    yield "jobs", Job.objects.filter(own)
    yield "comparisons", ComparisonSession.objects.filter(own)
    yield "comparison_videos", ComparisonVod.objects.filter(session__owner=user)
    yield "comparison_offsets", OffsetChange.objects.filter(vod__session__owner=user)
    yield "comparison_alignments", Alignment.objects.filter(session__owner=user)
    yield "comparison_shares", SessionShare.objects.filter(Q(session__owner=user) | Q(user=user))
    shared = SessionShare.objects.filter(user=user).values("session")
    events = Q(session__owner=user) | Q(created_by=user, session__in=shared)
    replies = Q(event__session__owner=user) | Q(created_by=user, event__session__in=shared)
    yield "comparison_events", SessionEvent.objects.filter(events)
    yield "comparison_replies", EventReply.objects.filter(replies)
    yield "analyses", AnalysisSession.objects.filter(own)
    yield "pro_jobs", ProJob.objects.filter(own)
    yield "merges", MergeSession.objects.filter(own)
    yield "challenges", Challenge.objects.filter(own)
    yield "challenge_guesses", Guess.objects.filter(player=user)
    yield "challenge_reports", ChallengeReport.objects.filter(reporter=user)


def write(user: User, file: IO[bytes]) -> None:
    """Write a ZIP file with the account's data."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", ABOUT)
        for name, rows in rows_of(user):
            with archive.open(f"{name}.json", "w") as listing:
                _write_rows(listing, rows)


def _write_rows(listing: IO[bytes], rows: QuerySet[Any]) -> None:
    columns = [field.attname for field in rows.model._meta.concrete_fields if field.attname not in LEFT_OUT]
    sign = "["
    # Not sorted, because SQLite would sort the complete rows in memory.
    for number, row in enumerate(rows.order_by().values(*columns).iterator(ROWS_AT_ONCE), 1):
        pause_for_others()
        if number % ROWS_AT_ONCE == 0 and not disk.has_room():
            raise DomainError("disk_full")
        if len(_writers) > 1:
            time.sleep(SWITCH_SECONDS)
        with _computing:
            listing.write(f"{sign}\n{json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)}".encode())
        sign = ","
    listing.write(b"\n]\n" if sign == "," else b"[]\n")


@contextmanager
def _place(user: User) -> Iterator[bool]:
    """Reserve a place among the writers. Yield False if there is none, or if the account's file is being written."""
    with _guard:
        is_free = user.pk not in _writers and len(_writers) < WRITERS
        if is_free:
            _writers.add(user.pk)
    try:
        yield is_free
    finally:
        if is_free:
            with _guard:
                _writers.discard(user.pk)


@require_GET
@login_required
def download(request: HttpRequest) -> HttpResponseBase:
    user = cast(User, request.user)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":  # a page of another site must not start the download
        return redirect("/account")
    if wait := count_request("account_data", str(user.pk)):
        return error_response("throttled", retry_after=wait)
    if not disk.has_room():
        return error_response("disk_full")
    with _place(user) as is_free:
        if not is_free:
            return error_response("throttled", retry_after=RETRY_SECONDS)
        try:
            file = SpooledFile.written_by(lambda opened: write(user, opened))
        except DomainError as exc:
            return error_response(exc.type.name)
        audit.record("user.data_downloaded", actor=user, target=user)
    headers = {
        "Content-Type": "application/zip",
        "Content-Length": str(file.size),
        "Content-Disposition": content_disposition_header(True, f"{user.username}-{now():%Y-%m-%d}.zip"),
    }
    # Not a FileResponse: Django would read the complete file into memory to send it asynchronously.
    return StreamingHttpResponse(outbox.put(file), headers=headers)
