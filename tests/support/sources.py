"""The program's Python files, for tests that check source code."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("vodplatform", "jobs_app", "media_app", "sessions_app")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]
