"""Taking files into the library by reference: one row per owner and file, probed in a child."""

import sys
from pathlib import Path

import pytest
from django.db.models import RestrictedError

from media_app.videos import services
from media_app.videos.models import Video, VideoSource
from tests.conftest import Library
from tests.support.factories import make_user
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.both, pytest.mark.django_db]


def refer(user: User, *paths: Path) -> list[Video]:
    return services.reference_videos(user, [str(path) for path in paths])


def test_the_facts_are_kept(owner: User, library: Library) -> None:
    video = refer(owner, library.crew / "ntsc.mp4")[0]
    video.refresh_from_db()
    assert (video.source, video.location) == (VideoSource.REFERENCE, str(library.crew / "ntsc.mp4"))
    assert (video.fps_numerator, video.fps_denominator) == (30_000, 1001)
    assert (video.resolution, video.codec, video.mime_type) == ("320x180", "h264", "video/mp4")
    assert video.file_size == (library.crew / "ntsc.mp4").stat().st_size
    assert video.audio_tracks == [{"codec": "aac", "sample_rate": 48_000, "channels": 1}]
    assert video.title == "ntsc.mp4"


def test_a_known_file_is_not_probed_again(owner: User, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    first = refer(owner, library.crew / "plain.mp4")[0]

    monkeypatch.setattr(services, "PROBE", [sys.executable, "-c", "raise SystemExit('probed again')"])
    assert refer(owner, library.crew / "plain.mp4", library.crew / "plain.mp4") == [first, first]


def test_a_replaced_file_is_another_video_and_the_old_one_keeps_its_facts(owner: User, library: Library) -> None:
    path = library.crew / "plain.mp4"
    before = refer(owner, path)[0]
    path.unlink()
    path.hardlink_to(library.crew / "third.mp4")
    after = refer(owner, path)[0]
    before.refresh_from_db()
    assert before.pk != after.pk
    assert (before.duration, after.duration, after.audio_tracks) == (3.0, 4.0, [])


def test_each_owner_has_a_row_of_their_own(owner: User, library: Library) -> None:
    colleague = make_user()
    colleague.groups.set(owner.groups.all())
    path = library.crew / "plain.mp4"
    assert refer(owner, path)[0].pk != refer(colleague, path)[0].pk


def test_an_account_is_not_deleted_with_its_videos(owner: User, library: Library) -> None:
    video = refer(owner, library.crew / "plain.mp4")[0]
    with pytest.raises(RestrictedError):
        owner.delete()
    services.delete_video(video, owner)
    owner.delete()
    assert not User.objects.filter(username="owner").exists()


def test_one_bad_file_leaves_no_row_of_the_good_one(owner: User, library: Library) -> None:
    with pytest.raises(DomainError) as caught:
        refer(owner, library.crew / "plain.mp4", library.crew / "text.mp4")
    assert (caught.value.type.name, caught.value.extra["index"]) == ("vod_unreadable", 1)
    assert not Video.objects.exists()


def test_a_file_that_kills_the_probe_is_found(owner: User, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    # Dies of one file as a decoder would; reads the others as ever.
    fragile = (
        "import io, os, signal, sys; given = sys.stdin.read()\n"
        "if 'other.mp4' in given: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "sys.stdin = io.StringIO(given)\n"
        "from media_app.av.probe import main; main()"
    )
    monkeypatch.setattr(services, "PROBE", [sys.executable, "-c", fragile])
    with pytest.raises(DomainError) as caught:
        refer(owner, library.crew / "plain.mp4", library.crew / "other.mp4")
    assert (caught.value.type.name, caught.value.extra["index"]) == ("vod_unreadable", 1)
