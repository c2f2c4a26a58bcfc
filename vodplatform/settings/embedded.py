"""Settings for one machine without external services."""

from .base import *  # noqa: F403
