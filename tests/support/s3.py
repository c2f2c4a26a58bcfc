"""S3 server (moto) in its own process on loopback, with a new bucket and a proxy that simulates faults.

moto checks neither signatures nor expiry, so tests compare signed URLs with those of botocore.
"""

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.support.faults import FaultyProxy, faulty
from vodplatform.core.files import storage
from vodplatform.core.files.installation import MARK
from vodplatform.core.processes.process import SHIM
from vodplatform.settings.environment import Environment

REGION = "eu-central-1"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
# Server program. It prints its URL once it listens, and exits when its standard input is closed.
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket for one test.

    environment: environment variables with which the program uses the bucket through the proxy. faults: the proxy.
    direct: the server's URL without the proxy.
    """

    name: str
    direct: str
    faults: FaultyProxy
    key_id: str = KEY_ID
    secret: str = SECRET

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_STORAGE_BUCKET_NAME": self.name, "AWS_S3_ENDPOINT_URL": self.faults.url, "AWS_S3_REGION_NAME": REGION,
            "AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret,
        }  # fmt: skip

    def heal(self) -> None:
        """End the proxy's fault, and reset this process's circuit breaker, so that it calls S3 again at once."""
        self.faults.heal()
        storage.circuit_breaker.until = 0.0

    def client(self) -> Any:
        """Return a boto3 client that bypasses the proxy."""
        return client_of(self.direct, self.key_id, self.secret)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys in the bucket, sorted, without the installation's mark."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"] != MARK]

    def content(self, key: str) -> bytes:
        """Return the bytes of a key."""
        body: bytes = self.client().get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def type_of(self, key: str) -> str:
        """Return the content type of a key."""
        return str(self.client().head_object(Bucket=self.name, Key=key)["ContentType"])

    def delete(self, key: str) -> None:
        self.client().delete_object(Bucket=self.name, Key=key)

    def unfinished(self) -> list[str]:
        """Return the keys of open multipart uploads."""
        answer = self.client().list_multipart_uploads(Bucket=self.name)
        return [item["Key"] for item in answer.get("Uploads", [])]


def client_of(address: str, key_id: str = KEY_ID, secret: str = SECRET) -> Any:
    """Return a boto3 client for a server at ``address``."""
    return boto3.client(
        "s3", endpoint_url=address, region_name=REGION, aws_access_key_id=key_id, aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )  # fmt: skip


@contextmanager
def running_server() -> Iterator[str]:
    """Run an S3 server during the block; yield its URL. The server also ends if the tests are killed."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/")}
    argv = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", sys.executable, "-c", SERVER]
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the S3 server did not start: python -m moto.server"
        yield address
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@contextmanager
def fresh_bucket(address: str, key_id: str = KEY_ID, secret: str = SECRET) -> Iterator[Bucket]:
    """Create a bucket; delete it with its content after the block."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    client = client_of(address, key_id, secret)
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    try:
        with faulty(address) as proxy:
            yield Bucket(name, address, proxy, key_id, secret)
    finally:
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            found = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if key_id == KEY_ID and found:
                client.delete_objects(Bucket=name, Delete={"Objects": found})
            else:
                # Swift requires a checksum for deleting several keys at once, which boto3 no longer sends.
                for item in found:
                    client.delete_object(Bucket=name, Key=item["Key"])
        client.delete_bucket(Bucket=name)


def storage_of(environment: Mapping[str, str], **config: Any) -> dict[str, Any]:
    """Return Django's storage setting for these environment variables. config: changed options of botocore."""
    options = Environment(environment).s3()
    assert options is not None
    options["client_config"] = options["client_config"].merge(Config(**config))
    return {"BACKEND": "media_app.storage.bucket.SharedS3Storage", "OPTIONS": options}


def get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Send a GET; return status, headers (names in lower case) and body."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=30) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()


@pytest.fixture(scope="session", autouse=True)
def _one_session() -> Iterator[None]:
    """Use one boto3 session for all tests: a new session loads S3's API description, which is slow."""
    session = lru_cache(boto3.Session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "Session", session)
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Run one S3 server for the session; return its URL."""
    with running_server() as address:
        yield address


@pytest.fixture
def s3(s3_server: str) -> Iterator[Bucket]:
    """Provide a new bucket that the settings do not name. Use ``s3_storage``, or pass its environment to a process."""
    with fresh_bucket(s3_server) as bucket:
        yield bucket


@pytest.fixture
def s3_storage(s3: Bucket, settings: Any) -> Bucket:
    """Provide a new bucket, and use it as this process's storage."""
    settings.STORAGES = {**settings.STORAGES, "default": storage_of(s3.environment)}
    return s3
