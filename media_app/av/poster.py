"""Choice of a poster among frames spread over a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av.error
import cv2
import numpy as np

from media_app.av.container import MediaError
from media_app.av.frames import Image, Picture, VideoFile
from media_app.av.picture import MIME_TYPE, write_jpeg
from media_app.av.sampling import sample_pictures, spread
from media_app.av.source import Progress

NAME = "poster.jpg"
MAX_SIDE = 1280
MAX_BYTES = 300_000
CANDIDATES = 24
SCORED_WIDTH = 320  # width in pixels of scored frames; enough to detect blur
MIN_SECONDS = 0.001
FINALISTS = 8  # number of best-scored frames that are checked for flashes
MIN_FIT = 0.1  # frames with less than this share of the highest score are not checked for flashes
STEADY_SECONDS = 0.3  # brightness must be similar this many seconds after a poster frame; flashes are shorter
STEADY_LEVELS = 40.0  # change of mean luma (0 to 255) in STEADY_SECONDS above which a frame is a flash
# A frame scores 0 if its mean luma (0 to 255) is at most DARK or at least BRIGHT, and 1 from MIDDLE_DARK to
# MIDDLE_BRIGHT.
DARK, MIDDLE_DARK, MIDDLE_BRIGHT, BRIGHT = 12.0, 70.0, 170.0, 245.0
CONTRAST = 45.0  # minimum standard deviation of luma for the full score
DETAIL = 400.0  # minimum variance of the Laplacian for the full score; text has about 4000
# :attr:`FrameFeatures.plain` is below SCENE_SHARE in scenes, and above CARD_SHARE on title cards.
SCENE_SHARE, CARD_SHARE = 0.4, 0.9
CARD_WORTH = 0.1
USUAL_PLACE = (0.04, 0.8)  # usual end of titles and start of credits, as shares of the duration
ELSEWHERE = 0.85


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """Features of a frame's luma (0 to 255).

    brightness: mean. contrast: standard deviation. detail: variance of the Laplacian. plain: share of pixels with the
    most frequent of 32 grey levels.
    """

    brightness: float
    contrast: float
    detail: float
    plain: float

    @classmethod
    def of(cls, image: Image) -> FrameFeatures:
        luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        levels = np.bincount(luma.ravel() >> 3, minlength=32)
        return cls(
            brightness=float(luma.mean()),
            contrast=float(luma.std()),
            detail=float(cv2.Laplacian(luma, cv2.CV_32F).var()),
            plain=float(levels.max() / luma.size),
        )


@dataclass(frozen=True, slots=True)
class Poster:
    time: float
    width: int
    height: int
    size: int
    mime_type: str = MIME_TYPE


def make_poster(
    path: Path, video: VideoFile, on_progress: Progress | None = None, *, at: float | None = None
) -> Poster:
    """Write the poster as upright JPEG.

    at: seconds of the frame; None to choose one. Raises :class:`MediaError`, OSError.
    """
    moment = choose_moment(video, on_progress or (lambda share: None)) if at is None else at
    picture = None if moment is None else _decode(video, moment)
    if picture is None:
        raise MediaError(MediaError.UNREADABLE, "No frame of the video can be decoded.")
    width = min(video.width, MAX_SIDE, max(2, round(MAX_SIDE * video.width / video.height)))
    image = picture.scaled(width)
    size = write_jpeg(path, image, MAX_BYTES)
    return Poster(picture.time, image.shape[1], image.shape[0], size)


def choose_moment(video: VideoFile, on_progress: Progress) -> float | None:
    times: list[float] = []
    looks: list[FrameFeatures] = []
    for number, picture in enumerate(sample_pictures(video, spread(video.duration, CANDIDATES))):
        times.append(picture.time)
        looks.append(FrameFeatures.of(picture.scaled(SCORED_WIDTH)))
        on_progress(0.8 * (number + 1) / CANDIDATES)
    if not times:
        return None
    scores = score(looks, [time / max(video.duration, times[-1], MIN_SECONDS) for time in times])
    ranking = [int(number) for number in np.argsort(-scores, kind="stable")]
    for place, number in enumerate(ranking[:FINALISTS]):
        if scores[number] < MIN_FIT * scores[ranking[0]]:
            break
        if _is_steady(video, times[number], looks[number].brightness):
            return times[number]
        on_progress(0.8 + 0.2 * (place + 1) / FINALISTS)
    return times[ranking[0]]


def score(looks: Sequence[FrameFeatures], places: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a score from 0 to 1 for each frame. places: times of the frames as shares of the duration."""
    sharpest = min(DETAIL, max(1.0, float(np.percentile([look.detail for look in looks], 90))))
    values = []
    for look, place in zip(looks, places, strict=True):
        exposure = np.interp(look.brightness, (DARK, MIDDLE_DARK, MIDDLE_BRIGHT, BRIGHT), (0.0, 1.0, 1.0, 0.0))
        contrast = min(1.0, look.contrast / CONTRAST)
        sharpness = min(1.0, look.detail / sharpest)
        variety = np.interp(look.plain, (SCENE_SHARE, CARD_SHARE), (1.0, CARD_WORTH))
        usual = 1.0 if USUAL_PLACE[0] <= place <= USUAL_PLACE[1] else ELSEWHERE
        values.append(exposure * np.sqrt(contrast * sharpness) * variety * usual)
    return np.array(values, np.float64)


def _is_steady(video: VideoFile, moment: float, brightness: float) -> bool:
    """Return whether a frame is no flash: the frame ``STEADY_SECONDS`` later is similarly bright."""
    try:
        for picture in video.iterate_frames(moment + 1e-6):
            if picture.time >= min(moment + STEADY_SECONDS, video.duration):
                change = FrameFeatures.of(picture.scaled(SCORED_WIDTH)).brightness - brightness
                return abs(change) <= STEADY_LEVELS
    except av.error.FFmpegError:
        return False
    return True


def _decode(video: VideoFile, moment: float) -> Picture | None:
    try:
        return video.frame_at(moment + 1e-6)
    except av.error.FFmpegError:
        return None
