"""Which Redis server `up` starts: one of PATH that is new enough, else the newest that there is."""

from pathlib import Path

import pytest

from vodplatform.core import redis_server
from vodplatform.core.redis_server import NoRedisServer, RedisServer, find_redis_server

pytestmark = pytest.mark.pure
BUNDLED = RedisServer("/bundled/redis-server", "Redis", (6, 2, 14))


def test_the_bundled_program_says_what_it_is() -> None:
    bundled = redis_server._bundled()
    assert bundled is not None
    assert bundled.name == "Redis"
    assert bundled.version >= (6, 2)


def test_a_program_that_cannot_be_started_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "redis-server"
    path.write_bytes(b"\x7fELF of another machine")
    path.chmod(0o755)
    assert redis_server._asked(str(path)) is None


@pytest.mark.parametrize(("programs", "expected"), [
    ({"redis-server": "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"}, "Redis 7.0.15"),
    ({"valkey-server": "Valkey server v=8.1.1 sha=00000000:0"}, "Valkey 8.1.1"),
    ({"redis-server": "Redis server v=8.2.0", "valkey-server": "Valkey server v=8.1.1"}, "Redis 8.2.0"),
    ({"redis-server": "Redis server v=6.0.16", "valkey-server": "Valkey server v=7.2.5"}, "Valkey 7.2.5"),
    ({"redis-server": "Redis server v=6.0.16 sha=0"}, "Redis 6.2.14"),
    ({"redis-server": "Redis server v=6.2.16 sha=0"}, "Redis 6.2.16"),
    ({"redis-server": "cannot load libssl"}, "Redis 6.2.14"),
    ({}, "Redis 6.2.14"),
])  # fmt: skip
def test_path_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], expected: str) -> None:
    """A supported release on the PATH comes first."""
    monkeypatch.setattr(redis_server, "_bundled", lambda: BUNDLED)
    for name, says in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(find_redis_server()).startswith(f"{expected} (/")


def test_without_any_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(redis_server, "_bundled", lambda: None)
    with pytest.raises(NoRedisServer, match="install one, or set REDIS_URL"):
        find_redis_server()
