"""Django settings used while measurement R8 creates its rows: without Redis, and without protection against a crash."""

from bench.small_requests_settings import *  # noqa: F403
from bench.small_requests_settings import CHANNEL_LAYERS, DATABASES

JOB_BROKER = "stub"
CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
