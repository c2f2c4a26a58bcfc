"""Settings without external services."""

from .base import *  # noqa: F403
