"""A plan's limit on a video's pixels times frames: small files can need days of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.errors import DomainError

SHORT_GIGAPIXELS = 5.0  # maximum number of gigapixels that a job may process to count as a short job
MIN_FPS = 1.0  # assumed minimum frame rate


def gigapixels(facts: Mapping[str, Any] | Video) -> float:
    """Return width × height × number of frames / 10⁹."""
    if isinstance(facts, Video):
        width, height, duration, fps = facts.width, facts.height, facts.duration, float(facts.fps)
    else:
        numerator, denominator = facts["fps"]
        width, height, duration, fps = facts["width"], facts["height"], facts["duration"], numerator / denominator
    return width * height * max(fps, MIN_FPS) * duration / 1e9


def refusal(owner: User, facts: Mapping[str, Any] | Video, *, beside: float = 0.0) -> DomainError | None:
    """Return the error ``work_limit`` if a video exceeds the plan's limit, else None.

    beside: gigapixels of other videos that count towards the same limit, such as the other clips of a merge.
    """
    work, limit = gigapixels(facts), limits_of(owner)["max_video_gigapixels"]
    if not work or work + beside <= limit:
        return None
    duration = facts.duration if isinstance(facts, Video) else facts["duration"]
    minutes = int(max(0.0, limit - beside) / work * duration / 60)
    length = f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
    sentence = f"Your plan allows at most {length} of video at this resolution and frame rate."
    return DomainError("work_limit", sentence, limit=limit, work=round(work + beside, 3))


def check(owner: User, facts: Mapping[str, Any] | Video) -> None:
    if error := refusal(owner, facts):
        raise error
