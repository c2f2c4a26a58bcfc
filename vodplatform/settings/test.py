"""Settings of the test suite. ``DATABASE_URL`` and ``REDIS_URL`` select PostgreSQL and Redis."""

import os
import tempfile

os.environ.setdefault("VOD_DATA_DIR", tempfile.mkdtemp(prefix="vod-test-"))
os.environ.setdefault("SECRET_KEY", "a-key-for-tests-only-that-is-long-enough")

from .base import *  # noqa: F403
from .base import CHANNEL_LAYERS, DATA_DIR, DATABASES, REDIS_IS_PRIVATE

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
THROTTLES_ON = False
HEALTH_PARTS = {}
HOST_CHORE = ""  # run no tasks that maintain the host: their thread would disturb most tests
THROTTLE_STORAGE = "memory"
UNREFERENCED_HOURS = 0
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Use a file: concurrent writers to a shared in-memory database get "table is locked".
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
else:
    DATABASES["default"]["OPTIONS"].pop("pool", None)
    DATABASES["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"
if REDIS_IS_PRIVATE:
    JOB_BROKER = "stub"
    CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
