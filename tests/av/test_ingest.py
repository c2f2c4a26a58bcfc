"""The ingest child: what it says, what it makes of good and bad media, and that nothing outlives it."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from media_app.av import ffmpeg as door
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.hls import make_source
from media_app.av.proxy import make_silent
from media_app.av.source import Source
from tests.support.clips import render_clip
from tests.support.footage import FFMPEG, convert, cut_short, noise, write_pictures
from tests.support.program import is_alive
from tests.support.waiting import wait_until
from vodplatform.core.processes.process import MARK, SHIM, ChildError, Limits, new_mark, run_child

pytestmark = pytest.mark.pure
CHILD = [sys.executable, "-m", "media_app.av.ingest"]
EVERY_TASK = [
    {"do": "poster"}, {"do": "sprite"}, {"do": "peaks"}, {"do": "hls", "rung": "source"}, {"do": "hls", "rung": 90},
    {"do": "proxy"}, {"do": "silent"},
]  # fmt: skip
FOLDERS = ["poster", "sprite", "peaks", "hls-source", "hls-90", "proxy", "silent"]
FIELDS = {"kind", "name", "files", "width", "height", "bit_rate", "codecs", "mime_type", "size"}
LIMITS = Limits(wall_seconds=60.0, memory_bytes=1024**3)


def request(source: Path, folder: Path, tasks: list[dict[str, Any]]) -> bytes:
    asked = {"source": str(source), "folder": str(folder), "tasks": tasks, "ffmpeg": FFMPEG, "threads": 1}
    return json.dumps(asked).encode()


def ingest(source: Path, folder: Path, tasks: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Every line of an ingest child."""
    stdin = request(source, folder, EVERY_TASK if tasks is None else tasks)
    return run_child(CHILD, stdin=stdin, limits=LIMITS).messages


def made_of(lines: list[dict[str, Any]], key: str = "made") -> dict[str, dict[str, Any]]:
    return {f"{item['kind']}-{item['name']}".rstrip("-"): item for item in lines[-1]["result"][key]}


def error_of(lines: list[dict[str, Any]]) -> dict[str, str]:
    assert lines[-1]["error"]["message"].endswith(".")
    return lines[-1]["error"]


class TestWhatItSays:
    def test_everything_is_made_told_and_in_its_folder(self, clips: Path, tmp_path: Path) -> None:
        lines = ingest(clips / "plain.mp4", tmp_path / "out")
        made = made_of(lines)
        assert list(made) == FOLDERS
        assert [line["made"] for line in lines if "made" in line] == list(made.values())
        for folder, item in made.items():
            assert item.keys() >= FIELDS
            files = {path.name: path for path in (tmp_path / "out" / folder).iterdir()}
            assert sorted(item["files"].values()) == sorted(files)
            assert item["size"] == sum(path.stat().st_size for path in files.values()) > 0
        hls = ({"playlist": "index.m3u8", "media": "media.mp4"}, "application/vnd.apple.mpegurl")
        assert {folder: (item["files"], item["mime_type"]) for folder, item in made.items()} == {
            "poster": ({"image": "poster.jpg"}, "image/jpeg"),
            "sprite": ({"vtt": "sprite.vtt", "image": "sprite.jpg"}, "image/jpeg"),
            "peaks": ({"json": "peaks.json"}, "application/json"), "hls-source": hls, "hls-90": hls,
            "proxy": ({"video": "proxy.mp4"}, "video/mp4"), "silent": ({"video": "silent.mp4"}, "video/mp4"),
        }  # fmt: skip
        percents = [line["progress"] for line in lines if "progress" in line]
        assert percents == sorted(percents)
        assert (percents[0], percents[-1]) == (0, 100)
        assert list(dict.fromkeys(line["message"] for line in lines if "progress" in line)) == [
            "Reading the video", "Creating the poster image", "Creating the preview thumbnails", "Drawing the waveform",
            "Preparing the stream", "Encoding 90p", "Creating the quick copy", "Creating a copy without sound", "Done",
        ]  # fmt: skip

    def test_progress_stays_where_it_was_when_told_less(self) -> None:
        script = "from vodplatform.core.processes.child import Reports; p = Reports(); print('noise');"
        script += "[p.progress(n, str(n)) for n in (50, 20, 60, 150)]"
        lines = run_child([sys.executable, "-c", script]).messages
        assert [line["progress"] for line in lines] == [50, 50, 60, 100]

    def test_a_long_encode_reports_on_its_way(self, tmp_path: Path) -> None:
        source = convert(None, tmp_path / "v.mp4", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30:d=12", "-preset",
                         "ultrafast")  # fmt: skip
        lines = ingest(source, tmp_path / "out", [{"do": "hls", "rung": 480}])
        assert len({line["progress"] for line in lines if line.get("message") == "Encoding 480p"}) >= 3

    def test_what_a_video_does_not_have_is_left_out_with_a_reason(self, clips: Path, tmp_path: Path) -> None:
        lines = ingest(clips / "vp9.webm", tmp_path / "out", [*EVERY_TASK, {"do": "hls", "rung": 720}])
        reasons = {folder: item["reason"] for folder, item in made_of(lines, "left_out").items()}
        assert set(reasons) == {"peaks", "hls-source", "hls-720"}
        assert all(reason.endswith(".") for reason in reasons.values())
        assert [line["left_out"]["reason"] for line in lines if "left_out" in line] == list(reasons.values())
        assert not any((tmp_path / "out" / folder).exists() for folder in reasons)

    @pytest.mark.parametrize(
        "tasks", [[{"do": "dance"}], ["poster"], [{"do": "hls", "rung": "../x"}], [{"do": "hls", "rung": 0}],
                  [{"do": "hls", "rung": 10**9}], None, b"no", b"[]", b'{"tasks": [], "source": 3, "folder": 4}'],
    )  # fmt: skip
    def test_nonsense_and_tasks_that_do_not_exist_are_refused(self, clips: Path, tmp_path: Path, tasks: Any) -> None:
        stdin = tasks if isinstance(tasks, bytes) else request(clips / "plain.mp4", tmp_path, tasks)
        assert error_of(run_child(CHILD, stdin=stdin).messages)["type"] == "bad_request"

    def test_the_ffmpeg_of_the_package_is_taken_when_none_is_named(self, clips: Path, tmp_path: Path) -> None:
        asked = {"source": str(clips / "plain.mp4"), "folder": str(tmp_path / "out"), "tasks": [{"do": "silent"}]}
        assert made_of(run_child(CHILD, stdin=json.dumps(asked).encode()).messages)["silent"]["size"]


class TestBadMedia:
    @pytest.mark.parametrize("name", ["truncated.mp4", "missing.mp4"])
    def test_what_cannot_be_read_is_an_error_and_makes_nothing(self, clips: Path, tmp_path: Path, name: str) -> None:
        assert error_of(ingest(clips / name, tmp_path / "out"))["type"] == "vod_unreadable"
        assert not (tmp_path / "out").exists()

    def test_a_file_that_ends_early_is_made_as_far_as_it_goes(self, tmp_path: Path) -> None:
        clip = render_clip(tmp_path / "w.mp4", seconds=6.0)
        broken = cut_short(convert(clip, tmp_path / "v.mp4", "-c", "copy", "-movflags", "+faststart"))
        made = made_of(ingest(broken, tmp_path / "out"))
        assert set(made) >= {"poster", "sprite", "peaks", "proxy"}

    def test_one_frame_has_everything(self, tmp_path: Path) -> None:
        made = made_of(ingest(render_clip(tmp_path / "v.mp4", seconds=0.03), tmp_path / "out"))
        assert list(made) == FOLDERS

    def test_a_cover_picture_is_not_the_video(self, clips: Path, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "cover.png"), noise(1, 64, 64))
        path = convert(
            clips / "plain.mp4", tmp_path / "v.mp4", "-i", str(tmp_path / "cover.png"), "-map", "1", "-map", "0",
            "-c", "copy", "-disposition:v:0", "attached_pic",
        )  # fmt: skip
        made = made_of(ingest(path, tmp_path / "out"))
        assert {(item["width"], item["height"]) for item in made.values() if item["kind"] in ("hls", "proxy")} == {
            (320, 180), (160, 90),
        }  # fmt: skip
        assert (made["poster"]["width"], made["poster"]["height"]) == (320, 180)

    def test_several_sounds_are_one(self, clips: Path, tmp_path: Path) -> None:
        maps = ("-map", "0:a", "-map", "0:v", "-map", "0:a")
        path = convert(clips / "plain.mp4", tmp_path / "v.mkv", *maps, "-c", "copy")
        made = made_of(ingest(path, tmp_path / "out", [{"do": "hls", "rung": "source"}]))
        assert made["hls-source"]["codecs"].count("mp4a") == 1

    def test_a_side_of_a_hundred_thousand_pixels_is_refused(self, clips: Path, tmp_path: Path) -> None:
        path = convert(clips / "plain.mp4", tmp_path / "v.mkv", "-c", "copy", "-an")
        content = path.read_bytes()
        width = b"\xb0\x82" + (320).to_bytes(2)  # PixelWidth, two bytes
        assert content.count(width) == 1
        height = b"\xba\x81" + (180).to_bytes(1)
        assert content.count(height) == 1
        # 100 000 does not fit into two bytes: the one after it is the height's, with a name of its own.
        path.write_bytes(content.replace(width + height, b"\xb0\x83" + (100_000).to_bytes(3) + b"\xba\x80"))
        assert error_of(ingest(path, tmp_path / "out"))["type"] == "vod_unreadable"

    def test_the_size_that_a_header_claims_takes_no_memory(self, clips: Path, tmp_path: Path) -> None:
        """The pictures' own headers say 320×180, and they are what is decoded."""
        content = (clips / "plain.mp4").read_bytes()
        entry = content.index(b"avc1", content.index(b"stsd")) + 28  # width and height of the sample entry
        assert content[entry : entry + 4] == (320).to_bytes(2) + (180).to_bytes(2)
        path = tmp_path / "v.mp4"
        path.write_bytes(content[:entry] + b"\xff\xff\xff\xff" + content[entry + 4 :])
        finished = run_child(CHILD, stdin=request(path, tmp_path / "out", EVERY_TASK), limits=LIMITS)
        assert finished.peak_memory_bytes < 400 * 1024**2
        assert made_of(finished.messages)["poster"]["height"] == 180

    def test_opening_a_picture_bomb_takes_no_memory(self, tmp_path: Path) -> None:
        """FFmpeg decodes a picture while it opens the file: 250 kB become a thousand times as much."""
        cv2.imwrite(str(tmp_path / "bomb.png"), np.zeros((16_000, 16_000), np.uint8))
        path = convert(tmp_path / "bomb.png", tmp_path / "v.mp4", "-c", "copy")
        assert path.stat().st_size < 1_000_000
        finished = run_child(CHILD, stdin=request(path, tmp_path / "out", EVERY_TASK), limits=LIMITS)
        assert error_of(finished.messages)["type"] == "vod_unreadable"
        assert finished.peak_memory_bytes < 300 * 1024**2
        code = (
            "import json, sys\nfrom media_app.av.container import open_media\n"
            # Not ru_maxrss: that begins with what the process was forked from.
            "most = lambda: 1024 * int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
            "before = most()\nopen_media(sys.argv[1]).close()\nprint(json.dumps({'bytes': most() - before}))"
        )
        [said] = run_child([sys.executable, "-c", code, str(path)], limits=LIMITS).messages
        assert said["bytes"] < 100 * 1024**2

    def test_a_claim_to_last_for_years_is_refused(self, clips: Path, tmp_path: Path) -> None:
        path = convert(clips / "plain.mp4", tmp_path / "v.mkv", "-c", "copy")
        content = path.read_bytes()
        duration = content.index(b"\x44\x89\x88") + 3  # Duration, a double, in milliseconds
        path.write_bytes(content[:duration] + struct.pack(">d", 1e12) + content[duration + 8 :])
        assert "days" in error_of(ingest(path, tmp_path / "out"))["message"]


class TestFilesThatNameOthers:
    """What a playlist names is a pipe here: whoever opened it would wait for ever, and the child would not end."""

    @pytest.mark.parametrize(("name", "script"), [
        ("list.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:{folder}/secret.ts\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile secret.ts\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile 'file:{folder}/secret.ts'\n"),
        ("list.mpd",
         '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
         '<Representation id="1" mimeType="video/mp4"><BaseURL>secret.ts</BaseURL></Representation>'
         "</AdaptationSet></Period></MPD>"),
    ])  # fmt: skip
    def test_they_are_refused_and_what_they_name_is_not_opened(self, tmp_path: Path, name: str, script: str) -> None:
        os.mkfifo(tmp_path / "secret.ts")
        (tmp_path / name).write_text(script.format(folder=tmp_path))
        stdin = request(tmp_path / name, tmp_path / "out", EVERY_TASK)
        finished = run_child(CHILD, stdin=stdin, limits=Limits(wall_seconds=20))
        assert error_of(finished.messages)["type"] == "vod_unreadable"

    def test_ffmpeg_does_not_play_what_a_script_names(self, clips: Path, tmp_path: Path) -> None:
        """The file that it names is there and good: nothing but the list of formats keeps it from being opened."""
        convert(clips / "plain.mp4", tmp_path / "secret.ts", "-c", "copy")
        (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile secret.ts\n")
        swapped = replace(Source.open(clips / "plain.mp4"), path=tmp_path / "list.ffconcat")
        with pytest.raises(ConversionFailed):
            make_silent(tmp_path, swapped, Ffmpeg(FFMPEG, 1))

    def test_a_protocol_in_a_name_is_only_a_name(self, clips: Path, tmp_path: Path) -> None:
        for name in ("concat:a|b.mp4", "data:,x.mp4", "-y.mp4", "%d.mp4", "pipe:0.mp4", "a'b\n.mp4"):
            path = tmp_path / name
            path.write_bytes((clips / "plain.mp4").read_bytes())
            assert made_of(ingest(path, tmp_path / "out", [{"do": "silent"}, {"do": "poster"}]))["silent"]["size"]


class TestDiskTrouble:
    @pytest.mark.parametrize(
        "file",
        ["poster/poster.jpg", "sprite/sprite.vtt", "peaks/peaks.json", "hls-source/media.mp4", "proxy/proxy.mp4",
         "silent/silent.mp4"],
    )  # fmt: skip
    def test_a_full_disk_is_no_fault_of_the_video(self, clips: Path, tmp_path: Path, file: str) -> None:
        path = tmp_path / "out" / file
        path.parent.mkdir(parents=True)
        path.symlink_to("/dev/full")
        tasks = [{"do": path.parent.name.removesuffix("-source")}, {"do": "poster"}]
        lines = ingest(clips / "plain.mp4", tmp_path / "out", tasks)
        assert error_of(lines)["type"] == "disk_full"
        assert not any("left_out" in line for line in lines)

    def test_a_disk_that_fills_up_on_the_way_is_an_error_too(self, tmp_path: Path) -> None:
        """The limit of a file's size ends ffmpeg as a full disk does, in the middle of its work."""
        source = convert(None, tmp_path / "v.mp4", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=4", "-crf", "10")
        assert source.stat().st_size > 400_000
        script = f"ulimit -f 200; exec {sys.executable} -m media_app.av.ingest"
        for task in ({"do": "silent"}, {"do": "hls"}):
            lines = run_child(["bash", "-c", script], stdin=request(source, tmp_path / "out", [task])).messages
            assert error_of(lines)["type"] == "disk_full"

    def test_a_playlist_without_its_end_is_a_full_disk(self, clips: Path, tmp_path: Path) -> None:
        """What ffmpeg leaves where the disk is full before the playlist is written: an empty one, and no complaint."""
        program = tmp_path / "ffmpeg"
        program.write_text("#!/bin/sh\necho media > media.mp4\n: > index.m3u8\n")
        program.chmod(0o755)
        with pytest.raises(OSError) as caught:
            make_source(tmp_path, Source.open(clips / "plain.mp4"), Ffmpeg(str(program), 1))
        assert caught.value.errno == errno.ENOSPC

    def test_a_folder_that_cannot_be_made_and_a_missing_ffmpeg_are_errors(self, clips: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        lines = ingest(clips / "plain.mp4", tmp_path / "file" / "out", [{"do": "poster"}])
        assert error_of(lines)["type"] == "unavailable"
        asked = json.loads(request(clips / "plain.mp4", tmp_path / "out", [{"do": "silent"}]))
        asked["ffmpeg"] = str(tmp_path / "nowhere")
        assert error_of(run_child(CHILD, stdin=json.dumps(asked).encode()).messages)["type"] == "unavailable"


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes a minute to encode: 20 minutes of one large picture, a small file all the same."""
    folder = tmp_path_factory.mktemp("long")
    picture = ("-f", "lavfi", "-i", "color=gray:s=1920x1080:r=30:d=2", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    short = convert(None, folder / "short.mp4", *picture)
    return convert(None, folder / "v.mp4", "-stream_loop", "-1", "-i", str(short), "-t", "1200", "-c", "copy")


@contextmanager
def running(source: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """An ingest child in the middle of an encode, and its ffmpeg."""
    # Workers of other parts of the suite end what bears the mark of a process that is no more.
    environment = {**os.environ, MARK: new_mark(), "SECRET_KEY": "do not tell"}
    with subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment) as child:
        assert child.stdin
        child.stdin.write(request(source, folder, [{"do": "proxy"}]))
        child.stdin.close()
        try:
            yield child, wait_until(lambda: encoder_of(child.pid), seconds=20)
        finally:
            child.kill()


def encoder_of(pid: int) -> psutil.Process | None:
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            if process.exe() == os.path.realpath(FFMPEG):
                return process
    return None


class TestNothingOutlivesIt:
    def test_ffmpeg_dies_with_the_child(self, endless: Path, tmp_path: Path) -> None:
        with running(endless, tmp_path) as (child, encoder):
            os.kill(child.pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(encoder), seconds=2)

    def test_ffmpeg_sees_path_and_home_alone(self, endless: Path, tmp_path: Path) -> None:
        with running(endless, tmp_path) as (child, encoder):
            # The shim's Python may add a locale of its own.
            assert set(encoder.environ()) - {"LC_CTYPE"} == {"PATH", "HOME", MARK}
            assert encoder.environ()[MARK] == psutil.Process(child.pid).environ()[MARK]
            words = encoder.cmdline()
        assert "-nostdin" in words
        assert words[words.index("-protocol_whitelist") + 1] == "file,pipe"
        assert "hls" not in words[words.index("-format_whitelist") + 1]
        assert words[words.index("-i") + 1].startswith("file:")
        assert words[words.index("-threads") + 1] == "1"

    def test_a_stopped_job_has_no_ffmpeg_left(self, endless: Path, tmp_path: Path) -> None:
        encoders: list[psutil.Process] = []

        def should_stop() -> str | None:
            found = next((e for c in psutil.Process().children() if (e := encoder_of(c.pid))), None)
            encoders.extend([found] if found else [])
            return "That is enough." if found else None

        with pytest.raises(ChildError, match="enough"):
            run_child(CHILD, stdin=request(endless, tmp_path, [{"do": "proxy"}]), should_stop=should_stop)
        wait_until(lambda: not is_alive(encoders[0]), seconds=2)


class TestTheRunner:
    def test_shim_and_mark_are_the_workers(self) -> None:
        assert (door.SHIM, door.MARK) == (SHIM, MARK)

    def test_faults_of_the_system_and_of_the_media_are_told_apart(self, clips: Path, tmp_path: Path) -> None:
        for script, number in (
            ("exit 228", errno.ENOSPC), ("kill -KILL $$", errno.EINTR), ("exit 229", errno.EFBIG),
        ):  # fmt: skip
            with pytest.raises(OSError) as caught:
                door.run(["bash", "-c", script], folder=tmp_path, seconds=1.0)
            assert caught.value.errno == number
        with pytest.raises(ConversionFailed, match="crashed while"):
            door.run(["bash", "-c", "kill -SEGV $$"], folder=tmp_path, seconds=1.0)
        swapped = replace(Source.open(clips / "plain.mp4"), path=clips / "text.mp4")
        with pytest.raises(ConversionFailed, match="damaged"):
            make_silent(tmp_path, swapped, Ffmpeg(FFMPEG, 1))

    def test_one_that_stands_still_is_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door, "STALL_TIMEOUT_SECONDS", 1.5)
        script = "echo $$ > pid; while :; do echo out_time_us=5; echo progress=continue; sleep 0.2; done"
        with pytest.raises(ConversionFailed, match="stopped making progress"):
            door.run(["bash", "-c", script], folder=tmp_path, seconds=1.0)
        pid = int((tmp_path / "pid").read_text())
        wait_until(lambda: not psutil.pid_exists(pid), seconds=2)

    def test_progress_is_a_share(self, tmp_path: Path) -> None:
        shares: list[float] = []
        script = "for t in N/A -5 500000 1000000 3000000; do echo out_time_us=$t; echo progress=continue; done"
        door.run(["bash", "-c", script], folder=tmp_path, seconds=2.0, on_progress=shares.append)
        assert shares == [0.0, 0.0, 0.25, 0.5, 1.0]


@pytest.mark.exhaustive
def test_a_long_sound_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """Half an hour, 170 MB of samples: they are never all there at once."""
    picture = write_pictures(tmp_path / "p.mp4", [noise(number, 64, 48) for number in range(10)])
    path = convert(
        None, tmp_path / "v.mkv", "-stream_loop", "-1", "-i", str(picture), "-f", "lavfi", "-i", "sine=r=48000",
        "-t", "1800", "-c:v", "copy", "-c:a", "pcm_s16le",
    )  # fmt: skip
    finished = run_child(CHILD, stdin=request(path, tmp_path / "out", [{"do": "peaks"}]), limits=LIMITS)
    assert made_of(finished.messages)["peaks"]["size"]
    assert finished.peak_memory_bytes < 160 * 1024**2
