"""A video that is deleted while comparisons show it leaves a gap, and stands in nobody's way."""

from __future__ import annotations

from typing import Any

import pytest

from media_app.videos.models import Video
from sessions_app.comparison import services
from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(other: User) -> Video:
    return make_video(other, title="The other's", duration=90.0)


@pytest.fixture
def session(owner: User, video: Video) -> ComparisonSession:
    """The owner's, of a video that belongs to somebody else, as one of the catalogue would."""
    return make_session(owner, videos=[video, make_video(owner)], name="Final")


def shown(api: Api, session: ComparisonSession) -> dict[str, Any]:
    return api.get(f"{BASE}/{session.pk}").json()["session"]


def test_whose_video_it_is_may_delete_it_and_the_session_of_others_keeps_its_clock(
    other_api: Api, api: Api, session: ComparisonSession, video: Video
) -> None:
    before = shown(api, session)
    assert other_api.delete(f"/api/v1/library/{video.pk}").status_code == 200
    assert not Video.objects.filter(pk=video.pk).exists()
    after = shown(api, session)
    assert [vod["duration"] for vod in after["vods"]] == [vod["duration"] for vod in before["vods"]]
    assert after["vods"][0]["video_id"] != str(video.pk)
    assert after["revision"] == before["revision"] + 1
    assert "The other's" not in str(after)
    assert api.get(after["vods"][0]["stream_url"]).status_code == 404


def test_ones_own_session_is_named_by_its_id(other_api: Api, other: User, video: Video) -> None:
    session = make_session(other, videos=[video, make_video(other)], name="Mine")
    body = refused(other_api.delete(f"/api/v1/library/{video.pk}"), 409, "video_in_use")
    assert body["sessions"] == [{"session_id": session.pk, "name": "Mine"}]
    assert Video.objects.filter(pk=video.pk).exists()
    # It has a gap where that is asked for.
    assert other_api.delete(f"/api/v1/library/{video.pk}?leave_gaps=true").status_code == 200
    assert not Video.objects.filter(pk=video.pk).exists()
    assert [vod["name"] for vod in shown(other_api, session)["vods"]] == [vod.name for vod in session.vods.all()]


def test_an_admin_is_not_stopped_by_a_session_of_his_own(
    admin_api: Api, admin_person: User, session: ComparisonSession, video: Video
) -> None:
    make_session(admin_person, videos=[video, make_video(admin_person)])
    assert admin_api.delete(f"/api/v1/library/{video.pk}").status_code == 200
    assert Video.objects.filter(**services.DELETED_VIDEO).count() == 2


def test_a_gap_says_so_and_goes_with_its_session(
    other_api: Api, api: Api, session: ComparisonSession, video: Video, owner: User, client: Any
) -> None:
    other_api.delete(f"/api/v1/library/{video.pk}")
    vod = shown(api, session)["vods"][0]["vod_id"]
    body = {"roi": {"x": 0.1, "y": 0.1, "width": 0.5, "height": 0.2, "time": 1.0, "vod_id": vod}, "times": [1.0]}
    answer = refused(api.post(f"{BASE}/{session.pk}/timer-preview", body), 400, "vod_file_not_found")
    assert answer["error"].startswith(f"{vod}: the file no longer exists")
    client.force_login(owner)
    page = client.get(f"/compare/{session.pk}").content.decode()
    assert page.count(" data-gone") == 1
    assert Video.objects.filter(**services.DELETED_VIDEO).count() == 1
    assert api.delete(f"{BASE}/{session.pk}").status_code == 200
    assert not Video.objects.filter(**services.DELETED_VIDEO).exists()
