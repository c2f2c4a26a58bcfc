"""Addresses at CloudFront, signed with an RSA key pair (canned policy); what may be given is decided elsewhere."""

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
    """Whether the bucket is behind CloudFront."""
    return settings.CDN is not None


def signed_url(key: str, expires: int) -> str:
    """Where CloudFront gives the stored file ``key`` until ``expires`` (epoch seconds)."""
    from botocore.signers import CloudFrontSigner

    cdn = settings.CDN
    assert cdn is not None
    signer: Any = CloudFrontSigner
    # SHA-1 is what CloudFront verifies ("Create a signature for a signed URL that uses a canned policy").
    signer = signer(cdn["key_pair_id"], lambda text: _key(cdn["private_key"]).sign(text, PKCS1v15(), SHA1()))  # noqa: S303
    address = f"{cdn['base_url']}/{quote(key)}"
    return str(signer.generate_presigned_url(address, date_less_than=datetime.fromtimestamp(expires, UTC)))


@lru_cache(maxsize=2)
def _key(pem: str) -> RSAPrivateKey:
    """Reading a key costs as much as signing with it."""
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey)  # the settings have seen to that
    return key
