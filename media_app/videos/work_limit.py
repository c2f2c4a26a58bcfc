"""How much work one video may be for its owner's plan: its pixels times its frames, which decoding and encoding cost.

Bytes and hours do not tell: twelve hours of a still picture are a small file, and a day of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from media_app.videos.models import Video
from vodplatform.accounts.limits import limits_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

SHORT_GIGAPIXELS = 5.0  # maximum gigapixels read and written by a job that may take the short place of its lane
MIN_FPS = 1.0  # a file that tells no rate has frames, too


def gigapixels(facts: Mapping[str, Any] | Video) -> float:
    """Width × height × frames / 10⁹ of a video, or of what the probe says of one."""
    if isinstance(facts, Video):
        width, height, duration, fps = facts.width, facts.height, facts.duration, float(facts.fps)
    else:
        numerator, denominator = facts["fps"]
        width, height, duration, fps = facts["width"], facts["height"], facts["duration"], numerator / denominator
    return width * height * max(fps, MIN_FPS) * duration / 1e9


def refusal(owner: User, facts: Mapping[str, Any] | Video, *, beside: float = 0.0) -> DomainError | None:
    """``work_limit`` where a video is more than the plan allows, alone or with the gigapixels that come ``beside``."""
    work, limit = gigapixels(facts), limits_of(owner)["max_video_gigapixels"]
    if work + beside <= limit:
        return None
    duration = facts.duration if isinstance(facts, Video) else facts["duration"]
    minutes = int(max(0.0, limit - beside) / work * duration / 60)
    length = f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
    sentence = f"Your plan allows up to {length} of a video with this size and frame rate."
    return DomainError("work_limit", sentence, limit=limit, work=round(work + beside, 3))


def check(owner: User, facts: Mapping[str, Any] | Video) -> None:
    """Raise ``work_limit`` (403) where a video is more work than its owner's plan allows."""
    if error := refusal(owner, facts):
        raise error
