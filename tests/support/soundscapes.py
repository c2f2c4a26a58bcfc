"""Synthetic sound of a match (scene), and realistic recordings of parts of it (takes).

Takes can be late, drifting, noisy, covered by speech or music, and compressed. All random values come from seeds.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
RATE = 16_000
CODECS: dict[str, tuple[str, list[str]]] = {
    "aac": (".mp4", ["-c:a", "aac", "-aac_coder", "fast", "-b:a", "96k"]),
    "aac_low": (".mp4", ["-c:a", "aac", "-aac_coder", "fast", "-b:a", "32k"]),
    "opus": (".webm", ["-c:a", "libopus", "-b:a", "48k"]),
    "mp3": (".mkv", ["-c:a", "libmp3lame", "-b:a", "64k"]),
    "pcm": (".mkv", ["-c:a", "pcm_s16le"]),
    "vorbis": (".webm", ["-c:a", "libvorbis", "-q:a", "2"]),
}


@dataclass(frozen=True, slots=True)
class Take:
    """A recording of a scene.

    - start, seconds: start of the take in the scene, and length of the take.
    - drift_ppm: parts per million by which the scene's clock is faster than the take's.
    - jump: (at, lost): at second ``at`` of the take, ``lost`` seconds of the scene are left out.
    - speed: factor by which the scene is played faster.
    - voice, music: level of speech or music relative to the scene; 0 for none.
    - loop, music_start: length of the music's loop, and position in the loop at the take's start, in seconds.
    - gain: level of the mix, which is clipped at 1.
    - noise: level of white noise.
    - low_pass: cut-off frequency in Hz; 0 for none.
    - echo: delay of an echo in seconds; 0 for none.
    - level_control: whether a slow automatic gain control is applied.
    - rate, channels: sample rate and number of channels of the file.
    - late: seconds of the file before its sound starts.
    - codec: key of :data:`CODECS`.
    """

    start: float
    seconds: float
    drift_ppm: float = 0.0
    jump: tuple[float, float] | None = None
    speed: float = 1.0
    voice: float = 0.0
    voice_seed: int = 1
    music: float = 0.0
    music_seed: int = 1
    music_start: float = 0.0
    loop: float = 16.0
    gain: float = 0.5
    noise: float = 0.002
    noise_seed: int = 1
    low_pass: float = 0.0
    echo: float = 0.0
    level_control: bool = False
    rate: int = 48_000
    channels: int = 2
    late: float = 0.0
    codec: str = "aac"


def scene(seed: int, seconds: float) -> Sound:
    """Return a scene: shots, steps, beeps and explosions at random times over background sound of changing level."""
    r = np.random.default_rng([77, seed])
    found = _bed(r, seconds)
    kinds = [_shot(r), _shot(r), _step(r), _step(r), _beep(r), _boom(r)]
    count = int(seconds * r.uniform(0.7, 2.0))
    busy = np.interp(np.arange(int(seconds) + 1), *_curve(r, seconds, 15.0))
    for at in r.uniform(0, seconds, count):
        if r.random() < 0.15 + 0.85 * busy[int(at)]:
            _add(found, kinds[r.integers(len(kinds))] * r.uniform(0.2, 1.0), at)
    for at in r.uniform(0, seconds, int(seconds / 8)):  # bursts of shots
        shot = kinds[r.integers(2)]
        for number in range(int(r.integers(3, 9))):
            _add(found, shot * 0.7, at + number * r.uniform(0.08, 0.12))
    return found / max(1e-6, float(np.std(found)))


def voice(seed: int, seconds: float) -> Sound:
    """Return synthetic speech with pauses: buzzing syllables with changing formants."""
    r = np.random.default_rng([78, seed])
    found = np.zeros(int(seconds * RATE), np.float32)
    at = r.uniform(0, 2)
    pitch = r.uniform(90, 220)
    while at < seconds:
        for _ in range(int(r.integers(4, 20))):
            length = r.uniform(0.08, 0.28)
            t = np.arange(int(length * RATE)) / RATE
            tone = pitch * r.uniform(0.85, 1.2) * (1 + 0.1 * np.sin(2 * np.pi * r.uniform(2, 5) * t))
            phase = 2 * np.pi * np.cumsum(tone) / RATE
            formants = [(r.uniform(300, 800), 1.0), (r.uniform(900, 2300), 0.5), (r.uniform(2400, 3200), 0.25)]
            syllable = np.zeros_like(t)
            for harmonic in range(1, 15):
                level = sum(a * np.exp(-(((harmonic * pitch - f) / 150) ** 2)) for f, a in formants) + 0.02
                syllable += level * np.sin(harmonic * phase)
            _add(found, (syllable * np.sin(np.pi * t / length) ** 0.7).astype(np.float32), at)
            at += length * r.uniform(0.8, 1.3)
        at += r.exponential(1.5)
    return found / max(1e-6, float(np.std(found)))


def music(seed: int, seconds: float, loop: float, start: float = 0.0) -> Sound:
    """Return music that repeats every ``loop`` seconds: chords, a bass and drums."""
    r = np.random.default_rng([79, seed])
    beats = max(4, round(loop / r.uniform(0.4, 0.6)))
    once = np.zeros(int(loop * RATE), np.float32)
    beat = loop / beats
    for number in range(beats):
        root = 110 * 2 ** (r.integers(0, 12) / 12)
        t = np.arange(int(beat * RATE)) / RATE
        chord = sum(np.sin(2 * np.pi * root * k * t) for k in (1, 1.5, 2, 2.52)) * np.exp(-2 * t / beat)
        _add(once, 0.4 * chord.astype(np.float32), number * beat)
        if number % 2:
            _add(once, 0.8 * _shot(r)[: RATE // 8], number * beat)
    many = np.tile(once, int((seconds + start) / loop) + 2)
    first = int(start * RATE)
    found = many[first : first + int(seconds * RATE)]
    return found / max(1e-6, float(np.std(found)))


def render(take: Take, game: Sound) -> Sound:
    """Return the sound of a take at :data:`RATE`, shape (n,), values from -1 to 1."""
    times = np.arange(round(take.seconds * RATE)) / RATE
    of_scene = take.start + times * take.speed * (1 + take.drift_ppm * 1e-6)
    if take.jump is not None:
        of_scene = np.where(times >= take.jump[0], of_scene + take.jump[1], of_scene)
    found = _at(game, of_scene)
    if take.voice:
        found = found + take.voice * voice(take.voice_seed, take.seconds + 1)[: len(found)]
    if take.music:
        found = found + take.music * music(take.music_seed, take.seconds + 1, take.loop, take.music_start)[: len(found)]
    if take.echo:
        delayed = np.concatenate([np.zeros(int(take.echo * RATE), np.float32), found])[: len(found)]
        found = found + 0.5 * delayed
    if take.low_pass:
        found = _low_passed(found, take.low_pass)
    if take.level_control:
        loud = np.sqrt(np.convolve(found**2, np.ones(RATE // 2) / (RATE // 2), "same") + 1e-4)
        found = found / loud**0.7
    found = found / max(1e-6, 4 * float(np.std(found))) * take.gain / 0.5
    found = found + take.noise * np.random.default_rng([80, take.noise_seed]).standard_normal(len(found))
    return np.clip(found, -1, 1).astype(np.float32)


def write(take: Take, game: Sound, path: Path, *, picture: bool = False) -> Path:
    """Encode the take to ``path`` with the codec's suffix. picture: whether to add a small grey video from 0 s on."""
    ending, codec = CODECS[take.codec]
    path = path.with_name(path.name + ending)
    sound = path.with_name(f"sound-{path.name}") if take.late or picture else path
    read = ["-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0"]
    _ffmpeg(*read, "-ar", str(take.rate), "-ac", str(take.channels), *codec, str(sound), stdin=render(take, game))
    if sound != path:
        length = f"d={take.seconds + take.late}"
        words = ["-f", "lavfi", "-i", f"color=gray:s=64x36:r=10:{length}", "-itsoffset", str(take.late)]
        video = "libvpx" if ending == ".webm" else "libx264"
        _ffmpeg(*words, "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c:v", video, "-c:a", "copy", str(path))
        sound.unlink()
    return path


def _ffmpeg(*words: str, stdin: Sound | None = None) -> None:
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words]
    subprocess.run(argv, input=None if stdin is None else stdin.tobytes(), check=True, capture_output=True)


def offset_between(first: Take, second: Take, time: float | None = None) -> float:
    """Return the true offset in seconds: ``first_time = second_time + offset``.

    time: time in the first take at which the offset is measured, because drift changes it; by default, the middle of
    the takes' overlap.
    """

    def offset_at(time: float) -> float:
        of_scene = first.start + (time - first.late) * first.speed * (1 + first.drift_ppm * 1e-6)
        return time - ((of_scene - second.start) / (second.speed * (1 + second.drift_ppm * 1e-6)) + second.late)

    if time is None:
        rough = offset_at(first.late)
        begin = max(first.late, rough + second.late)
        time = (begin + min(first.late + first.seconds, rough + second.late + second.seconds)) / 2
    return offset_at(time)


def _at(game: Sound, times: NDArray[np.float64]) -> Sound:
    """Return the scene at ``times`` by cubic interpolation; silence outside the scene."""
    place = times * RATE
    whole = np.floor(place).astype(int)
    x = (place - whole).astype(np.float32)
    padded = np.pad(game, 2)
    inside = (whole >= 0) & (whole < len(game))
    i = np.clip(whole, 0, len(game) - 1) + 2
    a, b, c, d = (padded[np.clip(i + k, 0, len(padded) - 1)] for k in (-1, 0, 1, 2))
    value = b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))
    return np.where(inside, value, 0.0).astype(np.float32)


def _add(found: Sound, piece: Sound, at: float) -> None:
    first = int(at * RATE)
    if 0 <= first < len(found):
        end = min(len(found), first + len(piece))
        found[first:end] += piece[: end - first]


def _curve(r: np.random.Generator, seconds: float, every: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.arange(0, seconds + 2 * every, every)
    return points, r.uniform(0, 1, len(points))


def _bed(r: np.random.Generator, seconds: float) -> Sound:
    noise = r.standard_normal(int(seconds * RATE)).astype(np.float32)
    soft = np.convolve(noise, np.ones(24, np.float32) / 24, "same")
    points, levels = _curve(r, seconds, 5.0)
    return (soft * (0.05 + 0.25 * np.interp(np.arange(len(soft)) / RATE, points, levels))).astype(np.float32)


def _burst(r: np.random.Generator, seconds: float, decay: float, width: int) -> Sound:
    noise = np.convolve(r.standard_normal(int(seconds * RATE)), np.ones(width) / width, "same")
    return (noise * np.exp(-np.arange(len(noise)) / (decay * RATE)) * np.sqrt(width)).astype(np.float32)


def _shot(r: np.random.Generator) -> Sound:
    return _burst(r, 0.3, r.uniform(0.02, 0.06), int(r.integers(1, 4)))


def _step(r: np.random.Generator) -> Sound:
    return 0.4 * _burst(r, 0.12, r.uniform(0.01, 0.03), int(r.integers(6, 16)))


def _boom(r: np.random.Generator) -> Sound:
    return 1.5 * _burst(r, 1.2, r.uniform(0.2, 0.4), int(r.integers(20, 50)))


def _beep(r: np.random.Generator) -> Sound:
    t = np.arange(int(0.2 * RATE)) / RATE
    return (0.6 * np.sin(2 * np.pi * r.uniform(500, 2500) * t) * np.exp(-t / 0.08)).astype(np.float32)


def _low_passed(sound: Sound, limit: float) -> Sound:
    spectrum = np.fft.rfft(sound)
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum *= 1 / (1 + (frequencies / limit) ** 8)
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)
