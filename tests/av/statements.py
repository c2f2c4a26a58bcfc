"""Small clips for the tests of merging: every picture carries its number, every sound is noise of its own."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from media_app.av.frames import VideoFile
from sessions_app.comparison.samples.rendering.barcode import decode_barcode, draw_barcode
from tests.support.footage import FFMPEG

SIZE = (224, 126)
LOUD = 0.5
RATE = 48_000
PRIMING = 1024


@dataclass(frozen=True)
class Statement:
    """A clip. number: its first picture's barcode is a thousand times that. count: pictures."""

    path: Path
    number: int
    count: int
    seconds: float

    @property
    def numbers(self) -> list[int]:
        return [1000 * self.number + at for at in range(self.count)]


def noise(number: int, count: int, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """The sound of a clip: bursts of noise, float32 of shape (channels, count)."""
    random = np.random.default_rng(number)
    sound = random.uniform(-1, 1, count)
    kernel = np.hanning(round(rate / 4000))
    sound = np.convolve(sound, kernel / kernel.sum(), "same")
    sound *= LOUD / np.abs(sound).max()
    sound[(np.arange(count) / rate) % 0.2 > 0.1] *= 0.05
    return np.stack([sound] * channels).astype(np.float32)


def statement(
    folder: Path, number: int, *, seconds: float = 1.0, fps: Fraction | int = 25, size: tuple[int, int] = SIZE,
    steps: Sequence[int] = (1,), video: dict[str, str] | None = None, sound: str | None = "aac", rate: int = RATE,
    channels: int = 1, priming: int = PRIMING, sound_seconds: float | None = None, rotation: int = 0,
    ratio: Fraction | None = None, loud: float = 1.0, tags: dict[str, str] | None = None,
) -> Statement:  # fmt: skip
    """Write ``clip-number.mp4``.

    steps: how many frame durations each picture lasts, in turn. priming: samples of the sound that are hidden before
    the first. sound_seconds: where the sound is shorter or longer than the pictures.
    """
    path = folder / f"clip-{number}.mp4"
    fps = Fraction(fps)
    random = np.random.default_rng(number)
    ground = random.integers(60, 200, (size[1] // 6 + 1, size[0] // 6 + 1), np.uint8).repeat(6, 0).repeat(6, 1)
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        stream = out.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "18", **(video or {})})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / fps
        stream.codec_context.thread_count = 1
        if ratio is not None:
            stream.sample_aspect_ratio = ratio
        if rotation:
            stream.set_display_rotation(-rotation)
        voice, layout = None, "stereo" if channels > 1 else "mono"
        if sound:
            # Without substituted noise, which no decoder makes the same way twice.
            options = {"aac_pns": "0"} if sound == "aac" else {}
            voice = out.add_stream(sound, rate=rate, layout=layout, options=options)
        ticks = at = 0
        while ticks < seconds * fps:
            picture = np.stack([np.roll(ground[: size[1], : size[0]], 3 * at, 1)] * 3, -1)
            draw_barcode(picture, 1000 * number + at)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = ticks, 1 / fps
            out.mux(stream.encode(frame))
            ticks, at = ticks + steps[at % len(steps)], at + 1
        out.mux(stream.encode(None))
        if voice is not None:
            lead = priming - PRIMING if sound == "aac" else 0
            count = round((sound_seconds or float(ticks / fps)) * rate)
            samples = np.concatenate(
                [np.zeros((channels, max(0, lead)), np.float32), loud * noise(number, count, rate, channels)], 1
            )
            samples = samples[:, max(0, -lead) :]
            step, form = (960, "flt") if sound == "libopus" else (1024, "fltp")
            for first in range(0, samples.shape[1], step):
                part = samples[:, first : first + step]
                if form == "flt":
                    part = part.T.reshape(1, -1)
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=form, layout=layout)
                block.sample_rate, block.pts, block.time_base = rate, first - max(0, lead), Fraction(1, rate)
                out.mux(voice.encode(block))
            out.mux(voice.encode(None))
    return Statement(path, number, at, float(ticks / fps))


def shown(path: Path, width: int = SIZE[0]) -> list[tuple[float, int]]:
    """When each picture is shown, seconds, and the number that it carries."""
    with VideoFile(path) as video:
        return [(picture.time, decode_barcode(picture.scaled(width))) for picture in video.iterate_frames(0.0)]


def heard(path: Path, rate: int = RATE) -> np.ndarray:
    """The sound as one channel, float32, from second 0 of the file on."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", rate)
        runs = [(0, np.zeros(0, np.float32))]
        for frame in (*container.decode(audio=0), None):
            for mixed in resampler.resample(frame):
                runs.append((round(mixed.pts * mixed.time_base * rate), mixed.to_ndarray()[0]))
    whole = np.zeros(max(at + len(run) for at, run in runs), np.float32)
    for at, run in runs:
        whole[max(0, at) : at + len(run)] = run[max(0, -at) :]
    return whole


def played(path: Path) -> np.ndarray:
    """The sound as players give it, as one channel: packet behind packet, whatever their timestamps."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)])


def lag(sound: np.ndarray, start: float, wanted: np.ndarray, rate: int = RATE) -> float:
    """Seconds by which ``wanted`` comes too late in ``sound``, where it was to begin at ``start``; within 50 ms."""
    give = round(0.05 * rate)
    begin = round(start * rate)
    padded = np.concatenate([np.zeros(give, np.float32), sound, np.zeros(len(wanted) + give, np.float32)])
    window = padded[begin : begin + len(wanted) + 2 * give]
    scores = np.correlate(window, wanted, "valid") if len(wanted) < 200_000 else None
    assert scores is not None
    return (int(np.argmax(scores)) - give) / rate - (begin / rate - start) * -1


def packets_of(path: Path, kind: str = "video") -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def complaints(path: Path) -> str:
    """What ffmpeg has to say against a file while it decodes all of it."""
    argv = [FFMPEG, "-nostdin", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False).stderr
