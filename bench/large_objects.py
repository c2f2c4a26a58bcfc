"""``python -m bench.large_objects FOLDER SEED``: fill a data folder with one account's largest objects, for R8.

Writes rows directly where the API would be too slow. Writes the objects' ids, keys and cookies to ``about.json``.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report import PROJECT_ROOT

if TYPE_CHECKING:
    from sessions_app.comparison.models import ComparisonSession
    from vodplatform.accounts.models import User

BATCH = 2_000
EVENTS, REPLIES, SHARES, LINKS, OFFSETS, ALIGNMENTS = 10_000, 200, 200, 50, 5_000, 20
VIDEOS, CATALOGUE_VIDEOS, JOBS, AUDIT_ENTRIES, TOKENS, REPORTS = 3_000, 2_000, 5_000, 10_000, 100, 2_000
MERGES, CLIPS, CHUNKS, ANALYSES, PRO_JOBS, SOUNDS, GUESSES = 20, 10, 25_000, 40, 40, 50, 2_000
LIBRARY_FILES, OPERATIONS, TRACKS, CUES = 20_000, 5_000, 10, 18_000
KINDS = ("kill", "death", "comment", "objective")

OWNER = "bench"

Ids = dict[str, str]


def make_in_child(folder: Path, seed: int) -> None:
    argv = [sys.executable, "-m", "bench.large_objects", str(folder), str(seed)]
    subprocess.run(argv, cwd=PROJECT_ROOT, env={**os.environ, "VOD_LOG_LEVEL": "ERROR"}, check=True)


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    os.environ |= {"VOD_DATA_DIR": str(folder / "data"), "DJANGO_SETTINGS_MODULE": "bench.filling_settings"}
    import django

    django.setup()
    from django.contrib.auth.models import Group
    from django.core.management import call_command
    from django.db import transaction

    from tests.contract.places import browser
    from tests.support.factories import make_key
    from vodplatform.accounts.models import User

    call_command("migrate", verbosity=0)
    (folder / "library").mkdir()
    for number in range(LIBRARY_FILES):
        (folder / "library" / f"recording {number:05}.mp4").touch()
    with transaction.atomic():
        # The users get no passwords, because hashing a password takes longer than creating a thousand rows.
        owner, other, moderator, admin = (
            User.objects.create(username=name, role=role)
            for name, role in ((OWNER, "user"), ("other", "user"), ("moderator", "moderator"), ("admin", "admin"))
        )
        owner.groups.add(Group.objects.create(name=OWNER))
        about = {
            "ids": fill(owner, moderator, random.Random(seed)),
            "key": make_key(owner), "other_key": make_key(other), "admin_key": make_key(admin),
            "cookie": browser(owner).cookies["sessionid"].value,
            "admin_cookie": browser(admin).cookies["sessionid"].value,
        }  # fmt: skip
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def fill(owner: User, moderator: User, rng: random.Random) -> dict[str, Ids]:
    """Create the rows. Return the ids to put into API paths, by kind of object (see :func:`ids_of`)."""
    session = large_session(owner, rng)
    _surround(session, owner, moderator)
    _library(owner, rng)
    _jobs(owner)
    catalogue = _catalogue(moderator, rng)
    merge, challenge = _challenges(owner)
    return {
        "session": _ids_of_session(session),
        "library": {"video_id": str(_with_tracks(owner))},
        "catalogue": {"video_id": str(catalogue), "track_id": str(_tracks(catalogue))},
        "analysis": {"session_id": str(_analyses(owner))},
        "merge": {"merge_id": str(merge)},
        "challenge": {"challenge_id": str(challenge)},
        "pro": {"job_id": str(_pro_jobs(owner))},
        "upload": {"upload_id": str(_upload(owner))},
        "accounts": {"token_id": str(_account(owner))},
    }


def ids_of(path: str) -> str:
    """Return which kind of object an API path refers to, as a key of :func:`fill`'s result; "" for none."""
    if "{" not in path:
        return ""
    beginnings = {
        "/api/sessions/multi-vod": "session", "/api/v1/library": "library", "/api/v1/media": "library",
        "/api/v1/videos": "catalogue", "/api/v1/text-tracks": "catalogue", "/api/v1/video/": "analysis",
        "/api/v1/challenge-videos/merge-session": "merge", "/api/v1/challenge-videos/upload": "upload",
        "/api/v1/challenges": "challenge", "/api/v1/sync/pro-job": "pro", "/api/v1/uploads": "upload",
        "/api/auth/tokens": "accounts",
    }  # fmt: skip
    return next((name for beginning, name in beginnings.items() if path.startswith(beginning)), "")


def large_session(owner: User, rng: random.Random, count: int = EVENTS) -> ComparisonSession:
    from sessions_app.comparison.models import SessionEvent
    from tests.support.factories import make_session

    session = make_session(owner, offsets=(0.0, 12.5, -7.25), ui_state={"words": "a" * 60_000})
    vods = list(session.vods.all())
    events = []
    for number in range(count):
        vod = vods[number % 3]
        at = number // 3 * 0.05 + rng.random() * 0.01
        event = SessionEvent(
            session=session, vod=vod, time=at + max(0.0, vod.offset), kind=rng.choice(KINDS), label=f"moment {number}",
            created_by=owner, created_by_name=owner.username,
        )  # fmt: skip
        events.append(event)
    SessionEvent.objects.bulk_create(events, batch_size=BATCH)
    return session


def _surround(session: ComparisonSession, owner: User, moderator: User) -> None:
    from sessions_app.comparison import models as m
    from tests.support.factories import make_alignment, make_link, make_reply, make_share, proposal
    from vodplatform.accounts.models import User

    event = make_reply(session).event
    reply = {"event": event, "created_by": owner, "created_by_name": owner.username}
    m.EventReply.objects.bulk_create(m.EventReply(body=f"@{owner.username} " * 80, **reply) for _ in range(REPLIES))
    people = User.objects.bulk_create(
        User(username=f"friend-{number}", username_key=f"friend-{number}") for number in range(SHARES)
    )
    m.SessionShare.objects.bulk_create(m.SessionShare(session=session, user=one) for one in people[:-1])
    make_share(session, moderator)
    for _ in range(LINKS - 1):
        make_link(session)
    keys = list(session.events.values_list("pk", flat=True)[:5_000])
    m.Mention.objects.bulk_create([m.Mention(event_id=key, user=owner) for key in keys], batch_size=BATCH)
    vod = session.vods.all()[1]
    change = {"session": session, "vod": vod, "old_offset": 0.0, "new_offset": 1.0, "source": "manual"}
    m.OffsetChange.objects.bulk_create(
        [m.OffsetChange(changed_by="-", changed_by_name=owner.username, **change) for _ in range(OFFSETS)],
        batch_size=BATCH,
    )
    readings = [{"time": 1.5 * number, "text": "1:23", "value": 83.0} for number in range(500)]
    for _ in range(ALIGNMENTS):
        make_alignment(session, proposals=[proposal("vod-2", -5.0, readings=readings), proposal("vod-3", 3.0)])


def _ids_of_session(session: ComparisonSession) -> Ids:
    event = session.events.filter(replies__isnull=False).first()
    alignment, link, share = session.alignments.first(), session.links.first(), session.shares.first()
    assert event and alignment and link and share
    reply = event.replies.first()
    assert reply
    return {
        "session_id": session.session_id, "vod_id": "vod-1", "job_id": str(alignment.job_id),
        "event_id": str(event.pk), "reply_id": str(reply.pk), "share_id": str(share.pk), "link_id": str(link.pk),
    }  # fmt: skip


def _library(owner: User, rng: random.Random) -> None:
    from media_app.videos.models import Video, VideoSource

    rows = [
        Video(
            owner=owner, title=f"{rng.choice(KINDS)} recording {number} " + "wide " * 30, description="words " * 300,
            tags=[f"tag {rng.randrange(2_000)} " + "b" * 40 for _ in range(50)], source=VideoSource.REFERENCE,
            location=f"/nowhere/{number}.mp4", file_size=1_000, mime_type="video/mp4", duration=60.0,
            search_text="words " * 300,
        )
        for number in range(VIDEOS)
    ]  # fmt: skip
    Video.objects.bulk_create(rows, batch_size=500)


def _with_tracks(owner: User) -> uuid.UUID:
    from tests.contract.places import stored_video

    video = stored_video(owner)
    _tracks(video.pk)
    return uuid.UUID(str(video.pk))


def _tracks(video_id: uuid.UUID) -> uuid.UUID:
    from media_app.videos.models import TextTrack

    content = "WEBVTT\n" + "\n00:01.000 --> 00:02.000\na\n" * CUES
    rows = TextTrack.objects.bulk_create(
        TextTrack(
            video_id=video_id, kind="captions", language=f"e{chr(97 + number)}", content=content, cue_count=CUES,
            search_text="a\n" * CUES,
        )
        for number in range(TRACKS)
    )  # fmt: skip
    return uuid.UUID(str(rows[0].pk))


def _jobs(owner: User) -> None:
    from jobs_app.models import Job

    result = {"reference": "vod-1", "proposals": [], "words": "a" * 500}
    rows = [
        Job(
            kind="comparison.align", lane="align", owner=owner, status="completed", admitted=False, result=result,
            params={"session_id": "comp-none", "videos": []}, message="a" * 200,
        )
        for _ in range(JOBS)
    ]  # fmt: skip
    Job.objects.bulk_create(rows, batch_size=BATCH)


def _catalogue(moderator: User, rng: random.Random) -> uuid.UUID:
    from django.utils import timezone

    from bench import catalogue_lists
    from bench.sync_calls import operation
    from media_app.catalogue.models import CrdtOperation, VideoReport
    from media_app.videos.models import Video
    from tests.support.catalogue import make_catalogue_video

    catalogue_lists.fill(moderator, CATALOGUE_VIDEOS, rng)
    video = make_catalogue_video(moderator, title="many operations", description="words " * 3_000, location="v/1.mp4")
    actor = str(moderator.pk)
    rows = []
    for number in range(OPERATIONS):
        one = operation(rng, actor, number + 1)
        one["operation_data"]["value"] = "a" * 300
        one.pop("timestamp")
        rows.append(CrdtOperation(video=video, actor=actor, counter=number + 1, writer=moderator.pk,
                                  timestamp=timezone.now(), **one))  # fmt: skip
    CrdtOperation.objects.bulk_create(rows, batch_size=BATCH)
    Video.objects.filter(pk=video.pk).update(vector_clock={f"{uuid.uuid4()}:{n}": 1 for n in range(900)})
    others = list(Video.objects.filter(place="catalogue").values_list("pk", flat=True)[:REPORTS])
    VideoReport.objects.bulk_create(
        [VideoReport(video_id=key, reporter=moderator, reason="spam", text="a" * 1_000) for key in others],
        batch_size=BATCH,
    )
    return uuid.UUID(str(video.pk))


def _challenges(owner: User) -> tuple[uuid.UUID, uuid.UUID]:
    from django.db.models.functions import Now

    from sessions_app.challenges.models import ChallengeReport, Guess
    from tests.support.factories import make_challenge, make_merge

    for _ in range(MERGES):
        make_merge(owner, count=CLIPS)
    merge = make_merge(owner, count=CLIPS, status="completed")
    challenge = make_challenge(owner, merge=merge, texts=["a" * 300] * CLIPS, is_published=True)
    Guess.objects.bulk_create(
        [Guess(challenge=challenge, guest=uuid.uuid4(), statement_index=0, is_correct=False) for _ in range(GUESSES)],
        batch_size=BATCH,
    )
    ChallengeReport.objects.bulk_create(
        ChallengeReport(challenge=challenge, reporter=owner, reason="a" * 1_000, outcome="a", settled_at=Now())
        for _ in range(200)
    )
    return uuid.UUID(str(make_merge(owner, count=CLIPS).pk)), uuid.UUID(str(challenge.pk))


def _analyses(owner: User) -> uuid.UUID:
    from sessions_app.analysis.models import AnalysisSession
    from tests.support.factories import make_analysis

    last = make_analysis(owner, status="completed")
    highlights = [
        {"start_time": float(n), "end_time": n + 0.5, "score": 0.5, "reasons": ["sound"], "description": "a" * 200}
        for n in range(300)
    ]
    data = {"summary": "", "duration": 36_000.0, "segments": highlights, "highlights": highlights}
    AnalysisSession.objects.filter(pk=last.pk).update(data=data)
    for _ in range(ANALYSES):
        make_analysis(owner)
    return uuid.UUID(str(last.pk))


def _pro_jobs(owner: User) -> uuid.UUID:
    from sessions_app.prosync.models import ProJob
    from tests.support.factories import make_pro_job

    sounds = [
        {"ref": f"audio-{number}", "filename": "a" * 200, "seconds": 600.0, "peaks": [0.5] * 500}
        for number in range(SOUNDS)
    ]
    for _ in range(PRO_JOBS):
        last = make_pro_job(owner, status="completed")
    ProJob.objects.filter(owner=owner).update(sounds=sounds)
    return uuid.UUID(str(last.pk))


def _upload(owner: User) -> uuid.UUID:
    from media_app.uploads import services as uploads
    from media_app.uploads.models import UploadChunk, UploadProtocol

    size = 65_536
    upload = uploads.begin_upload(
        owner, front=UploadProtocol.CHUNKS, purpose="library", filename="a" * 250 + ".mp4", size=CHUNKS * 10_000,
        chunk_size=size,
    )  # fmt: skip
    count = CHUNKS * 10_000 // size
    UploadChunk.objects.bulk_create(
        [UploadChunk(upload=upload, number=n, size=size, sha256="a" * 64, key=f"none/{n}") for n in range(count)],
        batch_size=BATCH,
    )
    return uuid.UUID(str(upload.pk))


def _account(owner: User) -> uuid.UUID:
    from vodplatform.accounts.models import ApiToken
    from vodplatform.core.models import AuditEntry

    for number in range(TOKENS):
        token = ApiToken.issue(owner, name=f"token {number}")[0]
    entry: dict[str, Any] = {"actor_id": str(owner.pk), "actor_name": owner.username, "data": {"words": "a" * 300}}
    AuditEntry.objects.bulk_create(
        [AuditEntry(action=f"action.{n % 40}", target_type="video", target_name="a" * 150, **entry)
         for n in range(AUDIT_ENTRIES)],
        batch_size=BATCH,
    )  # fmt: skip
    return uuid.UUID(str(token.pk))


if __name__ == "__main__":
    main()
