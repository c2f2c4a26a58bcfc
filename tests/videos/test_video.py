"""GET, PATCH and DELETE of /api/v1/library/{id}, and its renditions on demand."""

import uuid
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from jobs_app.models import Job, JobStatus
from media_app.videos.models import Video, VideoSource, VideoStatus
from tests.support.api import Api, refused
from tests.support.factories import make_job, make_rendition, make_user, make_video
from vodplatform.accounts.models import Role, User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db


def url(video: Video | uuid.UUID) -> str:
    return f"/api/v1/library/{video.pk if isinstance(video, Video) else video}"


class TestPatch:
    def test_title_description_and_tags(self, api: Api, owner: User) -> None:
        video = make_video(owner)
        change = {"title": "  Round \n 8 ", "description": "Two\nlines", "tags": ["a", " b ", "a", ""]}
        body = api.patch(url(video), change).json()
        assert (body["title"], body["description"], body["tags"]) == ("Round 8", "Two\nlines", ["a", "b"])
        video.refresh_from_db()
        assert (video.title, video.tags) == ("Round 8", ["a", "b"])
        assert api.get(url(video)).json() == body

    @pytest.mark.parametrize("change", [
        {}, {"title": ""}, {"title": " \n"}, {"title": 7}, {"title": "x" * 256}, {"tags": "a"}, {"tags": [1]},
        {"tags": ["x" * 65]}, {"tags": [str(n) for n in range(51)]}, {"description": 1}, {"status": "ready"},
        {"description": "x" * 20_001}, {"tags": None},
    ])  # fmt: skip
    def test_what_is_no_change_is_400(self, api: Api, owner: User, change: dict[str, object]) -> None:
        video = make_video(owner, title="unchanged")
        refused(api.patch(url(video), change), 400, "invalid")
        video.refresh_from_db()
        assert video.title == "unchanged"


@pytest.mark.django_db(transaction=True)
class TestDelete:
    def test_the_file_and_what_was_made_of_it_go(self, api: Api, owner: User) -> None:
        video = make_stored(owner)
        key = default_storage.save(f"{make_rendition(video, 'poster').folder}poster.jpg", ContentFile(b"picture"))
        assert api.delete(f"{url(video)}?purge=true").status_code == 200
        assert not Video.objects.filter(pk=video.pk).exists()
        assert not default_storage.exists(video.location)
        assert not default_storage.exists(key)
        refused(api.delete(f"{url(video)}?purge=true"), 404, "not_found")
        assert AuditEntry.objects.get(action="video.delete").data["title"] == video.title

    def test_a_file_that_is_used_in_place_stays(self, api: Api, owner: User, tmp_path: Path) -> None:
        path = tmp_path / "match.mp4"
        path.write_bytes(b"theirs")
        assert api.delete(f"{url(make_video(owner, location=str(path)))}?purge=true").status_code == 200
        assert path.read_bytes() == b"theirs"

    def test_its_running_jobs_are_cancelled(self, api: Api, owner: User) -> None:
        video = make_stored(owner)
        taking_in = make_job(owner, JobStatus.PROCESSING, params={"video_id": str(video.pk)})
        rendering = make_job(owner, JobStatus.QUEUED, kind="render", params={"video_id": str(video.pk), "tasks": []})
        other = make_job(owner, JobStatus.QUEUED, params={"video_id": str(uuid.uuid4())})
        Video.objects.filter(pk=video.pk).update(job=taking_in)
        assert api.delete(url(video)).status_code == 200
        states = [Job.objects.get(pk=job.pk).status for job in (taking_in, rendering, other)]
        assert states == ["cancelled", "cancelled", "queued"]


class TestRenditions:
    def test_a_job_is_begun_once(self, api: Api, owner: User) -> None:
        video = make_video(owner)
        first = api.post(f"{url(video)}/renditions", {"kind": "proxy"})
        again = api.post(f"{url(video)}/renditions", {"kind": "proxy"})
        other = api.post(f"{url(video)}/renditions", {"kind": "silent"})
        assert (first.status_code, again.status_code, other.status_code) == (202, 202, 202)
        assert first.json()["job_id"] == again.json()["job_id"] != other.json()["job_id"]
        job = Job.objects.get(pk=first.json()["job_id"])
        assert (job.kind, job.params["tasks"]) == ("render", [{"do": "proxy"}])

    def test_one_that_is_there_is_answered(self, api: Api, owner: User) -> None:
        video = make_video(owner)
        make_rendition(video, "proxy", height=540)
        response = api.post(f"{url(video)}/renditions", {"kind": "proxy"})
        assert response.status_code == 200
        assert response.json()["rendition"]["height"] == 540
        assert not Job.objects.exists()

    def test_the_last_frame_that_is_chosen_replaces_the_poster(self, api: Api, owner: User) -> None:
        video = make_video(owner)
        make_rendition(video, "poster")
        bodies = [{"kind": "poster", "time": time} for time in (2.5, 1, 2.5)]
        jobs = [api.post(f"{url(video)}/renditions", chosen).json()["job_id"] for chosen in bodies]
        assert jobs[0] != jobs[2]
        assert [Job.objects.get(pk=job).status for job in jobs] == ["cancelled", "cancelled", "queued"]
        assert Job.objects.get(pk=jobs[2]).params["tasks"] == [{"do": "poster", "at": 2.5}]
        api.post(f"{url(video)}/renditions", {"kind": "proxy"})
        assert Job.objects.get(pk=jobs[2]).status == "queued"

    @pytest.mark.parametrize("body", [
        {}, {"kind": "hls"}, {"kind": 1}, {"kind": None}, {"kind": "poster"}, {"kind": "proxy", "time": 1},
        {"kind": "poster", "time": -1}, {"kind": "poster", "time": "1"},
    ])  # fmt: skip
    def test_other_kinds_are_400(self, api: Api, owner: User, body: dict[str, object]) -> None:
        refused(api.post(f"{url(make_video(owner))}/renditions", body), 400, "invalid")

    def test_of_a_video_that_is_not_ready_409(self, api: Api, owner: User) -> None:
        video = make_video(owner, status=VideoStatus.PROCESSING)
        refused(api.post(f"{url(video)}/renditions", {"kind": "proxy"}), 409, "video_not_ready")


def make_stored(owner: User) -> Video:
    """A video with a file in the store, in the folder of its id."""
    pk = uuid.uuid4()
    key = default_storage.save(f"videos/{pk}/whole.mp4", ContentFile(b"video"))
    return make_video(owner, pk=pk, location=key, source=VideoSource.STORED)


@pytest.mark.django_db(transaction=True)
def test_deleted_in_the_admin_its_files_go_too(owner: User, client: Client) -> None:
    client.force_login(make_user(role=Role.ADMIN))
    one, two = make_stored(owner), make_stored(owner)
    client.post(f"/admin/catalog/video/{one.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [str(two.pk)], "post": "yes"}
    client.post("/admin/catalog/video/", chosen)
    assert not Video.objects.exists()
    assert not default_storage.exists(one.location)
    assert not default_storage.exists(two.location)
