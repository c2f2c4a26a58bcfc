"""ffmpeg command lines and their execution, without shell, terminal or remote files.

The exec shim makes ffmpeg die with its parent process.
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

# Seconds without progress after which a conversion fails. While ffmpeg moves a large index, it reports no progress.
STALL_TIMEOUT_SECONDS = 120.0
STDERR_LINES = 40
READ_BYTES = 65_536
SIGNALS_OF_A_CRASH = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS}
# Errno of server faults, by ffmpeg's exit code (256 - errno). EIO is omitted: it means a truncated file.
SERVER_ERRNO_BY_EXIT_CODE = {256 - number: number for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)}
INPUT_OPTIONS = {
    "protocol_whitelist": "file,pipe",
    "format_whitelist": FORMATS,
    "probesize": OPTIONS["probesize"],
    "analyzeduration": OPTIONS["analyzeduration"],
    **DECODER_OPTIONS,
}
# ffmpeg options that drop tags (location, device, names), to hide them from viewers.
WITHOUT_TAGS = {"map_metadata": "-1", "map_chapters": "-1"}


ENCODERS = frozenset({"libx264", "aac"})
FILTERS = frozenset(
    {"scale", "aresample", "bwdif", "zscale", "tonemap", "fps", "tpad", "xstack", "overlay", "drawtext"}
)
ASK_SECONDS = 20.0


class ConversionFailed(Exception):
    pass


class ProgramMissing(OSError):
    def __init__(self, why: str = "ffmpeg cannot be started") -> None:
        super().__init__(errno.ENOENT, why)


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    values: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


DEINTERLACE = Filter("bwdif", (), (("mode", "send_frame"), ("deint", "interlaced")))


@dataclass(frozen=True, slots=True)
class Track:
    number: int
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg program. threads: number of threads of each decoder, filter graph and encoder."""

    path: str
    threads: int = 2

    @classmethod
    def default(cls, path: str | None = None, threads: int = 2) -> Ffmpeg:
        if not path:
            import imageio_ffmpeg  # type: ignore[import-untyped]

            try:
                path = imageio_ffmpeg.get_ffmpeg_exe()
            except RuntimeError as exc:
                raise ProgramMissing from exc
        return cls(str(path), threads)

    def missing_features(self) -> list[str]:
        missing = []
        for option, wanted in (("-encoders", ENCODERS), ("-filters", FILTERS)):
            try:
                done = subprocess.run(
                    [self.path, "-nostdin", "-hide_banner", option], capture_output=True, text=True, check=True,
                    timeout=ASK_SECONDS, stdin=subprocess.DEVNULL, env=environment(),
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as exc:
                raise ProgramMissing(f"{self.path} cannot be started") from exc
            known = {words[1] for line in done.stdout.splitlines() if len(words := line.split()) > 1}
            missing += sorted(wanted - known)
        return missing

    def make(
        self, target: Path, source: Source, tracks: Sequence[Track], options: Mapping[str, Any], *,
        on_progress: Progress | None = None, reading: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write ``target`` from ``tracks`` of ``source``.

        options: output options. reading: input options. The value of an option that takes no value is None. If the
        calling thread ends, ffmpeg is killed. Raises :class:`ConversionFailed`, :class:`ProgramMissing`, OSError.
        """
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
    # Import ``ffmpeg`` only here: the import is slow, and stream copies need no filter graph.
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
    command = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", *argv]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=folder
    )
    errors: deque[bytes] = deque(maxlen=STDERR_LINES)
    try:
        _read_progress(process, seconds, on_progress or (lambda share: None), errors)
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        if errors:
            sys.stderr.write(b"\n".join(errors).decode("utf-8", "replace") + "\n")
    _raise_for_exit_code(process.returncode)


def environment() -> dict[str, str]:
    names = ("PATH", "HOME", MARK)
    return {name: os.environ[name] for name in names if name in os.environ}


def _read_progress(
    process: subprocess.Popen[bytes], seconds: float, on_progress: Progress, errors: deque[bytes]
) -> None:
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
            if time.monotonic() - moved_at > STALL_TIMEOUT_SECONDS:
                raise ConversionFailed("The conversion stopped making progress.")


def _share(microseconds: bytes, seconds: float) -> float:
    try:
        done = int(microseconds) / 1e6
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, done / seconds)) if seconds > 0 else 0.0


def _raise_for_exit_code(returncode: int) -> None:
    if returncode == 0:
        return
    if returncode in SERVER_ERRNO_BY_EXIT_CODE:
        raise OSError(SERVER_ERRNO_BY_EXIT_CODE[returncode], os.strerror(SERVER_ERRNO_BY_EXIT_CODE[returncode]))
    if returncode == 127:
        raise ProgramMissing
    if returncode < 0 and -returncode not in SIGNALS_OF_A_CRASH:
        raise OSError(errno.EINTR, f"ffmpeg was stopped by the signal {signal.Signals(-returncode).name}")
    if returncode < 0:
        raise ConversionFailed("The converter crashed while it processed this video.")
    raise ConversionFailed("The video is damaged or has an unsupported format.")
