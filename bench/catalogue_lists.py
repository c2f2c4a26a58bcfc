"""``python -m bench.catalogue_lists SEED VIDEOS``: measure API calls that list catalogue videos.

The program fills a database with ``VIDEOS`` videos, of which a quarter is hidden and a quarter is not ready to play,
and then prints a line. Standard input contains keys of :data:`LISTS`, one per line. For
each key, the program prints JSON: [database queries, [milliseconds of each call]].
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Any

CALLS = 20
BATCH = 2_000
WORDS = [
    "kick", "box", "final", "round", "training", "camp", "knockout", "guard", "sweep", "title", "belt", "night",
    "replay", "angle", "corner",
]  # fmt: skip
# States of the videos that are not ready to play: (status of the video, status of its job).
NOT_READY = [
    ("processing", "queued"), ("failed", "failed"), ("failed", "failed"), ("failed", ""), ("processing", "failed"),
    ("processing", "cancelled"), ("processing", ""), ("uploading", ""), ("uploading", ""), ("uploading", ""),
]  # fmt: skip
# Measured lists: (query string, user who sends it). The search for `rare8` also finds words that begin with `rare8`. Of
# a thousand videos, two have `rare8`, and 20 have one of `rare80` to `rare89`. The search omits hidden videos, and
# videos that are not ready.
ANYBODY, MODERATOR, ADMIN = "", "moderator", "admin"
LISTS = {
    "first page": ("", ANYBODY),
    "first page, a moderator's": ("", MODERATOR),
    "hundred at once": ("limit=100", ANYBODY),
    "second page of a category": ("category=Category+7&page=2&limit=10", ANYBODY),
    "a category, a moderator's": ("category=Category+7", MODERATOR),
    "featured": ("featured=true", ANYBODY),
    "featured, a moderator's": ("featured=true", MODERATOR),
    "processing, a moderator's": ("status=processing", MODERATOR),
    "failed, a moderator's": ("status=failed", MODERATOR),
    "without a file, a moderator's": ("status=uploading", MODERATOR),
    "hidden, a moderator's": ("hidden=true", MODERATOR),
    "deleted, an admin's": ("status=deleted&limit=5", ADMIN),
    "a rare word": ("search=rare8", ANYBODY),
    "two common words": ("search=kick+final", ANYBODY),
}


def main() -> None:
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from vodplatform.accounts.models import ApiToken, Role, User

    call_command("migrate", verbosity=0)
    moderator = User(username="moderator", role=Role.MODERATOR)
    moderator.save()
    admin = User(username="admin", role=Role.ADMIN)
    admin.save()
    keys = {ANYBODY: "", MODERATOR: ApiToken.issue(moderator)[1], ADMIN: ApiToken.issue(admin)[1]}
    fill(moderator, count, random.Random(seed))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # update the planner's statistics now; PostgreSQL's autovacuum may wait a minute
    print("filled", flush=True)
    for line in sys.stdin:
        query, who = LISTS[line.strip()]
        print(json.dumps(cost(f"/api/v1/videos?{query}", keys[who])), flush=True)


def fill(owner: Any, count: int, rng: random.Random) -> None:
    from django.utils import timezone

    from jobs_app.models import Job
    from media_app.videos.models import Video, VideoScope, VideoSource
    from media_app.videos.search import search_text
    from media_app.videos.upload_handlers import INGEST_KIND

    for first in range(0, count, BATCH):
        rows, jobs = [], []
        for number in range(first, min(count, first + BATCH)):
            title = " ".join([*rng.choices(WORDS, k=3), str(number), f"rare{number % 500}"])
            description, tags = " ".join(rng.choices(WORDS, k=30)), rng.sample(WORDS, 3)
            category = f"Category {rng.randrange(20)}"
            status, job_status = rng.choice(NOT_READY) if number % 4 == 1 else ("ready", "")
            job = Job(kind=INGEST_KIND, lane=INGEST_KIND, owner=owner, status=job_status, admitted=False)
            jobs += [job] if job_status else []
            rows.append(
                Video(
                    owner=owner, place=VideoScope.CATALOGUE, source=VideoSource.STORED,
                    location=f"videos/{number}/1.mp4", title=title, description=description, tags=tags,
                    category=category,
                    is_featured=rng.random() < 0.02, is_hidden=number % 4 == 3, status=status,
                    job=job if job_status else None, file_size=1, mime_type="video/mp4", duration=60.0,
                    search_text=search_text(title, description, category, tags),
                    deleted_at=timezone.now() if rng.random() < 0.01 else None,
                )
            )  # fmt: skip
        Job.objects.bulk_create(jobs)
        Video.objects.bulk_create(rows)


def cost(url: str, key: str) -> tuple[int, list[float]]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Token {key}"} if key else {})
    for _ in range(3):
        answer = client.get(url)
        assert answer.status_code == 200, answer.content
        assert answer.json()["videos"], url
    with CaptureQueriesContext(connection) as seen:
        client.get(url)
    queries = len(seen)  # count the queries now, because the next request empties the query log
    took = []
    for _ in range(CALLS):
        started = time.perf_counter()
        client.get(url)
        took.append(1000 * (time.perf_counter() - started))
    return queries, took


if __name__ == "__main__":
    main()
