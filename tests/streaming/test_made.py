"""GET /api/v1/media/made/{key}: pictures that jobs have made, by signature alone."""

import time

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from media_app.videos.media_urls import MADE, made_url
from tests.support.api import Api, refused
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db
KEY = "jobs/made/one.jpg"


@pytest.fixture(autouse=True)
def picture() -> None:
    if not default_storage.exists(KEY):
        default_storage.save(KEY, ContentFile(b"\xff\xd8picture"))


def address(key: str, **options: float) -> str:
    return f"/api/v1/media/made/{key}?sig={signing.sign(MADE, key, **options)}"


def test_a_key_may_have_any_letters(anonymous: Api) -> None:
    key = default_storage.save("jobs/made/ü #?%1 🎮.png", ContentFile(b"png"))
    response = anonymous.get(made_url(key))
    assert (response.content, response["Content-Type"]) == (b"png", "image/png")


def test_a_signature_is_good_until_its_end_and_only_to_read(anonymous: Api) -> None:
    """tests/contract/test_door_roles.py tries the signatures of other files."""
    assert "private" in anonymous.get(made_url(KEY))["Cache-Control"]
    refused(anonymous.get(address(KEY, seconds=60, now=time.time() - 10_000)), 410, "gone")
    refused(anonymous.send("POST", made_url(KEY)), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "key", ["jobs/made/none.jpg", "../secret.key", "/etc/passwd", "jobs/../../secret.jpg", "jobs", "jobs/made/a.html"]
)
def test_nothing_but_stored_pictures_is_sent(anonymous: Api, key: str) -> None:
    default_storage.exists("jobs/made/a.html") or default_storage.save("jobs/made/a.html", ContentFile(b"<script>"))
    refused(anonymous.get(address(key)), 404, "not_found")
