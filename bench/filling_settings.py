"""Django settings for creating the rows of measurement R8 fast: without Redis, and without flushing writes to disk."""

from bench.small_requests_settings import *  # noqa: F403
from bench.small_requests_settings import CHANNEL_LAYERS, DATABASES

JOB_BROKER = "stub"
CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
