"""Views: one per catalogue video, viewer and hour, added up once, without touching what edits are told by."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from media_app.videos import view_counts
from media_app.videos.models import Video, VideoScope, VideoView
from media_app.videos.view_counts import note_view, roll_up
from tests.support.factories import make_video
from tests.support.together import at_once
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def video(owner: User) -> Video:
    return make_video(owner, place=VideoScope.CATALOGUE)


def views_of(video: Video) -> int:
    video.refresh_from_db()
    return video.view_count


class TestNoting:
    def test_a_viewer_counts_once_an_hour(self, video: Video, owner: User) -> None:
        other = make_video(owner, place=VideoScope.CATALOGUE)
        for _ in range(3):
            note_view(video.pk, "anna")
        note_view(video.pk, "berta")
        note_view(other.pk, "anna")
        assert (roll_up(), views_of(video), views_of(other)) == (3, 2, 1)

    def test_in_the_next_whole_hour_again(self, video: Video) -> None:
        note_view(video.pk, "anna")
        hour = VideoView.objects.get().hour
        assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)
        VideoView.objects.update(hour=Now() - timedelta(hours=2))
        note_view(video.pk, "anna")
        assert (roll_up(), views_of(video)) == (2, 2)

    def test_only_the_catalogues_videos_count(self, owner: User) -> None:
        note_view(make_video(owner).pk, "anna")
        note_view(uuid.uuid4(), "anna")
        assert not VideoView.objects.exists()

    def test_one_that_is_deleted_meanwhile_is_no_fault(self, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
        now = view_counts.timezone.now

        def too_late() -> object:
            video.delete()
            return now()

        monkeypatch.setattr(view_counts.timezone, "now", too_late)
        note_view(video.pk, "anna")
        assert not VideoView.objects.exists()


class TestRollingUp:
    def test_nothing_is_counted_twice(self, video: Video) -> None:
        note_view(video.pk, "anna")
        assert [roll_up() for _ in range(3)] == [1, 0, 0]
        assert views_of(video) == 1
        note_view(video.pk, "anna")
        assert (roll_up(), views_of(video)) == (0, 1)

    def test_it_is_no_change_of_the_video(self, video: Video) -> None:
        Video.objects.filter(pk=video.pk).update(version=7, vector_clock={"a": 7})
        video.refresh_from_db()
        before = video.updated_at
        note_view(video.pk, "anna")
        roll_up()
        assert views_of(video) == 1
        assert (video.version, video.vector_clock, video.updated_at) == (7, {"a": 7}, before)

    def test_what_was_counted_a_day_ago_goes_and_what_was_not_is_counted_first(self, video: Video) -> None:
        for viewer, hours in (("anna", 26), ("berta", 22), ("carla", 0)):
            note_view(video.pk, viewer)
            VideoView.objects.filter(viewer=viewer).update(hour=Now() - timedelta(hours=hours))
        assert (roll_up(), views_of(video)) == (3, 3)
        assert sorted(VideoView.objects.values_list("viewer", flat=True)) == ["berta", "carla"]

    def test_views_that_come_meanwhile_are_counted_once(self, video: Video) -> None:
        def watch_and_count() -> int:
            name = threading.current_thread().name
            total = 0
            for number in range(10):
                note_view(video.pk, f"{name}-{number}")
                total += roll_up()
            return total

        counted = at_once(*[watch_and_count] * 4)
        assert sum(counted) + roll_up() == 40
        assert views_of(video) == 40
