"""``GET|POST /api/v1/uploads``: the list of uploads, and the beginning of one in chunks (the rest: test_chunks.py)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from media_app.uploads import services
from media_app.uploads.models import Upload
from tests.support.api import Api, refused
from tests.uploads.conftest import begin
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
URL = "/api/v1/uploads"
MIB = 1 << 20
NEW = {"filename": "Räder.mp4", "size": 3 * MIB + 1}


class TestBegin:
    def test_it_says_where_to_send_which_chunks(self, api: Api, owner: User) -> None:
        response = api.post(URL, NEW)
        assert response.status_code == 201
        body = response.json()
        assert body.pop("expires_at").endswith("Z")
        upload = Upload.objects.get()
        assert body == {
            "session_id": str(upload.pk), "upload_url": f"{URL}/{upload.pk}/chunk", "chunk_size": MIB,
            "total_chunks": 4, "status": "initiated", "uploaded_chunks": [], "remaining_chunks": [0, 1, 2, 3],
            "progress_percent": 0.0, "filename": "Räder.mp4", "direct": False,
        }  # fmt: skip
        assert (upload.owner, upload.front, upload.purpose) == (owner, "chunks", "library")

    def test_what_is_said_of_the_file_is_kept(self, api: Api) -> None:
        digest = "ab" * 32
        said = {"title": " A title ", "tags": ["b", "a"], "sha256": digest.upper(), "content_type": "video/mp4"}
        assert api.post(URL, {**NEW, **said, "purpose": "library", "chunk_size": 2 * MIB}).status_code == 201
        upload = Upload.objects.get()
        assert upload.metadata == {"title": "A title", "tags": ["b", "a"], "sha256": digest}
        assert (upload.content_type, upload.chunk_size, upload.total_chunks) == ("video/mp4", 2 * MIB, 2)

    @pytest.mark.parametrize(("field", "value"), [
        ("filename", ""), ("filename", None), ("filename", 5), ("filename", "x" * 1001), ("size", 0), ("size", -1),
        ("size", "10"), ("size", 1.5), ("size", True), ("size", None), ("size", 1 << 63), ("chunk_size", 0),
        ("chunk_size", 1000), ("chunk_size", 65 * MIB), ("chunk_size", "1048576"), ("purpose", "nothing"),
        ("purpose", 5), ("title", "x" * 256), ("title", ["a"]), ("tags", "a"), ("tags", [1]), ("tags", ["x"] * 51),
        ("tags", ["x" * 65]), ("sha256", "abc"), ("sha256", 5), ("content_type", 5),
    ])  # fmt: skip
    def test_fields_that_cannot_be_are_named(self, api: Api, field: str, value: object) -> None:
        given = {**NEW, "size": 100 * MIB, field: value}
        assert field in refused(api.post(URL, given), 400, "invalid")["errors"]
        assert not Upload.objects.exists()

    def test_chunks_have_a_least_and_a_greatest_size_and_number(self, api: Api, settings: Any) -> None:
        assert api.post(URL, {**NEW, "size": 10, "chunk_size": 10}).json()["total_chunks"] == 1
        assert api.post(URL, {**NEW, "size": 10, "chunk_size": 100}).json()["remaining_chunks"] == [0]
        assert api.post(URL, {**NEW, "size": 64 * MIB, "chunk_size": 200 * MIB}).json()["total_chunks"] == 1
        huge = {**settings.TIER_LIMITS["free"], "max_upload_bytes": 1 << 50, "max_storage_bytes": 1 << 50}
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": huge}
        least = services.MIN_CHUNK_BYTES
        for size, chunk_size in ((100 * MIB, 200 * MIB), (25_001 * least, least)):
            given = {**NEW, "size": size, "chunk_size": chunk_size}
            assert "chunk_size" in refused(api.post(URL, given), 400, "invalid")["errors"]
        # Each answer names all chunks, so that there is an end to how many an upload may have.
        given = {**NEW, "size": 25_000 * least, "chunk_size": least}
        assert api.post(URL, given).json()["total_chunks"] == 25_000

    def test_the_tier_limits_a_file_and_what_is_on_its_way(self, api: Api, small_limits: None) -> None:
        assert refused(api.post(URL, {**NEW, "size": MIB + 1}), 413, "too_large")["limit"] == MIB
        for _ in range(2):
            assert api.post(URL, {**NEW, "size": MIB}).status_code == 201
        body = refused(api.post(URL, {**NEW, "size": 1}), 413, "storage_full")
        assert (body["limit"], body["used"]) == (2 * MIB, 2 * MIB)


class TestList:
    def test_it_has_the_callers_own_newest_first(self, api: Api, other_api: Api, owner: User, other: User) -> None:
        mine = [begin(owner, filename=f"{number}.mp4") for number in range(3)]
        begin(other)
        body = api.get(URL).json()
        assert [upload["id"] for upload in body["uploads"]] == [str(upload.pk) for upload in reversed(mine)]
        assert (body["total"], other_api.get(URL).json()["total"]) == (3, 1)

    def test_what_it_says_of_one(self, api: Api, owner: User) -> None:
        upload = begin(owner, "chunks", size=3 * MIB, chunk_size=MIB, content_type="video/mp4")
        [shown] = api.get(URL).json()["uploads"]
        instants = {name: shown.pop(name) for name in ("created_at", "updated_at", "expires_at")}
        assert all(value.endswith("Z") for value in instants.values())
        assert shown == {
            "id": str(upload.pk), "front": "chunks", "purpose": "library", "filename": "a.mp4",
            "content_type": "video/mp4", "size": 3 * MIB, "offset": 0, "chunk_size": MIB, "total_chunks": 3,
            "status": "initiated", "progress_percent": 0.0, "upload_url": f"{URL}/{upload.pk}/chunk",
            "resource_id": None, "error": None, "completed_at": None,
        }  # fmt: skip

    def test_it_says_where_to_continue_one_or_why_it_failed(self, api: Api, owner: User) -> None:
        upload = begin(owner)
        assert api.get(URL).json()["uploads"][0]["upload_url"] == f"{URL}/tus/{upload.pk}"
        services.fail(upload, DomainError("not_a_video"))
        [shown] = api.get(URL).json()["uploads"]
        assert (shown["status"], shown["upload_url"], shown["error"]["type"]) == ("failed", None, "not_a_video")

    def test_it_can_be_narrowed_to_some_states(self, api: Api, owner: User) -> None:
        live, cancelled, over = (begin(owner) for _ in range(3))
        services.cancel(cancelled)
        Upload.objects.filter(pk=over.pk).update(expires_at=Now() - timedelta(seconds=1))

        def listed(query: str) -> set[str]:
            return {upload["id"] for upload in api.get(f"{URL}{query}").json()["uploads"]}

        assert listed("?status=initiated") == {str(live.pk)}
        assert listed("?status=initiated&status=cancelled") == {str(live.pk), str(cancelled.pk)}
        # Its time is over, whether or not it has been swept.
        assert listed("?status=expired") == {str(over.pk)}
        assert listed("?status=&limit=") == {str(upload.pk) for upload in (live, cancelled, over)}
        assert "status" in refused(api.get(f"{URL}?status=nothing"), 400, "invalid")["errors"]

    def test_a_page_of_it(self, api: Api, owner: User) -> None:
        for _ in range(5):
            begin(owner)
        body = api.get(f"{URL}?limit=2&offset=3").json()
        assert (len(body["uploads"]), body["total"]) == (2, 5)
        assert api.get(f"{URL}?offset=99").json() == {"uploads": [], "total": 5}
        for query in ("limit=0", "limit=101", "limit=x", "offset=-1"):
            refused(api.get(f"{URL}?{query}"), 400, "invalid")

    def test_fifty_take_as_many_queries_as_one(self, api: Api, owner: User) -> None:
        api.get(URL)  # notes that the token is used, once a minute
        counts = []
        for _ in range(2):
            for _ in range(10):
                begin(owner)
            with CaptureQueriesContext(connection) as queries:
                api.get(f"{URL}?limit=100")
            counts.append(len(queries))
        assert counts[0] == counts[1]
