"""Measurement P11: dubbing of five segments in 60 s of 1080p, against plain ffmpeg that mixes the sound."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import imageio_ffmpeg
import numpy as np

from bench.measure import Cost, cache, run
from bench.p6_ingest import CHILD_ENVIRONMENT, cpu, shown, wall, yes
from bench.planted import media
from bench.report import Table

RUNS = 7
SECONDS, SEGMENTS = 60, 5
THREADS = 2
DUB = [sys.executable, "-m", "sessions_app.prosync.engine.audio"]
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SCENES = ("sp_zc_soccer.mp4", "sp_ae_example.mp4", "sc_mdn_rabbit320.mp4", "ex_rx_squat.mp4")
# FFmpeg source of pink noise in the speech band, modulated at the rate of syllables, so that loud and quiet parts
# alternate as in speech.
SPEECH = "anoisesrc=c=pink:r=48000:seed={seed},bandpass=f=900:w=1200,tremolo=f={syllables}:d=0.9,volume={volume}"


class Segment(NamedTuple):
    """A part of the video to dub. start, end: seconds of the video. sound: file with the part's new sound."""

    start: float
    end: float
    sound: Path


def material(seed: int) -> tuple[Path, list[Segment]]:
    rng = np.random.default_rng([seed, 11])
    folder = cache(f"dub-{seed}")
    for other in folder.parent.glob("dub-*"):
        if other != folder:
            shutil.rmtree(other)
    scene = media() / str(rng.choice(SCENES))
    video = folder / "video.mp4"
    fitted = "scale=1920:1080:force_original_aspect_ratio=decrease,pad=1920:1080:-1:-1,setsar=1,fps=30,format=yuv420p"
    speech = SPEECH.format(seed=seed, syllables="3", volume="8dB")
    _render(
        video, "-stream_loop", "-1", "-i", str(scene), "-f", "lavfi", "-i", speech, "-t", str(SECONDS), "-map", "0:v:0",
        "-map", "1:a", "-vf", fitted, "-c:v", "libx264", "-preset", "veryfast", "-b:v", "6M", "-profile:v", "high",
        "-c:a", "aac", "-ac", "2", "-movflags", "+faststart", "-f", "mp4",
    )  # fmt: skip
    segments = []
    for number in range(SEGMENTS):
        start = number * SECONDS / SEGMENTS + float(rng.uniform(1, 4))
        end = start + float(rng.uniform(3, 7))
        sound = folder / f"sound-{number}.mp3"
        other = SPEECH.format(seed=seed + number + 1, syllables="5", volume="2dB")
        _render(sound, "-f", "lavfi", "-i", other, "-t", "10", "-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3")
        segments.append(Segment(start, end, sound))
    return video, segments


def _render(path: Path, *options: str) -> None:
    if not path.exists():
        part = path.with_suffix(".part")
        subprocess.run([FFMPEG, "-nostdin", "-v", "error", "-y", *options, str(part)], check=True)
        part.rename(path)


def dubbed(video: Path, segments: list[Segment], **more: Any) -> tuple[Cost, dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=video.parent) as folder:
        request = {
            "source": str(video), "target": f"{folder}/dubbed.mp4", "folder": folder, "ffmpeg": FFMPEG,
            "threads": THREADS,
            "lines": [{"start": one.start, "end": one.end, "sound": str(one.sound)} for one in segments],
            **more,
        }  # fmt: skip
        cost = run(DUB, json.dumps(request).encode(), CHILD_ENVIRONMENT)
    return cost, json.loads(cost.output.splitlines()[-1])["result"]


def remuxed(video: Path, segments: list[Segment]) -> Cost:
    there = "+".join(f"between(t,{one.start:.3f},{one.end:.3f})" for one in segments)
    graph = f"[0:a]volume=0:enable='{there}'[own];"
    for number, one in enumerate(segments, 1):
        length = one.end - one.start
        graph += (
            f"[{number}:a]atrim=0:{length:.3f},afade=d=0.015,afade=t=out:st={length - 0.015:.3f}:d=0.015,"
            f"aresample=48000,aformat=channel_layouts=stereo,adelay={one.start * 1000:.0f}:all=1[n{number}];"
        )
    graph += "[own]" + "".join(f"[n{number}]" for number in range(1, len(segments) + 1))
    graph += f"amix={len(segments) + 1}:duration=first:normalize=0[a]"
    inputs = [word for one in segments for word in ("-i", str(one.sound))]
    with tempfile.TemporaryDirectory(dir=video.parent) as folder:
        return run(
            [FFMPEG, "-nostdin", "-v", "error", "-i", str(video), *inputs, "-filter_complex", graph, "-map", "0:v",
             "-map", "[a]", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart",
             f"{folder}/dubbed.mp4"]
        )  # fmt: skip


def measure(seed: int) -> list[Table]:
    video, segments = material(seed)
    table = Table("", ("what", "measured", "goal", "met"))
    _, result = dubbed(video, segments)  # warm up: the first run reads the files from disk
    assert (result["picture"], result["sound"]) == ("copied", "spliced"), result
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(remuxed(video, segments))
        ours.append(dubbed(video, segments)[0])
    share = wall(ours) / wall(theirs)
    table.add(
        f"duration of a plain ffmpeg command, which copies the picture, mixes the sound and encodes it, median of "
        f"{RUNS} runs",
        shown(theirs),
        "",
        "",
    )
    table.add(
        "run time of the program's child process with its start, if only the sound is replaced",
        f"{shown(ours)}: {share:.2f}×",
        "≤ 1.5×",
        yes(share <= 1.5),
    )
    table.add(
        "CPU time of the program's child process and of the plain ffmpeg command",
        f"{cpu(ours):.2f} s, ffmpeg {cpu(theirs):.2f} s: {cpu(ours) / cpu(theirs):.2f}×",
        "",
        "",
    )
    peaks = [f"{max(cost.peak for cost in costs) / 1e6:.0f} MB" for costs in (ours, theirs)]
    table.add(
        "peak memory of the program's child process and of the plain ffmpeg command",
        f"{peaks[0]}, ffmpeg {peaks[1]}",
        "",
        "",
    )
    joints = [joint for one in result["segments"] for joint in one["joints"] if joint is not None]
    table.add(
        "loudest difference between the decoded and the wanted sound at the edges of a segment",
        f"{max(joints):.0f} dBFS", "≤ −50", yes(max(joints) <= -50),
    )  # fmt: skip
    length = sum(one.end - one.start for one in segments)
    size = video.stat().st_size / 1e6
    table.note = (
        f"The video lasts {SECONDS} s in 1080p30 and has a size of {size:.0f} MB. The {len(segments)} segments last "
        f"{length:.0f} s in all. The program's child process and the plain ffmpeg command use {THREADS} threads each."
    )
    return [table]
