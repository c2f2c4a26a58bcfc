"""CloudFront's signed addresses, verified with the public key as CloudFront does."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from media_app.streaming import cdn

pytestmark = pytest.mark.pure
EXPIRES = 1_800_000_000
KEY = "videos/0b1e/a b+c&d.mp4"


def pem_of(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65_537, 2048)


@pytest.fixture
def _cdn(key: RSAPrivateKey, settings: Any) -> None:
    settings.CDN = {
        "base_url": "https://cdn.example.org/vod", "key_pair_id": "K2JCJMDEHXQW5F", "private_key": pem_of(key),
    }  # fmt: skip


def verify(address: str, key: RSAPrivateKey) -> None:
    """What the edge does (CloudFront Developer Guide, canned policy): raises InvalidSignature."""
    base, _, query = address.partition("?")
    found = parse_qs(query, strict_parsing=True)
    condition = {"DateLessThan": {"AWS:EpochTime": int(found["Expires"][0])}}
    policy = {"Statement": [{"Resource": base, "Condition": condition}]}
    text = found["Signature"][0].translate(str.maketrans("-_~", "+=/"))
    signature = base64.b64decode(text, validate=True)
    key.public_key().verify(signature, json.dumps(policy, separators=(",", ":")).encode(), PKCS1v15(), SHA1())


@pytest.mark.usefixtures("_cdn")
class TestAddress:
    def test_it_names_the_file_and_the_key_pair(self) -> None:
        parts = urlsplit(cdn.signed_url(KEY, EXPIRES))
        assert (parts.scheme, parts.netloc, parts.path) == (
            "https", "cdn.example.org", "/vod/videos/0b1e/a%20b%2Bc%26d.mp4",
        )  # fmt: skip
        query = parse_qs(parts.query)
        assert set(query) == {"Expires", "Signature", "Key-Pair-Id"}
        assert (query["Expires"], query["Key-Pair-Id"]) == ([str(EXPIRES)], ["K2JCJMDEHXQW5F"])

    @pytest.mark.parametrize(("old", "new"), [
        ("Expires=1800000000", "Expires=1800000001"), ("/videos/0b1e/", "/videos/0b1f/"), ("a%20b", "a%20c"),
        ("https://", "http://"), ("cdn.example.org", "cdn.example.com"),
    ])  # fmt: skip
    def test_an_altered_one_is_refused(self, key: RSAPrivateKey, old: str, new: str) -> None:
        address = cdn.signed_url(KEY, EXPIRES)
        verify(address, key)
        assert old in address
        with pytest.raises(InvalidSignature):
            verify(address.replace(old, new), key)

    def test_a_new_key_is_taken_at_once(self, settings: Any) -> None:
        other = generate_private_key(65_537, 2048)
        settings.CDN = {**settings.CDN, "private_key": pem_of(other)}
        verify(cdn.signed_url(KEY, EXPIRES), other)
