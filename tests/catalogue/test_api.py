"""``/api/v1/videos`` and its other names: list, create, look, delete, restore, report."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs_app.models import JobStatus
from media_app.catalogue.listing import filter_videos
from media_app.catalogue.models import CrdtOperation, MergeState, VideoReport
from media_app.videos.models import Video, VideoStatus
from tests.support import s3
from tests.support.api import Api, refused
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_job, make_rendition, make_session, make_video
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
URL = "/api/v1/videos"
NAMES = [URL, f"{URL}/", "/videos", "/videos/", "/functions/v1/videos", "/functions/v1/videos/"]
UNKNOWN = uuid.UUID(int=7)


def titles(api: Api, query: str = "", url: str = URL) -> list[str]:
    response = api.get(f"{url}?{query}")
    assert response.status_code == 200, response.content
    return [video["title"] for video in response.json()["videos"]]


class TestList:
    def test_the_shape(self, anonymous: Api, moderator: User) -> None:
        video = make_catalogue_video(moderator, title="Round 7", duration=12.6, tags=["mma"], category="Combat Sports")
        answers = [anonymous.get(url) for url in NAMES]
        for response in answers:
            assert response["Content-Type"] == "application/json"
            body = response.json()
            assert set(body) == {"videos", "pagination"}
            assert body["pagination"] == {"page": 1, "limit": 20, "total": 1, "totalPages": 1}
        row = answers[0].json()["videos"][0]
        assert (row["id"], row["title"], row["category"]) == (str(video.pk), "Round 7", "Combat Sports")
        assert (row["duration"], row["duration_exact"], row["version"]) == (13, 12.6, 1)
        assert row["video_url"]
        # The same row everywhere, but for the instant of its signatures.
        assert all(response.json()["videos"][0]["id"] == row["id"] for response in answers)

    @pytest.mark.parametrize("accept", ["text/html", "text/html,*/*;q=0.1", "image/png", "*/*;q=0", ""])
    def test_it_is_json_whatever_a_browser_asks_for(self, accept: str, anonymous: Api) -> None:
        for url in [*NAMES, f"/videos-update/{UNKNOWN}", "/sync", "/videos-none", "/functions/v1/none", "/sync/none"]:
            response = anonymous.get(url, headers={"Accept": accept})
            assert response["Content-Type"] == "application/json", url

    def test_newest_first_by_pages(self, anonymous: Api, moderator: User) -> None:
        for number in range(25):
            make_catalogue_video(moderator, title=str(number))
        every = titles(anonymous, "limit=100")
        assert every == [str(number) for number in reversed(range(25))]
        assert titles(anonymous) == every[:20]
        assert titles(anonymous, "page=2") == every[20:]
        assert titles(anonymous, "page=3&limit=7") == every[14:21]
        assert titles(anonymous, "page=10000000&limit=100") == []
        pagination = anonymous.get(f"{URL}?page=99&limit=7").json()["pagination"]
        assert pagination == {"page": 99, "limit": 7, "total": 25, "totalPages": 4}

    def test_nothing_at_all(self, anonymous: Api) -> None:
        assert anonymous.get(URL).json() == {
            "videos": [], "pagination": {"page": 1, "limit": 20, "total": 0, "totalPages": 0}
        }  # fmt: skip

    def test_filters(self, moderator_api: Api, moderator: User) -> None:
        make_catalogue_video(moderator, title="a", category="Training", is_featured=True, tags=["Émile", "mma"])
        make_catalogue_video(moderator, title="b", category="Training", is_hidden=True)
        make_catalogue_video(moderator, title="c", category="", status="uploading")
        for query, found in {
            "category=Training": "ba", "category=training": "", "category=None": "", "featured=true": "a",
            "featured=false": "cb", "featured=": "cba", "hidden=true": "b", "hidden=false": "ca", "tag=mma": "a",
            "tag=mm": "", "status=ready": "ba", "status=uploading": "c", "status=processing": "", "status=failed": "",
            "category=Training&featured=true&status=ready&tag=mma&search=a": "a",
        }.items():  # fmt: skip
            assert "".join(titles(moderator_api, query)) == found, query

    def test_every_state_of_row_and_job_is_in_the_list_that_it_shows(self, moderator_api: Api, moderator: User) -> None:
        """As one that failed and is tried again: its row says failed until the attempt begins."""
        for status in VideoStatus:
            for job in (None, *JobStatus):
                made = make_job(moderator, job, kind="ingest") if job else None
                make_catalogue_video(moderator, title=f"{status} {job}", status=status, job=made)
        shown = {video["title"]: video["status"] for video in moderator_api.get(f"{URL}?limit=100").json()["videos"]}
        assert shown["failed queued"] == shown["processing waiting"] == "processing"
        assert shown["processing failed"] == "failed"
        for status in VideoStatus:
            listed = titles(moderator_api, f"status={status}&limit=100")
            assert sorted(listed) == sorted(title for title, state in shown.items() if state == status)

    def test_categories_and_tags_are_asked_for_in_any_form(self, moderator_api: Api) -> None:
        moderator_api.post(URL, {"title": "a", "category": "Pr\u00e9  lude", "tags": ["\u00c9lite squad"]})
        for query in ("category=Pre\u0301+lude", "category=+Pr\u00e9%09lude+", "tag=E\u0301lite++squad"):
            assert titles(moderator_api, query) == ["a"], query

    def test_blanks_ask_for_nothing(self, moderator_api: Api, moderator: User) -> None:
        make_catalogue_video(moderator, title="a")
        for query in ("search=+", "category=%20%20", "tag=+", "tag=%C2%9C", "status=+&featured=%0B&limit=+&page=%0A"):
            assert titles(moderator_api, query) == ["a"], query

    def test_filters_show_nobody_more_than_he_may_see(self, anonymous: Api, moderator: User, owner: User) -> None:
        make_catalogue_video(moderator, title="hidden", is_hidden=True)
        make_catalogue_video(moderator, title="gone", deleted_at=Now())
        make_catalogue_video(moderator, title="empty", status="uploading")
        make_video(owner, title="private")
        for query in ("hidden=true", "status=deleted", "status=uploading", "search=hidden", "search=private", ""):
            assert titles(anonymous, query) == [], query
            assert anonymous.get(f"{URL}?{query}").json()["pagination"]["total"] == 0

    @pytest.mark.parametrize("query", [
        "limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "page=0", "page=-1", "page=x", "page=1e3",
        "page=99999999999999999999", "featured=maybe", "featured=2", "hidden=maybe", "status=unknown",
        "status=READY", "status=private", f"search={'a' * 201}", f"category={'a' * 201}", f"tag={'a' * 201}",
        "limit=20&limit=x",
    ])  # fmt: skip
    def test_a_bad_value_is_400(self, query: str, anonymous: Api) -> None:
        for url in NAMES:
            body = refused(anonymous.get(f"{url}?{query}"), 400, "invalid")
            assert set(body["errors"]) == {query.rpartition("&")[2].partition("=")[0]}

    def test_as_many_queries_for_fifty_as_for_one(self, moderator_api: Api, moderator: User) -> None:
        def queries(query: str) -> int:
            with CaptureQueriesContext(connection) as seen:
                assert moderator_api.get(f"{URL}?{query}").status_code == 200
            return len(seen)

        query = "limit=100&search=recording"
        make_catalogue_video(moderator)
        queries("")  # whatever happens once
        few = [queries("limit=100"), queries(query)]
        for number in range(49):
            make_rendition(make_catalogue_video(moderator, tags=[str(number)]), "poster")
        assert [queries("limit=100"), queries(query)] == few

    def test_more_than_are_counted(self, moderator_api: Api, moderator: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("media_app.catalogue.listing.COUNTED", 3)
        for number in range(5):
            make_catalogue_video(moderator, title=str(number))
        tag = uuid.uuid4().hex  # a list of this test's own
        Video.objects.update(tags=[tag])
        assert moderator_api.get(f"{URL}?tag={tag}&limit=2").json()["pagination"]["total"] == 5
        make_catalogue_video(moderator, tags=[tag])
        body = moderator_api.get(f"{URL}?tag={tag}&limit=2").json()
        assert body["pagination"]["total"] == 5  # as it was a moment ago
        assert len(body["videos"]) == 2
        for other in ("limit=2&page=2", "limit=3"):
            assert moderator_api.get(f"{URL}?tag={tag}&{other}").json()["pagination"]["total"] == 5

    @pytest.mark.parametrize("is_analyzed", [False, True])
    @pytest.mark.parametrize(("query", "index"), [
        ({"featured": True}, "video_featured"), ({"category": "Training"}, "video_by_category"),
        ({"hidden": True}, "video_hidden"), ({"status": "processing"}, "video_not_ready"),
        ({"status": "failed"}, "video_not_ready"), ({"status": "uploading"}, "video_not_ready"),
        ({"status": "deleted"}, "video_deleted"),
    ])  # fmt: skip
    def test_a_list_of_few_is_read_by_its_index_in_order(
        self, query: dict[str, Any], index: str, is_analyzed: bool, admin_person: User, moderator: User
    ) -> None:
        """Also by SQLite, which knows nothing of its rows until somebody says ANALYZE; PostgreSQL says it itself."""
        for number in range(20):
            make_catalogue_video(moderator, is_hidden=number == 1, is_featured=number == 2, category=str(number))
        with connection.cursor() as cursor:
            if is_analyzed or connection.vendor == "postgresql":
                cursor.execute("ANALYZE")
            if connection.vendor == "postgresql":  # a page or two are read from one end to the other otherwise
                cursor.execute("SET LOCAL enable_seqscan = off")
        everybodys = query.keys() & {"featured", "category"}
        for person in [admin_person, *([AnonymousUser()] if everybodys else [])]:
            plan = filter_videos(person, query).order_by("-created_at", "-id").values_list("pk")[:20].explain()
            assert index in plan, plan
            assert "TEMP B-TREE" not in plan, plan


class TestCreate:
    @pytest.mark.parametrize("url", NAMES)
    def test_a_bare_video(self, url: str, moderator_api: Api, moderator: User) -> None:
        content = {
            "title": "Video Title", "description": "Video\ndescription ", "category": "Combat Sports",
            "tags": ["mma", " mma ", "training"], "is_featured": False,
        }  # fmt: skip
        response = moderator_api.post(url, content)
        assert response.status_code == 201, response.content
        body = response.json()
        expected = {
            **content, "tags": ["mma", "training"], "status": "uploading", "version": 1, "vector_clock": {},
            "last_modified_by": str(moderator.pk), "view_count": 0, "is_hidden": False, "deleted_at": None,
            "video_url": None, "file_path": "", "file_size": 0, "duration": 0,
        }  # fmt: skip
        assert {name: body[name] for name in expected} == expected
        assert moderator_api.get(f"{URL}/{body['id']}").json() == body
        assert AuditEntry.objects.filter(action="video.create", target_id=body["id"]).count() == 1

    def test_a_title_is_enough_and_nothing_stands_for_no_text(self, admin_api: Api) -> None:
        body = admin_api.post(URL, {"title": "  One \n line  "}).json()
        assert (body["title"], body["description"], body["category"], body["tags"]) == ("One line", "", None, [])
        body = admin_api.post(URL, {"title": "A", "description": None, "category": None, "is_hidden": True}).json()
        assert (body["description"], body["category"], body["is_hidden"]) == ("", None, True)
        assert set(refused(admin_api.post(URL, {}), 400, "invalid")["errors"]) == {"title"}

    @pytest.mark.parametrize(("field", "value"), [
        ("title", ""), ("title", "  "), ("title", None), ("title", 5), ("title", ["a"]), ("title", "a" * 256),
        ("description", 5), ("description", "a" * 20_001), ("category", 5), ("category", "a" * 101),
        ("category", ["a"]), ("tags", "mma"), ("tags", {"a": 1}), ("tags", [1]), ("tags", [None]),
        ("tags", ["a" * 65]), ("tags", ["a" * 10_000]), ("tags", [str(n) for n in range(51)]), ("tags", None),
        ("is_featured", 1), ("is_featured", "true"), ("is_featured", None), ("is_hidden", 0),
        ("is_hidden", "no"), ("is_hidden", []),
    ])  # fmt: skip
    def test_what_is_wrong_is_named(self, field: str, value: Any, moderator_api: Api) -> None:
        body = refused(moderator_api.post(URL, {"title": "A", field: value}), 400, "invalid")
        assert set(body["errors"]) == {field}
        assert not Video.objects.exists()

    def test_ids_and_counts_are_not_the_callers(self, moderator_api: Api, other: User) -> None:
        body = moderator_api.post(
            URL, {"title": "A", "id": str(UNKNOWN), "version": 9, "view_count": 9, "status": "ready",
                  "vector_clock": {"a": 9}, "last_modified_by": str(other.pk), "deleted_at": "2026-01-01T00:00:00Z"}
        ).json()  # fmt: skip
        assert (body["version"], body["view_count"], body["status"], body["vector_clock"]) == (1, 0, "uploading", {})
        assert body["id"] != str(UNKNOWN)


def test_a_private_video_is_not_there(api: Api, admin_api: Api, owner: User) -> None:
    video = make_video(owner)
    for client in (api, admin_api):
        for method in ("GET", "PUT", "DELETE"):
            refused(client.send(method, f"{URL}/{video.pk}", {"title": "A"}), 404, "not_found")
    assert Video.objects.filter(pk=video.pk).exists()


class TestAddresses:
    def test_a_file_that_cannot_be_had_yet_has_none(self, moderator_api: Api, moderator: User, settings: Any) -> None:
        """Without a scanner what is here can be watched at once; with one it waits for its word."""
        job = make_job(moderator, JobStatus.PROCESSING, kind="ingest")
        video = make_catalogue_video(moderator, status=VideoStatus.PROCESSING, job=job)
        url = f"{URL}/{video.pk}"
        assert moderator_api.get(url).json()["video_url"]
        settings.CLAMD = "/run/clamd"
        assert moderator_api.get(url).json()["video_url"] is None
        Video.objects.update(status=VideoStatus.READY)
        assert moderator_api.get(url).json()["video_url"]

    def test_on_s3_it_waits_for_joined_parts(self, moderator_api: Api, moderator: User, s3_storage: s3.Bucket) -> None:
        job = make_job(moderator, JobStatus.PROCESSING, kind="ingest")
        video = make_catalogue_video(moderator, status=VideoStatus.PROCESSING, job=job)
        assert moderator_api.get(f"{URL}/{video.pk}").json()["video_url"] is None
        Video.objects.update(status=VideoStatus.READY)
        assert moderator_api.get(f"{URL}/{video.pk}").json()["video_url"]


class TestDelete:
    def test_soft_and_back_again(self, admin_api: Api, moderator_api: Api, anonymous: Api, moderator: User) -> None:
        video = make_catalogue_video(moderator)
        for base in (URL, "/videos-delete", "/functions/v1/videos-delete"):
            response = admin_api.delete(f"{base}/{video.pk}")
            assert (response.status_code, set(response.json())) == (200, {"message"})
            again = admin_api.delete(f"{base}/{video.pk}")
            assert again.status_code == 200
            for client in (anonymous, moderator_api):
                refused(client.get(f"{URL}/{video.pk}"), 404, "not_found")
            gone = admin_api.get(f"{URL}/{video.pk}").json()
            assert gone["deleted_at"]
            assert (gone["video_url"], gone["thumbnail_url"], gone["hls_url"]) == (None, None, None)
            assert (titles(admin_api), titles(admin_api, "status=deleted")) == ([], [video.title])
            back = admin_api.post(f"{URL}/{video.pk}/restore")
            assert (back.status_code, back.json()["deleted_at"]) == (200, None)
            assert (back.json()["version"], back.json()["vector_clock"]) == (1, {})
            assert titles(anonymous) == [video.title]
        assert admin_api.post(f"{URL}/{video.pk}/restore").status_code == 200  # harmless
        assert AuditEntry.objects.filter(action="video.soft_delete").count() == 3
        assert AuditEntry.objects.filter(action="video.restore").count() == 3

    @pytest.mark.parametrize("base", [URL, "/videos-delete", "/functions/v1/videos-delete"])
    def test_for_good(self, base: str, admin_api: Api, moderator_api: Api) -> None:
        video_id = moderator_api.post(URL, {"title": "A", "tags": ["a"]}).json()["id"]
        moderator_api.put(f"{URL}/{video_id}", {"title": "B"})
        moderator_api.post(f"{URL}/{video_id}/reports", {"reason": "spam"})
        refused(admin_api.delete(f"{base}/{video_id}?hard=maybe"), 400, "invalid")
        assert admin_api.delete(f"{base}/{video_id}?hard=true").status_code == 200
        refused(admin_api.delete(f"{base}/{video_id}?hard=true"), 404, "not_found")
        for model in (Video, CrdtOperation, MergeState, VideoReport):
            assert not model.objects.exists()

    @pytest.mark.parametrize("fields", [{}, {"deleted_at": Now()}])
    def test_for_good_if_compared(self, admin_api: Api, moderator: User, owner: User, fields: dict[str, Any]) -> None:
        video = make_catalogue_video(moderator)
        make_session(owner, videos=[video, make_video(owner)])
        Video.objects.filter(pk=video.pk).update(**fields)
        assert admin_api.delete(f"{URL}/{video.pk}?hard=true").status_code == 200
        assert not Video.objects.filter(pk=video.pk).exists()

    @pytest.mark.parametrize("value", ["false", "0", ""])
    def test_what_is_not_hard_is_soft(self, value: str, admin_api: Api, moderator: User) -> None:
        video = make_catalogue_video(moderator)
        assert admin_api.delete(f"{URL}/{video.pk}?hard={value}").status_code == 200
        assert Video.objects.get().deleted_at


class TestReports:
    def test_once_each(self, api: Api, other_api: Api, owner: User, moderator: User) -> None:
        url = f"{URL}/{make_catalogue_video(moderator).pk}/reports"
        response = api.post(url, {"reason": "spam", "text": "Look <b>here</b>"})
        assert response.status_code == 201
        body = response.json()
        assert (body["reason"], body["text"], set(body)) == (
            "spam", "Look <b>here</b>", {"id", "video_id", "reason", "text", "created_at"}
        )  # fmt: skip
        refused(api.post(url, {"reason": "hate"}), 409, "already_reported")
        assert other_api.post(url, {"reason": "other"}).status_code == 201
        VideoReport.objects.filter(reporter=owner).update(settled_at=Now())
        assert api.post(url, {"reason": "hate"}).status_code == 201
        assert VideoReport.objects.count() == 3

    @pytest.mark.parametrize(
        "body",
        [{}, {"reason": "none"}, {"reason": None}, {"reason": 5}, {"reason": ["spam"]}, {"reason": {}},
         {"reason": "spam", "text": 5}, {"reason": "spam", "text": None}, {"reason": "spam", "text": "a" * 1001}],
    )  # fmt: skip
    def test_a_bad_one_is_400(self, body: dict[str, Any], api: Api, moderator: User) -> None:
        refused(api.post(f"{URL}/{make_catalogue_video(moderator).pk}/reports", body), 400, "invalid")
        assert not VideoReport.objects.exists()
