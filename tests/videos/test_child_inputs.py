"""Where work gets the bytes of a video from: its own path, a copy, or parts of what lies in a bucket."""

from pathlib import Path
from typing import Any

import pytest

from jobs_app.context import JobFailed
from media_app.storage.files import StoreFull, StoreUnavailable
from media_app.videos.child_inputs import open_child_inputs
from media_app.videos.models import Video, VideoScope
from media_app.videos.services import local_playable_path
from tests.support.factories import make_video
from tests.support.s3 import Bucket
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.ranged import RangedFile

pytestmark = [pytest.mark.full, pytest.mark.django_db]
CONTENT = b"0123456789"


@pytest.fixture
def stored(owner: User, s3_storage: Bucket) -> Video:
    s3_storage.client().put_object(Bucket=s3_storage.name, Key="videos/a.mp4", Body=CONTENT)
    return make_video(owner, location="videos/a.mp4", source="stored", file_size=len(CONTENT))


def test_a_full_disk_takes_no_copies(stored: Video, tmp_path: Path, settings: Any) -> None:
    assert local_playable_path(stored, tmp_path, viewer=None).read_bytes() == CONTENT
    settings.DISK_RESERVE_BYTES = 1 << 60
    with pytest.raises(StoreFull):
        local_playable_path(stored, tmp_path, viewer=None)


def test_a_local_file_goes_by_its_path_and_one_of_a_bucket_in_parts(owner: User, library: Any, stored: Video) -> None:
    here = make_video(owner, location=str(library.crew / "plain.mp4"))
    with open_child_inputs([here], viewer=owner) as files:
        assert (files.paths, files.ranged) == ([here.location], None)
    with open_child_inputs([here, stored], viewer=owner) as files:
        assert files.paths[0] == here.location
        assert files.paths[1].endswith(f":0:{len(CONTENT)}")
        assert files.ranged is not None


def test_it_is_gone_without_permission(owner: User, other: User, library: Any, stored: Video, tmp_path: Path) -> None:
    Video.objects.filter(pk=stored.pk).update(place=VideoScope.LIBRARY)
    shown = make_video(other, location=str(library.crew / "plain.mp4"))
    with pytest.raises(FileNotFoundError, match=stored.location), open_child_inputs([shown, stored], viewer=other):
        pass
    with pytest.raises(FileNotFoundError, match=stored.location):
        local_playable_path(stored, tmp_path, viewer=other)
    assert local_playable_path(stored, tmp_path, viewer=owner).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "what_the_child_made_of_it", [DomainError("vod_unreadable"), JobFailed("broken", "It broke."), None]
)
def test_not_the_videos_fault(stored: Video, s3_storage: Bucket, what_the_child_made_of_it: Exception | None) -> None:
    """A bucket that does not answer is not the video's fault."""
    with pytest.raises(StoreUnavailable), open_child_inputs([stored], viewer=None) as files:
        s3_storage.faults.answer_503()
        with pytest.raises(OSError):
            RangedFile(files.paths[0]).read(1)
        if what_the_child_made_of_it:
            raise what_the_child_made_of_it


def test_what_the_child_says_of_a_file_that_was_read_stands(stored: Video) -> None:
    with pytest.raises(DomainError, match="cannot be read"), open_child_inputs([stored], viewer=None) as files:
        assert RangedFile(files.paths[0]).readall() == CONTENT
        raise DomainError("vod_unreadable")


def test_one_hiccup_of_the_bucket_is_not_noticed(stored: Video, s3_storage: Bucket) -> None:
    with open_child_inputs([stored], viewer=None) as files:
        s3_storage.faults.answer_503(times=2)  # as often as one call asks
        assert RangedFile(files.paths[0]).readall() == CONTENT
    assert s3_storage.faults.struck == 2
