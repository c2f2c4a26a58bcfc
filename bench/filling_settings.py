"""Settings of R8 while it creates rows: Redis does not run yet, and a crash may lose rows."""

from bench.small_requests_settings import *  # noqa: F403
from bench.small_requests_settings import CHANNEL_LAYERS, DATABASES

JOB_BROKER = "stub"
CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
