"""Generated pairs of recordings for alignment by sound. The same kind and number always give the same pair."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.support.soundscapes import CODECS, RATE, Sound, Take, music, offset_between, scene, write

RELATED = (
    "plain", "talk", "two_casts", "loud_talk", "game_music", "own_music", "noise", "clipped", "surround", "telephone",
    "level_control", "echo", "muffled", "drift", "late", "short_overlap", "inside", "same_file", "lossy", "long",
)  # fmt: skip
MISLEADING = ("unrelated", "unrelated_music", "lobby", "faster", "jump", "restart", "only_loop", "silent_one")
# Kinds of pairs that are too difficult to be supported. Without them, the confidence curve would be fitted only to
# clear cases.
HARD = ("hard", "hard_unrelated")
# Kinds of pairs that are generated from real clips, in addition to synthetic sounds.
REAL = ("plain", "talk", "noise", "surround", "telephone", "echo", "muffled", "lossy", "drift", "unrelated", "lobby")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recordings. offset: true offset of the second recording in seconds; None if the pair must be refused.

    drift_ppm: growth of the offset, in µs per second of the first recording. clips: folder of real clips to take sounds
    from; None for synthetic sound.
    """

    kind: str
    number: int
    first: Take
    second: Take
    offset: float | None
    drift_ppm: float
    lobby: float = 0.0  # seconds of the same lobby music at the start of both recordings
    clips: Path | None = None

    def write(self, folder: Path) -> tuple[Path, Path]:
        games = self.games()
        first = write(self.first, games[0], folder / f"{self.kind}-{self.number}-a")
        if self.kind == "same_file":
            return first, first
        return first, write(self.second, games[1], folder / f"{self.kind}-{self.number}-b")

    def games(self) -> tuple[Sound, Sound]:
        seconds = max(take.start + take.seconds * take.speed * 1.002 + 30 for take in (self.first, self.second))
        one = self._scene(1000 + self.number, seconds)
        r = np.random.default_rng([81, self.number])
        if self.kind == "game_music":
            one = one + 0.8 * music(self.number, seconds + 1, r.uniform(8, 30))[: len(one)]
        if self.kind == "only_loop":
            one = 0.02 * one + music(self.number, seconds + 1, r.uniform(8, 30))[: len(one)]
        if self.offset is not None or self.kind in ("faster", "jump", "restart", "only_loop", "silent_one"):
            return one, one
        other = self._scene(500_000 + self.number, seconds)
        if self.lobby:
            track = music(self.number, self.lobby + 1, self.lobby)
            for game, take in ((one, self.first), (other, self.second)):
                begin, count = int(take.start * RATE), int(self.lobby * RATE)
                game[begin : begin + count] = track[:count]
        return one, other

    def _scene(self, seed: int, seconds: float) -> Sound:
        return real_scene(seed, seconds, self.clips) if self.clips else scene(seed, seconds)


@functools.lru_cache
def _clip_sounds(folder: Path) -> list[Sound]:
    found = []
    for path in sorted(folder.glob("*.mp4")):
        with av.open(path) as container:
            if not container.streams.audio:
                continue
            mixer = av.AudioResampler("flt", "mono", RATE)
            pieces = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in mixer.resample(frame)]
        sound = np.concatenate(pieces).astype(np.float32)
        found.append(sound / max(1e-6, float(np.std(sound))))
    return found


def real_scene(seed: int, seconds: float, folder: Path) -> Sound:
    r = np.random.default_rng([83, seed])
    sounds = _clip_sounds(folder)
    found = np.zeros(int(seconds * RATE), np.float32)
    for at in np.sort(r.uniform(-5, seconds, int(seconds / 3))):
        sound = sounds[int(r.integers(len(sounds)))]
        length = int(min(len(sound) / RATE, r.uniform(2, 12)) * RATE)
        begin = int(r.integers(0, len(sound) - length + 1))
        speed = r.uniform(0.85, 1.18)
        piece = np.interp(np.arange(0, length - 1, speed), np.arange(length), sound[begin : begin + length])
        piece *= r.uniform(0.3, 1.0) * np.minimum(
            1.0, np.minimum(np.arange(len(piece)), len(piece) - np.arange(len(piece))) / 800
        )
        first = max(0, int(at * RATE))
        end = min(len(found), first + len(piece))
        found[first:end] += piece[: end - first].astype(np.float32)
    return found / max(1e-6, float(np.std(found)))


def pair(kind: str, number: int, clips: Path | None = None) -> Pair:
    r = np.random.default_rng([82, number, sum(map(ord, kind))])
    length = float(r.uniform(70, 200))
    start = float(r.uniform(70, 130))

    def take(**more: float | str | bool | tuple[float, float]) -> Take:
        codec = str(r.choice(list(CODECS)))
        rate = 48_000 if CODECS[codec][0] == ".webm" else int(r.choice([44_100, 48_000, 32_000]))
        given = {
            "start": start, "seconds": length, "codec": codec, "rate": rate, "channels": int(r.choice([1, 2])),
            "voice": 0.3 * r.random(), "voice_seed": int(r.integers(1 << 30)), "noise_seed": int(r.integers(1 << 30)),
            "gain": float(r.uniform(0.2, 0.6)),
        }  # fmt: skip
        return Take(**(given | more))  # type: ignore[arg-type]

    first = take()
    later = 30 + float(r.uniform(-0.3, 0.3)) * length
    second = take(start=start + later, seconds=length * float(r.uniform(0.7, 1.3)))
    first = dataclasses.replace(first, start=start + 30)
    both: dict[str, object] = {}
    a: dict[str, object] = {}
    b: dict[str, object] = {}
    if kind == "talk":
        a["voice"], b["voice"] = 0.0, 1.0
    elif kind == "two_casts":
        a["voice"], b["voice"] = 1.0, 1.0
    elif kind == "loud_talk":
        b["voice"] = 2.0
    elif kind == "own_music":
        a |= {"music": 0.7, "music_seed": number, "loop": float(r.uniform(8, 30))}
        b |= {"music": 0.7, "music_seed": number + 7, "loop": float(r.uniform(8, 30))}
    elif kind == "noise":
        b["noise"] = 0.08
    elif kind == "clipped":
        b["gain"] = 4.0
    elif kind == "surround":
        a |= {"channels": 1, "codec": "aac", "rate": 48_000}
        b |= {"channels": 6, "codec": "aac", "rate": 48_000}
    elif kind == "telephone":
        b |= {"codec": "pcm", "rate": 8000, "channels": 1}
    elif kind == "level_control":
        b["level_control"] = True
    elif kind == "echo":
        b["echo"] = float(r.uniform(0.02, 0.25))
    elif kind == "muffled":
        b["low_pass"] = float(r.uniform(900, 2000))
    elif kind == "drift":
        b["drift_ppm"] = float(r.uniform(-300, 300))
    elif kind == "late":
        b["late"] = float(r.uniform(0.5, 20))
    elif kind == "short_overlap":
        overlap = float(r.uniform(15, 55))
        b["start"] = first.start + first.seconds - overlap
    elif kind == "inside":
        b |= {"start": first.start + 20, "seconds": 40.0}
    elif kind == "lossy":
        both["codec"] = "aac_low"
    elif kind == "long":
        both["seconds"] = 700.0
        b["drift_ppm"] = float(r.uniform(-100, 100))
    elif kind == "faster":
        b["speed"] = 1 + float(r.choice([-1, 1])) * float(r.uniform(0.02, 0.045))
    elif kind == "jump":
        b["jump"] = (second.seconds * float(r.uniform(0.35, 0.65)), float(r.uniform(0.05, 0.45)))
        b["start"] = first.start + float(r.uniform(-0.1, 0.1)) * length
    elif kind == "restart":
        b["jump"] = (second.seconds * float(r.uniform(0.4, 0.6)), float(r.uniform(3, 20)))
        b["start"] = first.start + float(r.uniform(-0.1, 0.1)) * length
    elif kind == "unrelated_music":
        loop = float(r.uniform(8, 30))
        for side in (a, b):
            side |= {"music": 1.0, "music_seed": number, "loop": loop, "music_start": float(r.uniform(0, loop))}
    elif kind in HARD:
        a["voice"] = float(r.uniform(0, 2))
        b |= {
            "voice": float(r.uniform(0, 4)), "noise": float(10 ** r.uniform(-2.5, -0.3)),
            "low_pass": float(r.choice([0.0, 400.0, 800.0])), "echo": float(r.choice([0.0, 0.08, 0.3])),
            "gain": float(10 ** r.uniform(-1.3, 1.0)), "drift_ppm": float(r.uniform(-400, 400)),
        }  # fmt: skip
        b["start"] = first.start + first.seconds - float(r.uniform(6, 60))
    elif kind == "silent_one":
        b |= {"gain": 1e-5, "noise": 0.0}
    first = dataclasses.replace(first, **(both | a))  # type: ignore[arg-type]
    second = dataclasses.replace(second, **(both | b))  # type: ignore[arg-type]
    if kind == "same_file":
        second = first
    lobby = float(r.uniform(25, 45)) if kind == "lobby" else 0.0
    offset = None if kind in (*MISLEADING, "hard_unrelated") else offset_between(first, second)
    drift = (first.drift_ppm - second.drift_ppm) * -1.0
    return Pair(kind, number, first, second, offset, drift, lobby, clips)
