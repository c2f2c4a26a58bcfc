"""Addresses of S3 itself: they read one file, and their signatures are those that botocore's own signer makes."""

import time
import urllib.error
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from media_app.storage import files as store
from tests.support.s3 import KEY_ID, REGION, SECRET, Bucket, get, storage_of
from vodplatform.settings.environment import Environment

KEY = "videos/5f0c/A match (1) ünïcode + & #.mp4"
CONTENT = b"0123456789" * 100
SIGNED = [f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")]


@pytest.fixture
def bucket(s3_storage: Bucket) -> Bucket:
    s3_storage.client().put_object(Bucket=s3_storage.name, Key=KEY, Body=CONTENT)
    return s3_storage


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def signature_for(url: str, secret: str = SECRET, method: str = "GET") -> str:
    """What botocore's signer makes of an address without its signature, at the moment and for the time it names."""
    parts, query = urlsplit(url), query_of(url)
    plain = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name not in SIGNED])
    request = AWSRequest(method, urlunsplit(parts._replace(query=plain)))
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = S3SigV4QueryAuth(Credentials(KEY_ID, secret), "s3", REGION, int(query["X-Amz-Expires"]))
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


@pytest.fixture
def unanswered(settings: Any) -> None:
    """A bucket whose server does not answer: making an address needs no request."""
    settings.STORAGES = {**settings.STORAGES, "default": storage_of({
        "AWS_STORAGE_BUCKET_NAME": "vods", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_S3_REGION_NAME": REGION,
        "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET,
    })}  # fmt: skip


@pytest.mark.services
def test_it_reads_the_file_and_its_ranges_and_says_what_it_is(bucket: Bucket) -> None:
    url = store.presigned(KEY, 600)
    assert get(url)[2] == CONTENT
    status, headers, body = get(url, {"Range": "bytes=10-19"})
    assert (status, body, headers["content-range"]) == (206, b"0123456789", "bytes 10-19/1000")
    _, headers, _ = get(store.presigned(KEY, 600, "video/mp4", 'inline; filename="match.mp4"'))
    assert headers["content-type"] == "video/mp4"
    assert headers["content-disposition"] == 'inline; filename="match.mp4"'
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(store.presigned("videos/none.mp4", 600))
    assert refused.value.code == 404


@pytest.mark.services
def test_players_are_sent_to_the_public_address_of_the_server(bucket: Bucket, settings: Any) -> None:
    public = bucket.direct.replace("127.0.0.1", "localhost")
    named = {**bucket.environment, "AWS_S3_PUBLIC_ENDPOINT_URL": public}
    settings.STORAGES = {**settings.STORAGES, "default": storage_of(named)}
    url = store.presigned(KEY, 600, "video/mp4")
    assert url.startswith(f"{public}/{bucket.name}/videos/")
    assert query_of(url)["X-Amz-Signature"] == signature_for(url)
    assert get(url)[2] == CONTENT
    before = len(bucket.faults.requests)
    assert b"".join(store.read_chunks(KEY)) == CONTENT
    assert len(bucket.faults.requests) > before  # the program itself goes on as before
    assert Environment(named).media_origins() == [public]


@pytest.mark.usefixtures("unanswered")
def test_it_is_signed_as_botocore_signs_for_reading_alone_and_nothing_in_it_can_be_altered() -> None:
    url = store.presigned(KEY, 600, "video/mp4", 'attachment; filename="a.mp4"')
    query = query_of(url)
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Credential"].startswith(f"{KEY_ID}/")
    assert query["X-Amz-Credential"].endswith(f"/{REGION}/s3/aws4_request")
    assert query["X-Amz-SignedHeaders"] == "host"
    assert query["X-Amz-Signature"] == signature_for(url)
    assert SECRET not in url
    for part, other in (
        ("5f0c", "5f0d"), ("Expires=600", "Expires=604800"), ("video%2Fmp4", "text%2Fhtml"), ("127.0.0.1", "127.0.0.2"),
    ):  # fmt: skip
        assert part in url
        assert query["X-Amz-Signature"] != signature_for(url.replace(part, other))
    for method in ("PUT", "DELETE", "POST"):
        assert query["X-Amz-Signature"] != signature_for(url, method=method)
    assert query["X-Amz-Signature"] != signature_for(url, secret="another")


@pytest.mark.usefixtures("unanswered")
@pytest.mark.parametrize("seconds", [60, 7200, 86_400])
def test_it_lives_as_long_as_it_says(seconds: int) -> None:
    query = query_of(store.presigned(KEY, seconds))
    assert query["X-Amz-Expires"] == str(seconds)
    began = time.mktime(time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")) - time.timezone
    assert abs(began - time.time()) < 30
