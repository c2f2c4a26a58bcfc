"""Challenges for the pages: a video whose pictures carry their numbers, and a hand that makes rows behind the program.

``python -m tests.browser.challenge_maker`` is that hand: it runs as :mod:`tests.browser.backstage` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from sessions_app.comparison.samples.rendering.barcode import draw_barcode
from tests.browser.backstage import NOWHERE, Backstage, answer_calls

API = "/api/v1/challenges"
OWNER = "mira"
TEXTS = (
    "We drove eleven hours in a bread van.",
    "I borrowed the mouse that won the final.",
    "The power went out at match point and we replayed the whole map.",
)
SOUND_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Film:
    """A merged video. counts: pictures of each part; the first picture of all is number 0."""

    path: Path
    fps: Fraction
    counts: tuple[int, ...]
    size: tuple[int, int]

    @property
    def firsts(self) -> list[int]:
        """The number of each part's first picture."""
        return [sum(self.counts[:index]) for index in range(len(self.counts))]

    @property
    def lasts(self) -> list[int]:
        """The number of each part's last picture."""
        return [first + count - 1 for first, count in zip(self.firsts, self.counts, strict=True)]

    @property
    def segments(self) -> list[dict[str, float]]:
        """Where each part begins and ends, seconds."""
        pairs = zip(self.firsts, self.lasts, strict=True)
        return [{"start": float(first / self.fps), "end": float((last + 1) / self.fps)} for first, last in pairs]


def film(
    path: Path, counts: Sequence[int], fps: Fraction = Fraction(30), size: tuple[int, int] = (640, 360),
    sound: bool = True,
) -> Film:  # fmt: skip
    """Render a video of as many parts as there are ``counts``, each in a colour and a tone of its own."""
    width, height = size
    total = sum(counts)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = video.codec_context.time_base = 1 / fps
        video.codec_context.gop_size = 2 * round(fps)
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        parts = [part for part, count in enumerate(counts) for _ in range(count)]
        for number, part in enumerate(parts):
            colour = [(60 + 97 * part) % 200, (120 + 61 * part) % 200, (180 + 31 * part) % 200]
            picture = np.full((height, width, 3), colour, np.uint8)
            at = number * 5 % (width - 40)
            picture[height // 4 : height // 2, at : at + 40] = 255
            draw_barcode(picture, number)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            moments = np.arange(round(total / fps * SOUND_RATE))
            pitch = 220 + 110 * np.asarray(parts)[np.minimum(moments * float(fps) // SOUND_RATE, total - 1).astype(int)]
            tone = (0.1 * np.sin(2 * np.pi * pitch * moments / SOUND_RATE)).astype(np.float32)
            for start in range(0, len(tone), 1024):
                block = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return Film(path, fps, tuple(counts), size)


class Maker(Backstage):
    """The client's end; each method is a function of :func:`main`."""

    module = "tests.browser.challenge_maker"

    def of(self, film: Film, *, owner: str = OWNER, texts: Sequence[str] = TEXTS, **fields: Any) -> str:
        """The id of a challenge that shows a film, published unless it ``is_published=False``."""
        words = [*texts, *([""] * len(film.counts))][: len(film.counts)]
        width, height = film.size
        found: str = self.challenge(
            owner=owner, path=str(film.path), segments=film.segments, width=width, height=height, texts=words,
            **{"lie": 1, "is_published": True, **fields},
        )  # fmt: skip
        return found


def main() -> None:
    import django

    django.setup()
    from django.db import transaction
    from django.db.models.functions import Now

    from media_app.uploads.models import Upload
    from media_app.videos.models import Video
    from sessions_app.challenges import challenges
    from sessions_app.challenges.models import Challenge, ChallengeReport, MergeSession
    from tests.support.factories import make_challenge, make_merge, make_rendition
    from vodplatform.accounts.models import User

    def user(name: str) -> User:
        return User.objects.filter(username=name).first() or User.objects.create_user(name, password="x")

    @transaction.atomic
    def challenge(
        owner: str, path: str, segments: list[dict[str, float]], width: int, height: int, texts: list[str], lie: int,
        is_published: bool, title: str = "Three things about my first LAN", minutes: float = 0, poster: bool = False,
    ) -> str:  # fmt: skip
        """A challenge as old as ``minutes``, whose video is the file."""
        made = make_merge(user(owner), count=len(segments), title=title, content=Path(path).read_bytes(),
                          status="completed")  # fmt: skip
        MergeSession.objects.filter(pk=made.pk).update(segments=segments)
        Video.objects.filter(pk=made.pk).update(duration=segments[-1]["end"], width=width, height=height)
        if poster:
            make_rendition(Video.objects.get(pk=made.pk), "poster")
        row = make_challenge(user(owner), merge=made, title=title, texts=texts, lie=lie, is_published=is_published)
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
        made = make_merge(user(owner), title=title, **columns)
        return str(made.pk)

    def merge_progress(merge: str, percent: float) -> None:
        """Its worker is so far, and says so."""
        from jobs_app.events import publish, reload_job
        from jobs_app.models import Job

        job = Job.objects.get(merges=merge)
        Job.objects.filter(pk=job.pk).update(progress=percent, revision=job.revision + 1)
        publish(reload_job(job.pk))

    def guess(challenge: str, player: str, index: int) -> None:
        challenges.guess(Challenge.objects.get(pk=challenge), user(player), index)

    def unpublish(challenge: str) -> None:
        challenges.unpublish(Challenge.objects.get(pk=challenge))

    def withhold(challenge: str, by: str) -> None:
        challenges.withhold(Challenge.objects.get(pk=challenge).pk, user(by), reason="Not a challenge.")

    def row(challenge: str) -> dict[str, Any] | None:
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

    def clear() -> None:
        """No challenge and no merge."""
        Challenge.objects.all().delete()
        merges = list(MergeSession.objects.values_list("pk", flat=True))
        MergeSession.objects.all().delete()
        Video.objects.filter(pk__in=merges).delete()
        Upload.objects.filter(purpose="clip").delete()

    answer_calls(locals())


if __name__ == "__main__":
    main()
