"""Large files that jobs have made, by signature alone."""

import uuid

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from jobs_app import outputs
from media_app.videos.media_urls import output_url
from tests.streaming.answers import refused
from tests.support.sockets import ask

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def key(db: None) -> str:
    folder = f"{outputs.prefix_of(uuid.uuid4())}/{uuid.uuid4().hex}"
    return default_storage.save(f"{folder}/export.mp4", ContentFile(CONTENT))


async def test_it_is_read_whole_and_in_ranges(http: httpx.AsyncClient, key: str) -> None:
    whole = await http.get(output_url(key, 3600))
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, CONTENT, "video/mp4")
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = await http.get(output_url(key, 3600), headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, CONTENT[1000:2000])


async def test_the_signature_is_for_one_file_until_its_end(http: httpx.AsyncClient, key: str) -> None:
    address = output_url(key, 3600)
    *_, token, job_id, attempt, _ = address.split("/")
    for wrong in (
        address.replace("export.mp4", "other.mp4"), address.replace(job_id, str(uuid.uuid4())),
        address.replace(attempt, uuid.uuid4().hex), address.replace(token, "0.x"),
        address.replace("export.mp4", "..%2fexport.mp4"),
    ):  # fmt: skip
        refused(await http.get(wrong), 404, "not_found")
    refused(await http.get(output_url(key, -10_000)), 410, "gone")
    await ask(default_storage.delete, key)
    refused(await http.get(address), 404, "not_found")
