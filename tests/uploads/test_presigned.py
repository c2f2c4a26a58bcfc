"""Chunks that go straight to the bucket: what is signed, what counts, and what becomes of the file. Real S3 servers."""

import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.db.models.functions import Now

from jobs_app.runner import run_queue
from media_app.catalogue import services as catalogue
from media_app.catalogue.upload_handlers import CATALOGUE
from media_app.storage import files as store
from media_app.uploads import assemble, cleanup, presigned, services
from media_app.uploads.models import Upload, UploadStatus
from media_app.videos.models import Video
from tests.support.api import Api
from tests.support.s3 import Bucket, storage_of
from tests.uploads.conftest import video_of
from tests.uploads.forms import FORM, form_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.full, pytest.mark.services, pytest.mark.django_db(transaction=True)]
MIB = 1 << 20
CHUNK = 5 * MIB
SIZE = 2 * CHUNK + 3
VIDEO = video_of(SIZE)
BODY = {"filename": "match.mp4", "size": SIZE, "direct": True, "chunk_size": CHUNK}
UPLOADS = "/api/v1/uploads"
REFUSED = (0, 403)


def ask(api: Api, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
    response = api.send(method, path, body, fails=status >= 500, **options)
    assert response.status_code == status, response.content
    return response.json()


def put(url: str, content: bytes) -> int:
    """Send a chunk as a program would; the status, or 0 where the server broke off instead of reading on."""
    request = urllib.request.Request(url, data=content, method="PUT", headers={"Content-Type": ""})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def part(number: int, content: bytes = VIDEO) -> bytes:
    return content[number * CHUNK : (number + 1) * CHUNK]


class Sender:
    def __init__(self, api: Api, **more: Any) -> None:
        self.api = api
        self.begun = ask(api, "POST", UPLOADS, BODY | more, status=201)
        self.at = f"{UPLOADS}/{self.begun['session_id']}"

    @property
    def upload(self) -> Upload:
        return Upload.objects.get(pk=self.begun["session_id"])

    def addresses(self, *numbers: int) -> list[str]:
        answer = ask(self.api, "POST", f"{self.at}/addresses", {"chunk_numbers": list(numbers)})
        assert [chunk["chunk_number"] for chunk in answer["chunks"]] == list(numbers)
        return [chunk["url"] for chunk in answer["chunks"]]

    def send(self, *numbers: int, content: bytes = VIDEO) -> None:
        for number, url in zip(numbers, self.addresses(*numbers), strict=True):
            assert put(url, part(number, content)) == 200

    def status(self) -> Any:
        return ask(self.api, "GET", f"{self.at}/status")

    def complete(self, **options: Any) -> Any:
        return ask(self.api, "POST", f"{self.at}/complete", {}, **options)


@pytest.fixture
def sender(api: Api, s3_storage: Bucket) -> Sender:
    return Sender(api)


class TestBeginning:
    def test_the_answer_says_where_addresses_are_had(self, sender: Sender, s3_storage: Bucket) -> None:
        begun = sender.begun
        assert begun["direct"] is True
        assert begun["upload_url"] == f"{sender.at}/addresses"
        assert (begun["chunk_size"], begun["total_chunks"]) == (CHUNK, 3)
        assert begun["remaining_chunks"] == [0, 1, 2]
        assert s3_storage.unfinished() == []  # nothing is asked of S3 before the first address
        [listed] = ask(sender.api, "GET", UPLOADS)["uploads"]
        assert (listed["front"], listed["upload_url"]) == ("direct", f"{sender.at}/addresses")

    @pytest.mark.parametrize("wanted", [CHUNK - 1, 64 * MIB + 1])
    def test_chunks_have_the_sizes_that_s3_takes(self, api: Api, s3_storage: Bucket, wanted: int) -> None:
        answer = ask(api, "POST", UPLOADS, BODY | {"chunk_size": wanted, "size": 500 * MIB}, status=400)
        assert "chunk_size" in answer["errors"]

    def test_a_file_is_cut_by_its_size_where_nobody_says_how(self) -> None:
        assert presigned.check_chunk_size(None, MIB) == presigned.DEFAULT_CHUNK_BYTES
        assert presigned.check_chunk_size(None, 32 << 30) == -(-(32 << 30) // 1000)
        assert presigned.check_chunk_size(None, 600 << 30) == 64 * MIB
        with pytest.raises(DomainError):
            presigned.check_chunk_size(None, 1 << 40)  # more parts than S3 joins

    def test_without_a_bucket_it_is_refused(self, api: Api) -> None:
        assert "direct" in ask(api, "POST", UPLOADS, BODY, status=400)["errors"]

    def test_its_chunks_are_not_taken_here(self, sender: Sender) -> None:
        body = form_of([("chunk_number", "0"), ("chunk", part(0), "part")])
        answer = ask(sender.api, "POST", f"{sender.at}/chunk", status=400, raw=body, content_type=FORM["Content-Type"])
        assert answer["type"] == "chunk_invalid"

    def test_other_uploads_and_other_chunks_have_no_addresses(self, sender: Sender, api: Api) -> None:
        here = ask(api, "POST", UPLOADS, {"filename": "a.mp4", "size": 9}, status=201)
        assert here["direct"] is False
        answer = ask(api, "POST", f"{UPLOADS}/{here['session_id']}/addresses", {"chunk_numbers": [0]}, status=400)
        assert answer["type"] == "chunk_invalid"
        answer = ask(api, "POST", f"{sender.at}/addresses", {"chunk_numbers": [0, 3]}, status=400)
        assert (answer["type"], answer["chunk_number"]) == ("chunk_invalid", 3)

    def test_two_who_ask_first_open_it_once(self, sender: Sender, s3_storage: Bucket) -> None:
        upload, late = sender.upload, sender.upload
        presigned.addresses(upload, [0])
        presigned.addresses(late, [0])
        assert late.multipart_id == upload.multipart_id
        assert s3_storage.unfinished() == [upload.key]


class TestSigning:
    def test_an_address_takes_exactly_its_bytes_for_an_hour_or_until_the_upload_ends(self, sender: Sender) -> None:
        query = parse_qs(urlsplit(sender.addresses(2)[0]).query)
        assert "content-length" in query["X-Amz-SignedHeaders"][0].split(";")
        assert query["partNumber"] == ["3"]
        assert int(query["X-Amz-Expires"][0]) == presigned.ADDRESS_SECONDS
        Upload.objects.update(expires_at=Now() + timedelta(seconds=100))
        assert 90 <= int(parse_qs(urlsplit(sender.addresses(0)[0]).query)["X-Amz-Expires"][0]) <= 100

    def test_it_is_a_public_one_and_needs_no_checksum(self, api: Api, s3_storage: Bucket, settings: Any) -> None:
        environment = s3_storage.environment | {"AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.com"}
        checks = Config(request_checksum_calculation="when_supported")
        settings.STORAGES = {**settings.STORAGES, "default": storage_of(environment)}
        options = settings.STORAGES["default"]["OPTIONS"]
        options["client_config"] = options["client_config"].merge(checks)
        url = Sender(api).addresses(0)[0]
        assert url.startswith(f"https://files.example.com/{s3_storage.name}/")
        assert "checksum" not in url.lower()

    def test_a_server_that_checks_signatures_takes_these_bytes_and_no_others(self, api: Api, swift: Bucket) -> None:
        sender = Sender(api)
        first, second, third = sender.addresses(0, 1, 2)
        assert put(first.replace("partNumber=1", "partNumber=2"), part(0)) in REFUSED
        assert put(first, part(0)[:-1]) in REFUSED
        assert put(first, part(0) + b"x") in REFUSED
        assert sender.status()["uploaded_chunks"] == []
        for url, number in ((first, 0), (second, 1), (third, 2)):
            assert put(url, part(number)) == 200
        sender.complete()
        upload = sender.upload
        assemble.finish_multipart_uploads(upload)
        assert swift.content(upload.key) == VIDEO
        put(first, part(0, video_of(SIZE, seed=1)))
        with pytest.raises(ClientError, match="BrokenMPU"):
            swift.content(upload.key)


@pytest.mark.both
class TestArriving:
    def test_what_s3_has_is_what_counts(self, sender: Sender) -> None:
        sender.send(1)
        found = sender.status()
        assert (found["uploaded_chunks"], found["remaining_chunks"]) == ([1], [0, 2])
        assert found["status"] == "uploading"
        assert sender.upload.offset == CHUNK
        sender.send(0, 2)
        assert ask(sender.api, "POST", f"{sender.at}/resume", {})["progress_percent"] == 100

    def test_who_asked_first_and_writes_last_takes_nothing_back(self, sender: Sender) -> None:
        sender.send(0)
        early = sender.upload
        sender.send(1)
        sender.status()
        early.parts = [[9, "old", 1]]
        presigned.sync_parts(early)
        assert (early.offset, sender.upload.offset) == (2 * CHUNK, 2 * CHUNK)

    def test_a_chunk_of_another_length_does_not_count(self, sender: Sender, s3_storage: Bucket) -> None:
        """moto checks no signatures, so that the length comes through."""
        sender.send(0)
        upload = sender.upload
        s3_storage.client().upload_part(
            Bucket=s3_storage.name, Key=upload.key, UploadId=upload.multipart_id, PartNumber=3, Body=b"much longer"
        )
        assert sender.status()["uploaded_chunks"] == [0]

    def test_a_chunk_sent_again_takes_the_place_of_the_first(self, sender: Sender, s3_storage: Bucket) -> None:
        sender.send(0, content=video_of(SIZE, seed=1))
        sender.send(0, 1, 2)
        sender.complete()
        assemble.finish_multipart_uploads(sender.upload)
        assert s3_storage.content(sender.upload.key) == VIDEO


@pytest.mark.both
class TestCompleting:
    def test_it_becomes_a_video(self, sender: Sender, s3_storage: Bucket) -> None:
        sender.send(0, 1, 2)
        answer = sender.complete()
        assert (answer["status"], answer["media_file_id"]) == ("completed", sender.begun["session_id"])
        assert answer["uploaded_chunks"] == [0, 1, 2]
        assert sender.complete() == answer
        video, upload = Video.objects.get(), sender.upload
        assert (video.pk, video.location, video.file_size) == (upload.resource_id, upload.key, SIZE)
        assemble.finish_multipart_uploads(upload)
        assemble.finish_multipart_uploads(upload)  # by an attempt after one that was killed
        assert s3_storage.content(video.location) == VIDEO
        assert s3_storage.unfinished() == []
        assert s3_storage.type_of(video.location) == "video/mp4"

    def test_what_is_missing_is_named(self, sender: Sender) -> None:
        answer = sender.complete(status=409)
        assert (answer["type"], answer["missing_chunks"]) == ("chunk_missing", [0, 1, 2])
        sender.send(0, 2)
        assert sender.complete(status=409)["missing_chunks"] == [1]
        assert sender.upload.status == UploadStatus.UPLOADING

    def test_a_chunk_changed_before_the_parts_are_joined_is_found_out(self, sender: Sender) -> None:
        url = sender.addresses(0)[0]
        sender.send(0, 1, 2)
        sender.complete()
        assert put(url, part(0, video_of(SIZE, seed=1))) == 200
        with pytest.raises(FileNotFoundError):
            assemble.finish_multipart_uploads(sender.upload)

    def test_s3_may_be_away(self, sender: Sender, s3_storage: Bucket) -> None:
        sender.send(0, 1, 2)
        s3_storage.faults.answer_503()
        assert sender.complete(status=503)["type"] == "unavailable"
        s3_storage.heal()
        assert sender.complete()["status"] == "completed"

    def test_what_s3_has_forgotten_is_lost(self, sender: Sender, s3_storage: Bucket) -> None:
        sender.send(0)
        upload = sender.upload
        store.abort_multipart(upload.key, upload.multipart_id)
        assert sender.complete(status=410)["type"] == "upload_lost"


class TestEnding:
    def test_given_up_nothing_is_left_and_no_address_works(self, sender: Sender, s3_storage: Bucket) -> None:
        url = sender.addresses(1)[0]
        sender.send(0)
        assert ask(sender.api, "DELETE", sender.at, status=200)["status"] == "cancelled"
        assert put(url, part(1)) != 200
        assert (s3_storage.unfinished(), s3_storage.keys()) == ([], [])
        answer = ask(sender.api, "POST", f"{sender.at}/addresses", {"chunk_numbers": [0]}, status=409)
        assert answer["type"] == "upload_finished"

    def test_one_that_is_whole_is_completed_before_it_expires(self, sender: Sender) -> None:
        """Its sender went away between the last chunk and the call that completes it."""
        sender.send(0, 1)
        Upload.objects.update(expires_at=Now() + timedelta(hours=1))
        assert cleanup.expire_uploads() == 0
        assert sender.upload.status == UploadStatus.UPLOADING
        sender.send(2)
        assert cleanup.expire_uploads() == 0
        assert (sender.upload.status, Video.objects.count()) == (UploadStatus.COMPLETED, 1)

    def test_it_expires(self, sender: Sender, s3_storage: Bucket) -> None:
        sender.send(0)
        Upload.objects.update(expires_at=Now() - timedelta(seconds=1))
        answer = ask(sender.api, "POST", f"{sender.at}/addresses", {"chunk_numbers": [1]}, status=410)
        assert answer["type"] == "upload_expired"
        assert cleanup.expire_uploads() == 1
        assert (s3_storage.unfinished(), s3_storage.keys()) == ([], [])

    def test_ended_while_opening(self, sender: Sender, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        """An upload that ends while it is opened leaves nothing at S3."""
        begin = store.begin_multipart

        def begin_late(*given: Any, **named: Any) -> str:
            services.cancel(sender.upload)
            return begin(*given, **named)

        monkeypatch.setattr(store, "begin_multipart", begin_late)
        ask(sender.api, "POST", f"{sender.at}/addresses", {"chunk_numbers": [0]}, status=409)
        assert s3_storage.unfinished() == []


def test_clips_may_be_sent_this_way_and_pictures_may_not(api: Api, owner: User, s3_storage: Bucket) -> None:
    clip = Sender(api, purpose="clip")
    clip.send(0, 1, 2)
    assert clip.complete()["status"] == "completed"
    answer = ask(api, "POST", UPLOADS, BODY | {"purpose": "thumbnail"}, status=400)
    assert answer["type"] == "invalid"


def test_the_job_checks_first_bytes_of_direct_uploads(moderator_api: Api, moderator: User, s3_storage: Bucket) -> None:
    video = catalogue.create(moderator, {"title": "To come"})
    sender = Sender(moderator_api, purpose="catalogue", video_id=str(video.pk))
    sender.send(0, 1, 2, content=b"FLV\x01\x05\0\0\0\x09" + VIDEO[9:])
    sender.complete()
    run_queue("ingest")
    video.refresh_from_db()
    refused = CATALOGUE.refusal()
    assert (video.status, video.error_type, video.error_message) == ("failed", refused.type.name, refused.message)
