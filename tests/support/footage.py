"""Videos made from given pictures, and files in formats that PyAV cannot write, for tests of sniffing and ingest."""

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def convert(source: Path | None, target: Path, *options: str) -> Path:
    """Write ``target`` with ffmpeg, from ``source`` or from the inputs in ``options``."""
    inputs = [] if source is None else ["-i", str(source)]
    command = [FFMPEG, "-nostdin", "-v", "error", *inputs, *options, "-threads", "1", "-y", str(target)]
    subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL)
    return target


def write_pictures(
    path: Path, pictures: Iterable[np.ndarray], *, fps: Fraction = Fraction(10), gop: int = 10, rotation: int = 0,
    ratio: Fraction | None = None, pixel_format: str = "yuv420p", codec: str = "libx264",
    stamps: Sequence[Fraction] | None = None, **options: str,
) -> Path:  # fmt: skip
    """Write BGR ``pictures`` of equal size as frames, with a keyframe exactly every ``gop`` frames.

    stamps: time of each picture in seconds; by default, ``fps`` pictures a second. options: options of x264.
    """
    tick = 1 / fps if stamps is None else Fraction(1, 90_000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.pix_fmt = pixel_format
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = tick
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "14", "sc_threshold": "0", **options}
        if rotation:
            stream.set_display_rotation(-rotation)
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
                if ratio is not None:
                    stream.sample_aspect_ratio = ratio
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number if stamps is None else round(stamps[number] / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def noise(seed: int, width: int = 320, height: int = 180, low: int = 60, high: int = 200, grain: int = 8) -> np.ndarray:
    """Return a sharp BGR picture: random grey squares, ``grain`` pixels wide."""
    random = np.random.default_rng(seed)
    squares = random.integers(low, high, (-(-height // grain), -(-width // grain)), np.uint8)
    grey = squares.repeat(grain, 0).repeat(grain, 1)[:height, :width]
    return np.stack([grey] * 3, axis=-1)


def cut_short(path: Path, share: float = 2 / 3) -> Path:
    """Leave only the first ``share`` of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    return path


def blanked(path: Path, begin: float = 1 / 3, end: float = 2 / 3) -> Path:
    """Overwrite a part of a file with zeros; begin, end: shares of its length."""
    content = bytearray(path.read_bytes())
    first, last = round(begin * len(content)), round(end * len(content))
    content[first:last] = bytes(last - first)
    path.write_bytes(content)
    return path
