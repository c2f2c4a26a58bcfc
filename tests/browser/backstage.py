"""A hand behind the program: runs beside it on its database and broker, and does to rows what workers and people do.

``python -m tests.browser.backstage`` reads one JSON list a line, ``[name, arguments]``, and answers one a line,
``[value, what was raised]``. The tests of this folder call it through :class:`Backstage`.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.support.program import Place, clean_environment

if TYPE_CHECKING:
    from tests.browser.films import Film

# No worker looks into this lane, and main() puts off what would end its jobs, so that a queued job stays queued.
NOWHERE = "nowhere"
OWNER = "mira"
TEXTS = (
    "We drove eleven hours in a bread van.",
    "I borrowed the mouse that won the final.",
    "The power went out at match point and we replayed the whole map.",
)


class Backstage:
    """The client's end; each method is a function of the module's ``main``.

    is_used: whether something was called since the last ``clear``.
    """

    def __init__(self, place: Place) -> None:
        self.is_used = False
        settings = {"VOD_DATA_DIR": str(place.data_dir), "DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.backstage"], env=clean_environment({**place.environment, **settings}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(json.dumps([name, arguments]) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            assert answer, f"backstage ended at {name}"
            found, raised = json.loads(answer)
            assert not raised, f"{name}: {raised}"
            self.is_used = name != "clear"
            return found

        return call

    def challenge_of(self, film: "Film", *, owner: str = OWNER, texts: Sequence[str] = TEXTS, **fields: Any) -> str:
        """The id of a challenge that shows a film, published unless it ``is_published=False``."""
        words = [*texts, *([""] * len(film.counts))][: len(film.counts)]
        width, height = film.size
        found: str = self.challenge(
            owner=owner, path=str(film.path), segments=film.segments, width=width, height=height, texts=words,
            **{"lie": 1, "is_published": True, **fields},
        )  # fmt: skip
        return found

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.db import transaction
    from django.db.models import F
    from django.db.models.functions import Now

    from jobs_app import leases, services
    from jobs_app.events import publish, reload_job
    from jobs_app.models import Job
    from media_app.catalogue import services as catalogue
    from media_app.catalogue.models import CrdtOperation, VideoReport
    from media_app.catalogue.realtime import change_and_broadcast
    from media_app.uploads.models import Upload
    from media_app.videos.models import Rendition, RenditionKind, Video
    from sessions_app.analysis import services as analyses
    from sessions_app.analysis.models import AnalysisSession
    from sessions_app.challenges import challenges
    from sessions_app.challenges.models import Challenge, ChallengeReport, MergeSession
    from sessions_app.comparison.models import Alignment, ComparisonSession, OffsetSource
    from sessions_app.prosync.models import ProJob
    from tests.support import factories
    from vodplatform.accounts.browser_sessions import SessionStore
    from vodplatform.accounts.models import ApiToken, Subscription, User
    from vodplatform.core.models import AuditEntry

    def user(name: str) -> User:
        return User.objects.filter(username=name).first() or User.objects.create_user(name, password="x")

    def make(
        owner: str, status: str, name: str = "", minutes: float = 0, announce: bool = True, **fields: Any
    ) -> str:  # fmt: skip
        """A job as old as ``minutes``; with a ``name``, the alignment of a session called so. announce: to watchers."""
        fields = {"lane": NOWHERE, "created_at": Now() - timedelta(minutes=minutes), **fields}
        if status == "processing":
            fields.setdefault("lease_until", Now() + timedelta(days=1))
        if status not in ("queued", "paused"):
            fields.setdefault("started_at", Now() - timedelta(minutes=minutes))
        job = factories.make_job(user(owner), status, **fields)
        if name:
            session = factories.make_session(user(owner), name=name)
            Alignment.objects.create(session=session, job=job, method=OffsetSource.TIMER_OCR)
        if announce:
            publish(reload_job(job.pk))
        return str(job.pk)

    def analysis(
        owner: str, status: str, kind: str = "highlights", hours: float = 24, *,
        fields: dict[str, Any] | None = None, **of_job: Any,
    ) -> list[str]:  # fmt: skip
        """The ids of an analysis and of its job, which came to ``status``; kept for ``hours`` from now."""
        job = make(owner, status, announce=False, kind=kind, **of_job)
        session = AnalysisSession.objects.create(
            owner=user(owner), analysis_type=kind, job_id=job, expires_at=Now() + timedelta(hours=hours),
            **{"name": "Match 2041", **(fields or {})},
        )  # fmt: skip
        publish(reload_job(UUID(job)))
        return [str(session.pk), job]

    def end_analysis(session: str, data: dict[str, Any]) -> bool:
        row = AnalysisSession.objects.get(pk=session)
        AnalysisSession.objects.filter(pk=session).update(data=data)
        assert row.job is not None
        return leases.complete(factories.lease_of(row.job), {})

    def delete_analysis(session: str) -> None:
        row = AnalysisSession.objects.get(pk=session)
        analyses.clean_up(row, by=None)

    def change(job: str, **fields: Any) -> None:
        """Write columns past every rule, and tell watchers."""
        Job.objects.filter(pk=job).update(revision=F("revision") + 1, **fields)
        publish(reload_job(Job.objects.get(pk=job).pk))

    def progress(job: str, percent: float, message: str, left: float | None = None) -> bool:
        return leases.report_progress(factories.lease_of(Job.objects.get(pk=job)), percent, message, left)

    def complete(job: str) -> bool:
        return leases.complete(factories.lease_of(Job.objects.get(pk=job)), {})

    def fail(job: str, type: str, message: str) -> bool:
        return leases.fail(factories.lease_of(Job.objects.get(pk=job)), type, message)

    def delete(job: str) -> None:
        services.delete(Job.objects.get(pk=job))

    def status(job: str) -> str | None:
        row = Job.objects.filter(pk=job).first()
        return row.status if row else None

    def clear(key: str) -> None:
        """No job, no comparison, no analysis, no token but the one with this key, no plan."""
        Alignment.objects.all().delete()
        ComparisonSession.objects.all().delete()
        AnalysisSession.objects.all().delete()
        no_challenges()
        ProJob.objects.all().delete()
        Job.objects.all().delete()
        ApiToken.objects.exclude(digest=ApiToken.digest_of(key)).delete()
        Subscription.objects.all().delete()
        User.objects.update(full_name="", avatar_url="")

    def token(owner: str, name: str, ends_in: float | None = None, used_ago: float | None = None) -> str:
        """A token that ends in so many days (before now when negative), used so many minutes ago."""
        row, _ = ApiToken.issue(user(owner), name=name, scopes=["read"])
        ApiToken.objects.filter(pk=row.pk).update(
            expires_at=None if ends_in is None else Now() + timedelta(days=ends_in),
            last_used_at=None if used_ago is None else Now() - timedelta(minutes=used_ago),
        )
        return str(row.pk)

    def video(owner: str, title: str = "A recording", minutes: float = 0, job: str | None = None, **fields: Any) -> str:
        """A video's row as old as ``minutes``, without a file."""
        row = factories.make_video(user(owner), title=title, job_id=job, **{"source": "stored", **fields})
        Video.objects.filter(pk=row.pk).update(created_at=Now() - timedelta(minutes=minutes))
        return str(row.pk)

    def change_video(video: str, **fields: Any) -> None:
        Video.objects.filter(pk=video).update(**fields)

    def ingest(owner: str, title: str, job_status: str = "processing", error: Any = None, **fields: Any) -> list[str]:
        """The ids of a video that is being taken in and of its job, which came to this status."""
        made = video(owner, title, **{"status": "processing", "duration": 0, "width": 0, **fields})
        job = make(owner, job_status, announce=False, kind="ingest", params={"video_id": made}, error=error)
        change_video(made, job=job)
        publish(reload_job(UUID(job)))
        return [made, job]

    def picture(video: str, kind: str = "poster") -> None:
        factories.make_rendition(Video.objects.get(pk=video), kind)

    def no_copies() -> None:
        """No quick copy of any video; the files stay."""
        Rendition.objects.filter(kind=RenditionKind.PROXY).delete()

    def show(owner: str, name: str, video: str) -> None:
        factories.make_session(user(owner), name=name, videos=[Video.objects.get(pk=video)] * 2)

    def no_videos(keep: str | None = None) -> None:
        """A library with nothing in it but ``keep``, and no upload under way."""
        ComparisonSession.objects.all().delete()
        Upload.objects.all().delete()
        Video.objects.exclude(pk=keep).delete()

    def uploads(owner: str) -> list[dict[str, Any]]:
        """The user's uploads, the oldest first."""
        rows = Upload.objects.filter(owner=user(owner)).order_by("created_at", "id")
        return [{"id": str(row.pk), "status": row.status, "offset": row.offset, "size": row.size} for row in rows]

    def change_upload(upload: str, **fields: Any) -> None:
        Upload.objects.filter(pk=upload).update(**fields)

    def subscribe(owner: str, tier: str, days: float) -> None:
        Subscription.objects.create(
            user=user(owner), tier=tier, valid_from=Now() - timedelta(days=1), valid_until=Now() + timedelta(days=days)
        )

    def session_of(person: User) -> str:
        session = SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.create()
        return str(session.session_key)

    def admin_session() -> str:
        admin = User.objects.filter(username="chief").first() or User.objects.create_superuser("chief", password="x")
        return session_of(admin)

    def person_session(name: str, role: str = "user") -> str:
        """The key of a browser session of a person with this role."""
        User.objects.filter(pk=user(name).pk).update(role=role)
        return session_of(user(name))

    def catalogue_video(by: str, minutes: float = 0, status: str = "ready", **fields: Any) -> str:
        """A video of the catalogue as old as ``minutes``, without a file; watchers are told. by: who made it."""
        words = {name: fields.pop(name) for name in (*catalogue.MERGED_FIELDS, "is_hidden") if name in fields}
        made = catalogue.create(user(by), {"title": "A video", **words})
        with change_and_broadcast(made.pk):
            Video.objects.filter(pk=made.pk).update(
                status=status, location=f"videos/{made.pk}/1.mp4" if status != "uploading" else "",
                created_at=Now() - timedelta(minutes=minutes), **fields,
            )  # fmt: skip
        return str(made.pk)

    def change_catalogue(video: str, **fields: Any) -> None:
        """Write columns that are no words, and tell watchers."""
        with change_and_broadcast(UUID(video)):
            Video.objects.filter(pk=video).update(**fields)

    def edit_catalogue(by: str, video: str, **values: Any) -> None:
        catalogue.edit(UUID(video), values, user(by))

    def delete_catalogue(by: str, video: str, hard: bool = False) -> None:
        catalogue.delete(UUID(video), user(by), hard=hard)

    def catalogue_row(video: str) -> dict[str, Any]:
        """What a video's row says, and its operations as they came."""
        columns = ("title", "description", "category", "tags", "is_featured", "is_hidden", "version", "location")
        row = Video.objects.filter(pk=video).values(*columns, "deleted_at").get()
        done = CrdtOperation.objects.filter(video=video)
        told = [[one.operation_type, one.operation_data["value"], one.actor] for one in done]
        return {**row, "deleted_at": str(row["deleted_at"] or ""), "operations": told}

    def last_audit(video: str) -> list[str]:
        """The newest line of the audit log about a video: what, who, why."""
        row = AuditEntry.objects.filter(target_id=video).order_by("-pk")[0]
        return [row.action, row.actor_name, row.data.get("reason", "")]

    def reports(video: str) -> list[list[str]]:
        rows = VideoReport.objects.filter(video=video).order_by("created_at")
        return [[row.reporter.username if row.reporter else "", row.reason, row.text] for row in rows]

    @transaction.atomic
    def challenge(
        owner: str, path: str, segments: list[dict[str, float]], width: int, height: int, *,
        title: str = "Three things about my first LAN", minutes: float = 0, poster: bool = False, **fields: Any,
    ) -> str:  # fmt: skip
        """A challenge as old as ``minutes``, whose video is the file."""
        content = Path(path).read_bytes()
        made = factories.make_merge(user(owner), count=len(segments), title=title, content=content, status="completed")
        MergeSession.objects.filter(pk=made.pk).update(segments=segments)
        Video.objects.filter(pk=made.pk).update(duration=segments[-1]["end"], width=width, height=height)
        if poster:
            factories.make_rendition(Video.objects.get(pk=made.pk), "poster")
        row = factories.make_challenge(user(owner), merge=made, title=title, **fields)
        Challenge.objects.filter(pk=row.pk).update(created_at=Now() - timedelta(minutes=minutes))
        return str(row.pk)

    @transaction.atomic
    def merge(owner: str, title: str = "", status: str = "", percent: float = 0, **error: str) -> str:
        """A merge whose clips have yet to come, or whose job came to this ``status``."""
        columns: dict[str, Any] = {}
        if status:
            columns = {"status": status, "lane": NOWHERE, "progress": percent, "error": error or None}
            if status != "queued":
                columns["started_at"] = Now()
        made = factories.make_merge(user(owner), title=title, **columns)
        return str(made.pk)

    def merge_progress(merge: str, percent: float) -> None:
        change(str(Job.objects.get(merges=merge).pk), progress=percent)

    def guess(challenge: str, player: str, index: int) -> None:
        challenges.guess(Challenge.objects.get(pk=challenge), user(player), index)

    def unpublish(challenge: str) -> None:
        challenges.unpublish(Challenge.objects.get(pk=challenge))

    def withhold(challenge: str, by: str) -> None:
        challenges.withhold(Challenge.objects.get(pk=challenge).pk, user(by), reason="Not a challenge.")

    def challenge_row(challenge: str) -> dict[str, Any] | None:
        """What stands of it, with the guesses and the reports."""
        found = Challenge.objects.filter(pk=challenge).first()
        if found is None:
            return None
        guesses = found.guesses.order_by("pk").values_list("player__username", "statement_index")
        reports = ChallengeReport.objects.filter(challenge=found).values_list("reporter__username", "reason")
        return {
            "title": found.title, "status": str(found.status), "lie": found.lie_index,
            "texts": challenges.texts_of(found.statements), "guesses": [list(one) for one in guesses],
            "reports": [list(one) for one in reports],
        }  # fmt: skip

    def no_challenges() -> None:
        Challenge.objects.all().delete()
        merges = list(MergeSession.objects.values_list("pk", flat=True))
        MergeSession.objects.all().delete()
        Video.objects.filter(pk__in=merges).delete()
        Upload.objects.filter(purpose="clip").delete()

    known = locals()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = [known[name](**arguments), ""]
        except Exception as error:  # which fails the test that asked for it, and nobody else's
            answer = [None, f"{type(error).__name__}: {error}"]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
