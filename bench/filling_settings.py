"""The settings of R8 while its rows are made: no Redis runs yet, and a lost row costs nothing."""

from bench.small_requests_settings import *  # noqa: F403
from bench.small_requests_settings import CHANNEL_LAYERS, DATABASES

JOB_BROKER = "stub"
CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
