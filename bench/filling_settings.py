"""Settings of R8 while it creates its rows: Redis does not run yet, and losing rows in a crash is acceptable."""

from bench.small_requests_settings import *  # noqa: F403
from bench.small_requests_settings import CHANNEL_LAYERS, DATABASES

JOB_BROKER = "stub"
CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
