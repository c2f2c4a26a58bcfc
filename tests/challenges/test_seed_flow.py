"""The document's own flow, from the first clip to a guess: on the file system and on S3."""

from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from jobs_app.runner import run_queue
from media_app.uploads import cleanup
from media_app.uploads.models import Upload
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge, MergeSession
from tests.challenges.conftest import (
    CHALLENGES,
    MERGES,
    begin,
    complete,
    deliver,
    ids_of,
    metadata_of,
    send,
    statements_of,
    status_of,
)
from tests.support.api import Api
from tests.support.s3 import Bucket
from tests.support.s3 import get as get_elsewhere
from tests.support.stored import files_in
from tests.support.streams import ask
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("running_keeper"), pytest.mark.full]


@pytest.fixture
def contents(clip_files: dict[str, bytes]) -> list[bytes]:
    return [clip_files[name] for name in ("large", "2", "3")]


def whole_flow(api: Api, player: Api, contents: list[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """From the first call to the last; the merged video, and how the player is to stream it."""
    merge_id = deliver(api, contents)
    assert status_of(api, merge_id)["overall_status"] == "queued"
    run_queue("merge")
    body = status_of(api, merge_id)
    assert body["overall_status"] == "completed", body
    merged = body["merged_video"]
    metadata = metadata_of(api, merge_id) | {"compression_applied": True}
    made = api.post(CHALLENGES, statements_of(merge_id, merged_video_metadata=metadata))
    assert made.status_code == 201, made.content
    path = f"{CHALLENGES}/{made.json()['id']}"
    assert player.get(path).status_code == 404
    assert api.post(f"{path}/publish").status_code == 200
    assert player.get(f"{path}/segments").json() == {
        "video_file_id": merged["video_file_id"], "segments": merged["segments"]
    }  # fmt: skip
    options = "device_type=mobile&prefer_signed=true"
    playing = player.get(f"/api/v1/media/optimized/{merged['video_file_id']}?{options}").json()
    assert playing["supports_range"] is True
    guess = player.post(f"{path}/guesses", {"statement_index": 1})
    assert guess.json() == {"correct": True, "lie_statement_index": 1}
    return merged, playing


def test_on_the_file_system(api: Api, other_api: Api, contents: list[bytes], media: Path) -> None:
    merged, playing = whole_flow(api, other_api, contents)
    assert playing["delivery_type"] == "local_signed"
    whole = async_to_sync(ask)("GET", playing["streaming_url"])
    assert (whole.status, len(whole.content)) == (200, merged["file_size"])
    start = async_to_sync(ask)("GET", playing["streaming_url"], {"range": "bytes=0-99"})
    assert (start.status, start.content) == (206, whole.content[:100])
    assert whole.content[4:8] == b"ftyp"
    assert whole.content.index(b"moov") < whole.content.index(b"mdat")
    assert [name.split("/")[0] for name in files_in(media)] == ["renditions", "videos"]


@pytest.mark.services
class TestOnS3:
    def test_the_same(self, api: Api, other_api: Api, owner: User, contents: list[bytes], s3_storage: Bucket) -> None:
        merged, playing = whole_flow(api, other_api, contents)
        assert playing["delivery_type"] == "s3_signed"
        status, _, content = get_elsewhere(playing["streaming_url"])
        assert (status, len(content)) == (200, merged["file_size"])
        keys = s3_storage.keys()
        assert [key.split("/")[0] for key in keys] == ["renditions", "videos"]
        assert s3_storage.unfinished() == []
        challenges.delete(Challenge.objects.get(), owner)
        merges.delete(MergeSession.objects.get(), owner)
        assert s3_storage.keys() == []

    def test_a_bucket_that_is_away_is_waited_for(self, api: Api, contents: list[bytes], s3_storage: Bucket) -> None:
        merge_id = deliver(api, contents)
        s3_storage.faults.answer_503()
        run_queue("merge")
        body = status_of(api, merge_id)
        assert (body["overall_status"], body["error_type"]) == ("processing", None)
        assert "Trying again" in body["message"]
        s3_storage.faults.heal()

    def test_given_up_while_it_is_away_the_bytes_go_later(
        self, api: Api, contents: list[bytes], s3_storage: Bucket
    ) -> None:
        begun = begin(api, contents)
        sid = ids_of(begun)[1]
        send(api, sid, contents[1])
        assert complete(api, sid).status_code == 200
        s3_storage.faults.answer_503()
        answer = api.post(f"{MERGES}/merge-session/{begun['merge_session_id']}/cancel")
        assert answer.json()["overall_status"] == "cancelled"
        s3_storage.faults.heal()
        cleanup.expire_uploads()
        assert s3_storage.keys() == []
        assert Upload.objects.reserved().count() == 0
