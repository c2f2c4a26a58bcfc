"""`manage.py import_videos`: a folder's videos into a library, once each, however often it was broken off."""

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs_app.models import Job
from media_app.videos import importing
from media_app.videos.models import Video
from tests.conftest import Library
from tests.support.clips import render_clip
from tests.support.factories import make_user
from tests.support.program import PROJECT_ROOT, clean_environment, manage
from tests.support.s3 import Bucket
from tests.support.stored import files_in
from tests.support.waiting import wait_until
from vodplatform.accounts.models import Role, User

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = {
    "plain.mp4", "other.mp4", "third.mp4", "ntsc.mp4", "rotated.mp4", "hevc.mp4", "av1.mp4", "vp9.webm", "vfr.mp4",
    "silent.mp4",
}  # fmt: skip
BAD = {"truncated.mp4", "empty.mp4", "text.mp4"}
Run = Callable[..., tuple[int, list[dict[str, Any]], dict[str, int]]]


@pytest.fixture
def media(settings: Any, media: Path) -> Path:
    """The store of this test, in the data folder."""
    settings.DATA_DIR = media.parent
    return media


@pytest.fixture
def run(owner: User, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command with ``--json``, for ``owner`` if none is named; exit code, a line for each file, sums."""

    def call(folder: Path, **options: Any) -> tuple[int, list[dict[str, Any]], dict[str, int]]:
        try:
            call_command("import_videos", str(folder), json=True, **{"owner": "owner", **options})
            code = 0
        except SystemExit as exc:
            code = int(exc.code or 0)
        *lines, sums = map(json.loads, capsys.readouterr().out.splitlines())
        return code, lines, sums

    return call


def names(lines: list[dict[str, Any]], status: str) -> set[str]:
    return {Path(line["path"]).name for line in lines if line["status"] == status}


def some(library: Library, *wanted: str) -> Path:
    """The library's folder with only these clips in it."""
    for path in library.crew.iterdir():
        if path.name not in wanted:
            path.unlink()
    return library.crew


class TestByReference:
    def test_every_video_is_used_and_what_is_none_is_named(self, owner: User, library: Library, run: Run) -> None:
        code, lines, sums = run(library.crew)
        assert (names(lines, "imported"), names(lines, "failed")) == (GOOD, BAD)
        assert (code, sums) == (1, {"imported": 10, "there": 0, "failed": 3})
        assert all(line["error"]["message"] for line in lines if line["status"] == "failed")
        videos = Video.objects.filter(owner=owner, source="reference", status="ready")
        assert {Path(video.location).name for video in videos} == GOOD
        assert not Job.objects.exists()

    def test_a_second_run_reads_nothing(self, library: Library, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = some(library, "plain.mp4", "other.mp4")
        assert run(folder)[2] == {"imported": 2, "there": 0, "failed": 0}
        monkeypatch.setattr(importing, "reference_videos", lambda *words: pytest.fail("looked at again"))
        assert run(folder) == (
            0,
            [{"path": str(folder / name), "status": "there"} for name in ("other.mp4", "plain.mp4")],
            {"imported": 0, "there": 2, "failed": 0},
        )

    def test_a_file_that_has_changed_is_another_video(self, library: Library, run: Run) -> None:
        folder = some(library, "plain.mp4")
        run(folder)
        (folder / "plain.mp4").unlink()
        render_clip(folder / "plain.mp4", seconds=1)
        assert run(folder)[2] == {"imported": 1, "there": 0, "failed": 0}

    def test_only_below_a_folder_that_the_owner_may_use(self, owner: User, library: Library) -> None:
        for folder in (library.staff, library.outside, library.crew.parent):
            with pytest.raises(CommandError, match=r"VOD_LIBRARY_ROOTS.*--copy"):
                call_command("import_videos", str(folder), owner="owner")
        assert not Video.objects.exists()

    def test_a_folder_inside_one_will_do(self, library: Library, run: Run) -> None:
        inside = library.crew / "2024" / "may"
        inside.mkdir(parents=True)
        (inside / "match.mp4").hardlink_to(library.crew / "plain.mp4")
        assert run(inside)[2]["imported"] == 1
        assert Video.objects.get().title == "match.mp4"


class TestCopies:
    def test_they_are_stored_and_queued(self, owner: User, library: Library, run: Run, media: Path) -> None:
        folder = some(library, "plain.mp4", "vp9.webm")
        content = {path.stem: path.read_bytes() for path in folder.iterdir()}
        code, lines, sums = run(folder, copy=True)
        assert (code, sums) == (0, {"imported": 2, "there": 0, "failed": 0})
        for line in lines:
            video = Video.objects.get(pk=line["video_id"])
            assert (video.source, video.status, video.owner) == ("stored", "processing", owner)
            assert video.location.startswith(f"videos/{video.pk}/")
            assert (media / video.location).read_bytes() == content[video.title]
            assert video.file_size == len(content[video.title])
            job = Job.objects.get(pk=line["job_id"])
            assert (job.kind, job.status, job.params) == ("ingest", "queued", {"video_id": str(video.pk)})
        assert {path.name for path in folder.iterdir()} == {"plain.mp4", "vp9.webm"}
        assert files_in(media.parent, "tmp") == []

    def test_each_owner_has_one_copy(self, other: User, library: Library, run: Run, media: Path) -> None:
        folder = some(library, "plain.mp4")
        run(folder, copy=True)
        before = files_in(media)
        assert run(folder, copy=True)[2] == {"imported": 0, "there": 1, "failed": 0}
        assert files_in(media) == before
        assert run(folder, owner="other", copy=True)[2]["imported"] == 1
        assert len({video.location for video in Video.objects.all()}) == 2
        Video.objects.all().delete()
        assert run(folder, copy=True)[2] == {"imported": 1, "there": 0, "failed": 0}
        assert run(library.outside, owner="other", copy=True)[2]["imported"] == 2

    def test_what_is_no_video_is_not_copied(self, library: Library, run: Run, media: Path) -> None:
        folder = some(library, "text.mp4", "empty.mp4")
        code, lines, sums = run(folder, copy=True)
        assert (code, sums) == (1, {"imported": 0, "there": 0, "failed": 2})
        assert {line["error"]["type"] for line in lines} == {"not_a_video"}
        assert files_in(media) == []

    @pytest.mark.services
    def test_on_s3_they_are_sent_without_a_copy_here_once_it_answers(
        self, library: Library, run: Run, media: Path, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "_copy", lambda *words: pytest.fail("copied"))
        folder = some(library, "plain.mp4")
        s3_storage.faults.answer_503()
        with pytest.raises(CommandError, match=r"does not answer.*Run the command again"):
            run(folder, copy=True)
        assert (folder / "plain.mp4").exists()
        assert not Video.objects.exists()
        s3_storage.faults.heal()
        assert run(folder, copy=True)[2] == {"imported": 1, "there": 0, "failed": 0}
        video = Video.objects.get()
        assert s3_storage.keys() == [video.location]
        assert s3_storage.content(video.location) == (folder / "plain.mp4").read_bytes()

    def test_two_runs_at_once_make_one_video(
        self, owner: User, library: Library, run: Run, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = some(library, "plain.mp4")
        taken = importing.upload_handlers.import_file

        def first_another(*words: Any, **options: Any) -> Video:
            monkeypatch.setattr(importing.upload_handlers, "import_file", taken)
            assert importing.import_copy(owner, folder / "plain.mp4", has_limits=True, on_progress=lambda done: None)
            return taken(*words, **options)

        monkeypatch.setattr(importing.upload_handlers, "import_file", first_another)
        assert run(folder, copy=True)[2] == {"imported": 0, "there": 1, "failed": 0}
        assert len(files_in(media)) == Video.objects.count() == 1

    def test_a_growing_file_is_not_taken(self, owner: User, library: Library, media: Path, tmp_path: Path) -> None:
        path = tmp_path / "growing.mp4"
        shutil.copyfile(library.crew / "plain.mp4", path)

        def grow(done: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        with path.open("rb") as source, pytest.raises(importing.DomainError, match="changed"):
            importing._copy(source.fileno(), tmp_path / "copy", grow)


class TestLimits:
    @pytest.fixture
    def folder(self, library: Library, media: Path) -> Path:
        return some(library, "plain.mp4", "other.mp4")

    def limit(self, settings: Any, **limits: int) -> None:
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": {**settings.TIER_LIMITS["free"], **limits}}

    @pytest.mark.parametrize(
        ("limit", "more", "type"), [("max_upload_bytes", 0, "too_large"), ("max_storage_bytes", 10, "storage_full")]
    )
    def test_plan_limits_files(self, folder: Path, run: Run, settings: Any, limit: str, more: int, type: str) -> None:
        self.limit(settings, **{limit: (folder / "other.mp4").stat().st_size + more})
        code, lines, sums = run(folder, copy=True)
        assert (code, sums["imported"], lines[1]["error"]["type"]) == (1, 1, type)

    @pytest.mark.parametrize("options", [{"copy": True, "no_limits": True}, {}], ids=["told so", "by reference"])
    def test_forced_or_only_referenced(self, folder: Path, run: Run, settings: Any, options: dict[str, bool]) -> None:
        """An operator may exceed the plan; references take no room."""
        self.limit(settings, max_upload_bytes=1, max_storage_bytes=1)
        assert run(folder, **options)[2]["imported"] == 2

    def test_a_full_disk_ends_it_with_a_sentence(self, owner: User, folder: Path, settings: Any) -> None:
        settings.DISK_RESERVE_BYTES = 1 << 60
        with pytest.raises(CommandError, match="disk is full"):
            call_command("import_videos", str(folder), owner="owner", copy=True)
        assert not Video.objects.exists()


class TestWalking:
    def paths(self, folder: Path) -> list[str]:
        problems: list[OSError] = []
        found = list(importing.video_files(folder, problems.append))
        assert all(problem.errno == errno.EILSEQ for problem in problems)
        self.unnamed = [problem.filename for problem in problems]
        return [path.relative_to(folder).as_posix() for path in found]

    def make(self, folder: Path, *names: str) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    def test_all_below_in_name_order_however_deep(self, tmp_path: Path) -> None:
        deep = "/".join("abcdefghijklmnop") + "/z.mkv"
        self.make(tmp_path, "b.MP4", "a.webm", "notes.txt", "noext", deep, "b/c.mov", "über.mp4")
        self.make(tmp_path, ".a.mp4", ".git/b.mp4", "c/.d/e.mp4")
        os.mkfifo(tmp_path / "pipe.mp4")
        (tmp_path / "folder.mp4").mkdir()
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")).touch()
        assert self.paths(tmp_path) == ["a.webm", "b.MP4", "über.mp4", deep, "b/c.mov"]
        assert self.unnamed == ["\ufffd.mp4"]

    def test_links_that_lead_out_are_left_out_and_others_are_the_file(self, tmp_path: Path) -> None:
        inside, outside = tmp_path / "inside", tmp_path / "outside"
        self.make(inside, "a.mp4", "sub/b.mp4")
        self.make(outside, "secret.mp4")
        (inside / "link.mp4").symlink_to(outside / "secret.mp4")
        (inside / "folder").symlink_to(outside)
        (inside / "broken.mp4").symlink_to(tmp_path / "none.mp4")
        (inside / "loop").symlink_to(inside)
        (inside / "again.mp4").symlink_to(inside / "a.mp4")
        assert self.paths(inside) == ["a.mp4", "sub/b.mp4"]

    def test_a_folder_that_cannot_be_read_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        scan = os.scandir

        def refuse(path: Any) -> Any:
            if str(path).endswith("locked"):
                raise PermissionError(13, "Permission denied", str(path))
            return scan(path)

        self.make(tmp_path, "locked/a.mp4", "b.mp4")
        monkeypatch.setattr(os, "scandir", refuse)
        problems: list[OSError] = []
        assert [path.name for path in importing.video_files(tmp_path, problems.append)] == ["b.mp4"]
        assert [Path(str(problem.filename)).name for problem in problems] == ["locked"]


class TestOwner:
    @pytest.mark.parametrize(
        ("folder", "name", "said"), [(".", "nobody", "no account nobody"), ("none", "owner", "does not exist")]
    )
    def test_needs_account_and_folder(self, owner: User, tmp_path: Path, folder: str, name: str, said: str) -> None:
        with pytest.raises(CommandError, match=said):
            call_command("import_videos", str(tmp_path / folder), owner=name)

    def test_the_only_admin_needs_no_name(self, admin_person: User, library: Library, run: Run) -> None:
        assert run(some(library, "plain.mp4"), owner=None)[2]["imported"] == 1
        assert Video.objects.get().owner == admin_person

    def test_none_or_several_do(self, db: None, tmp_path: Path) -> None:
        make_user(role=Role.ADMIN, is_active=False)
        for _ in range(2):
            with pytest.raises(CommandError, match="--owner"):
                call_command("import_videos", str(tmp_path))
            for _ in range(2):
                make_user(role=Role.ADMIN)


class TestWords:
    def test_reasons_and_sums_in_words(self, owner: User, library: Library, capsys: pytest.CaptureFixture[str]) -> None:
        folder = some(library, "plain.mp4", "text.mp4")
        with pytest.raises(SystemExit) as ended:
            call_command("import_videos", str(folder), owner="owner")
        out, bar = capsys.readouterr()
        assert ended.value.code == 1
        reason, sums = out.splitlines()
        assert reason.startswith(f"{folder / 'text.mp4'}: ")
        assert sums == "1 imported, 0 already in the library, 1 failed"
        assert "2/2" in bar

    def test_an_empty_folder_is_no_failure(self, library: Library, run: Run) -> None:
        assert run(some(library)) == (0, [], {"imported": 0, "there": 0, "failed": 0})

    def test_ctrl_c_says_how_far_it_came(
        self, owner: User, library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take = importing.import_reference

        def interrupted(who: User, path: Path) -> Video | None:
            if path.name == "plain.mp4":
                raise KeyboardInterrupt
            return take(who, path)

        monkeypatch.setattr(importing, "import_reference", interrupted)
        with pytest.raises(SystemExit) as ended:
            call_command("import_videos", str(some(library, "other.mp4", "plain.mp4")), owner="owner")
        assert ended.value.code == 130
        assert capsys.readouterr().out.startswith("1 imported")


@pytest.mark.services
def test_killed_in_the_middle_it_leaves_nothing_half_and_goes_on(clips: Path, tmp_path: Path) -> None:
    """kill −9 while the first file is being copied, then while the second is; the third run comes to its end."""
    data, folder = tmp_path / "data", tmp_path / "videos"
    folder.mkdir()
    size = 256 * 1024**2
    for number in range(3):
        path = folder / f"{number}.mp4"
        shutil.copyfile(clips / "plain.mp4", path)
        os.truncate(path, size)
    for words in (["migrate"], ["create_account", "anna", "--tier", "pro"]):
        done = manage(*words, "--data-dir", str(data), environment={})
        assert done.returncode == 0, done.stderr

    def rows() -> list[tuple[str, int]]:
        with closing(sqlite3.connect(f"file:{data / 'vodplatform.sqlite3'}?mode=ro", uri=True, timeout=20)) as found:
            return found.execute("SELECT location, file_size FROM catalog_video").fetchall()

    def is_copying() -> bool:
        return any(path.stat().st_size for path in data.glob("tmp/import-*/file"))

    argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "import_videos", str(folder), "--owner", "anna", "--copy"]
    for wanted in range(2):
        for left in data.glob("tmp/import-*"):
            shutil.rmtree(left)
        process = subprocess.Popen(
            [*argv, "--data-dir", str(data)], env=clean_environment({}), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert wait_until(lambda wanted=wanted: len(rows()) == wanted and is_copying(), 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for location, file_size in rows():
            assert (data / "media" / location).stat().st_size == file_size == size
    assert len(rows()) < 3, "both kills came too late to show anything"
    done = manage(*argv[2:], "--data-dir", str(data), environment={}, seconds=120)
    assert done.returncode == 0, done.stderr
    assert len(rows()) == 3
    assert len(list((data / "media").rglob("*.mp4"))) == 3
    assert manage(*argv[2:], "--data-dir", str(data), environment={}).stdout.startswith(
        "0 imported, 3 already in the library"
    )
