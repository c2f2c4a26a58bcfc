"""What the tests of the catalogue's files share: moderators' keys, real small videos."""

from pathlib import Path

import pytest

from media_app.catalogue import services
from media_app.videos import actors
from media_app.videos.models import Video
from tests.support.factories import make_key
from tests.support.footage import convert
from vodplatform.accounts.models import User

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1")
TAKEN = {
    "v.mp4": (), "v.mov": ("-c:v", "libx264"), "v.webm": ("-c:v", "libvpx-vp9"), "v.ogv": ("-c:v", "libtheora"),
    "v.avi": ("-c:v", "mpeg4"),
}  # fmt: skip
NOT_TAKEN = {
    "v.mkv": ("-c:v", "libx264"), "v.ts": ("-c:v", "mpeg1video", "-r", "25"), "v.flv": ("-c:v", "flv"),
    "v.wmv": ("-c:v", "wmv2"), "v.3gp": ("-c:v", "libx264", "-f", "3gp"),
}  # fmt: skip


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for name, options in (TAKEN | NOT_TAKEN).items():
        convert(None, folder / name, *PICTURE, *options)
    return folder


@pytest.fixture
def moderator_key(moderator: User) -> str:
    return make_key(moderator)


@pytest.fixture
def admin_key(admin_person: User) -> str:
    return make_key(admin_person)


@pytest.fixture
def bare(moderator: User) -> Video:
    """A catalogue video without a file, as POST /videos makes it."""
    return services.create(moderator, {"title": "To come"})


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are taken in without their renditions."""
    monkeypatch.setattr(actors, "MADE_AT_ONCE", [])
