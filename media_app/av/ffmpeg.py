"""The one place that writes and runs ffmpeg's command lines, inside a child; what to make is for the callers to say.

Filter graphs are written with ffmpeg-python and nothing passes through a shell. An ffmpeg opens
local files of the listed formats alone, reads no terminal, has an environment of PATH and HOME, and dies with the
process that started it: the exec shim gives it the signal, and the mark in its environment lets a worker find it.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media_app.av.container import DECODER_OPTIONS, FORMATS, OPTIONS
from media_app.av.source import Progress, Source
from vodplatform.core.processes.child import MARK, SHIM

STILL_SECONDS = 120.0  # without any progress; rewriting a large file for a fast start shows none for a while
STDERR_LINES = 40
READ_BYTES = 65_536
SIGNALS_OF_A_CRASH = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS}
# What ffmpeg's exit code says is 256 minus the system's error number. These are never the media's fault; others are
# (a file that was cut short ends with EIO).
OUR_FAULTS = {256 - number: number for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)}
INPUT_OPTIONS = {
    "protocol_whitelist": "file,pipe",
    "format_whitelist": FORMATS,
    "probesize": OPTIONS["probesize"],
    "analyzeduration": OPTIONS["analyzeduration"],
    **DECODER_OPTIONS,
}
# Nothing of a recording's tags (place, device, names) goes into what others are shown.
WITHOUT_TAGS = {"map_metadata": "-1", "map_chapters": "-1"}


# What is asked of it: with one of these missing some renditions and exports cannot be made.
ENCODERS = frozenset({"libx264", "aac"})
FILTERS = frozenset(
    {"scale", "aresample", "bwdif", "zscale", "tonemap", "fps", "tpad", "xstack", "overlay", "drawtext"}
)
ASK_SECONDS = 20.0


class ConversionFailed(Exception):
    """ffmpeg could not make it of this media; the text is a sentence for the owner."""


class ProgramMissing(OSError):
    """There is no ffmpeg that can be started."""

    def __init__(self, why: str = "ffmpeg cannot be started") -> None:
        super().__init__(errno.ENOENT, why)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of ffmpeg: its name, its values in order, and those with a name."""

    name: str
    values: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """A track that goes into what is made. number: of the source. filters: what it passes through, in order."""

    number: int
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """Which ffmpeg to run. threads: of each decoder, filter graph and encoder."""

    path: str
    threads: int = 2

    @classmethod
    def default(cls, path: str | None = None, threads: int = 2) -> Ffmpeg:
        """``path``, or the program that comes with imageio-ffmpeg. Raises :class:`ProgramMissing`."""
        if not path:
            import imageio_ffmpeg  # type: ignore[import-untyped]

            try:
                path = imageio_ffmpeg.get_ffmpeg_exe()
            except RuntimeError as exc:
                raise ProgramMissing from exc
        return cls(str(path), threads)

    def lacks(self) -> list[str]:
        """What this ffmpeg cannot do of what is asked of it, by name. Raises :class:`ProgramMissing`."""
        missing = []
        for option, wanted in (("-encoders", ENCODERS), ("-filters", FILTERS)):
            try:
                done = subprocess.run(
                    [self.path, "-nostdin", "-hide_banner", option], capture_output=True, text=True, check=True,
                    timeout=ASK_SECONDS, stdin=subprocess.DEVNULL, env=environment(),
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as exc:
                raise ProgramMissing(f"{self.path} cannot be started") from exc
            # Each line: letters that say what it can do, its name, and what it is.
            known = {words[1] for line in done.stdout.splitlines() if len(words := line.split()) > 1}
            missing += sorted(wanted - known)
        return missing

    def make(
        self, target: Path, source: Source, tracks: Sequence[Track], options: Mapping[str, Any], *,
        on_progress: Progress | None = None, reading: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Make ``target`` of ``tracks`` of ``source``.

        options, reading: output and further input options by name, None for those without a value. Call it from a
        thread that lives as long as ffmpeg: its end is ffmpeg's. on_progress: is told about twice a second. Raises
        :class:`ConversionFailed` where the media is at fault, OSError where the disk is, :class:`ProgramMissing`.
        """
        # The prefix keeps a name such as "concat:a|b" from being taken for a protocol.
        address = f"file:{source.path}"
        reading = {"threads": self.threads, **INPUT_OPTIONS, **(reading or {})}
        if any(track.filters for track in tracks):
            rest = _graph(address, reading, tracks, target.name, options)
        else:
            maps = [word for track in tracks for word in ("-map", f"0:{track.number}")]
            rest = [*_words(reading), "-i", address, *maps, *_words(options), target.name, "-y"]
        count = str(self.threads)
        argv = [
            self.path, "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1",
            "-filter_threads", count, "-filter_complex_threads", count, *rest,
        ]  # fmt: skip
        run(argv, folder=target.parent, seconds=source.facts.duration, on_progress=on_progress)


def _words(options: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in options.items():
        words += [f"-{name}"] if value is None else [f"-{name}", str(value)]
    return words


def _graph(
    address: str, reading: Mapping[str, Any], tracks: Sequence[Track], name: str, options: Mapping[str, Any]
) -> list[str]:
    # Its import is a fifth of what the child does before a short copy begins, and a copy has no graph.
    import ffmpeg  # type: ignore[import-untyped]

    media = ffmpeg.input(address, **reading)
    nodes = []
    for track in tracks:
        node = media[str(track.number)]
        for step in track.filters:
            node = node.filter(step.name, *step.values, **dict(step.options))
        nodes.append(node)
    words: list[str] = ffmpeg.compile(ffmpeg.output(*nodes, name, **options), cmd="ffmpeg", overwrite_output=True)
    return words[1:]


def run(argv: Sequence[str], *, folder: Path, seconds: float, on_progress: Progress | None = None) -> None:
    """Run one ffmpeg with ``-progress pipe:1`` to its end; see :meth:`Ffmpeg.make`. seconds: of the result."""
    command = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", *argv]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=folder
    )
    errors: deque[bytes] = deque(maxlen=STDERR_LINES)
    try:
        _follow(process, seconds, on_progress or (lambda share: None), errors)
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        if errors:
            # For the log, through the runner; no owner is shown it.
            sys.stderr.write(b"\n".join(errors).decode("utf-8", "replace") + "\n")
    _judge(process.returncode)


def environment() -> dict[str, str]:
    """PATH and HOME, and the mark by which a worker finds what its children have started."""
    names = ("PATH", "HOME", MARK)
    return {name: os.environ[name] for name in names if name in os.environ}


def _follow(process: subprocess.Popen[bytes], seconds: float, on_progress: Progress, errors: deque[bytes]) -> None:
    """Read both pipes to their ends. Raises :class:`ConversionFailed` when nothing moves for too long."""
    assert process.stdout and process.stderr
    rest = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    where: dict[bytes, bytes] = {}
    moved_at = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(1.0):
                chunk = os.read(key.fd, READ_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                *lines, rest[key.fd] = (rest[key.fd] + chunk).split(b"\n")
                rest[key.fd] = rest[key.fd][-READ_BYTES:]
                if key.fileobj is process.stderr:
                    errors.extend(line[:500] for line in lines if line.strip())
                    continue
                for name, _, value in (line.partition(b"=") for line in lines):
                    if name in (b"frame", b"out_time_us", b"total_size") and where.get(name) != value:
                        where[name] = value
                        moved_at = time.monotonic()
                    elif name == b"progress":
                        on_progress(_share(where.get(b"out_time_us", b""), seconds))
            if time.monotonic() - moved_at > STILL_SECONDS:
                raise ConversionFailed("Its conversion came to a standstill.")


def _share(microseconds: bytes, seconds: float) -> float:
    try:
        done = int(microseconds) / 1e6
    except ValueError:  # N/A before the first packet
        return 0.0
    return min(1.0, max(0.0, done / seconds)) if seconds > 0 else 0.0


def _judge(returncode: int) -> None:
    if returncode == 0:
        return
    if returncode in OUR_FAULTS:
        raise OSError(OUR_FAULTS[returncode], os.strerror(OUR_FAULTS[returncode]))
    if returncode == 127:
        raise ProgramMissing
    if returncode < 0 and -returncode not in SIGNALS_OF_A_CRASH:
        raise OSError(errno.EINTR, f"ffmpeg was ended by {signal.Signals(-returncode).name}")
    if returncode < 0:
        raise ConversionFailed("The converter broke down over its data.")
    raise ConversionFailed("Its data is damaged, or of a kind that cannot be converted.")
