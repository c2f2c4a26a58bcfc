"""CloudFront URLs, signed with an RSA key pair (canned policy)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings


def is_set() -> bool:
    return settings.CDN is not None


def signed_url(key: str, expires: int) -> str:
    from botocore.signers import CloudFrontSigner

    cdn = settings.CDN
    assert cdn is not None
    signer: Any = CloudFrontSigner
    # CloudFront requires SHA-1 for signatures.
    signer = signer(cdn["key_pair_id"], lambda text: _key(cdn["private_key"]).sign(text, PKCS1v15(), SHA1()))  # noqa: S303
    address = f"{cdn['base_url']}/{quote(key)}"
    return str(signer.generate_presigned_url(address, date_less_than=datetime.fromtimestamp(expires, UTC)))


@lru_cache(maxsize=2)
def _key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key
