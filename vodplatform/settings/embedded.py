"""The whole program on one machine with nothing to install: SQLite, a private Redis, plain HTTP on loopback."""

from .base import *  # noqa: F403
