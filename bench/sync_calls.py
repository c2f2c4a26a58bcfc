"""``python -m bench.sync_calls``: cost of ``POST /sync`` for growing numbers of stored operations of a video.

Prints JSON: {operations per call: {stored operations: [database queries, p50, p95 in milliseconds]}}, and {"read":
[database queries, p50, p95]} for reading the video.
"""

from __future__ import annotations

import json
import os
import random
import time
from typing import Any

from bench.measure import percentile

KEPT = (10, 1_000, 10_000)
IN_A_CALL = (1, 100)
CALLS = 60
MOST = 1_000  # maximum operations that one call may send


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    from media_app.catalogue import services
    from vodplatform.accounts.models import ApiToken, Role, User

    call_command("migrate", verbosity=0)
    moderator = User(username="moderator", role=Role.MODERATOR)
    moderator.save()
    client = Client(SERVER_NAME="localhost", headers={"Authorization": f"Token {ApiToken.issue(moderator)[1]}"})
    rng, actor = random.Random(1), str(moderator.pk)
    found: dict[str, Any] = {str(size): {} for size in IN_A_CALL}
    for kept in KEPT:
        video = services.create(moderator, {"title": "A video", "tags": ["one"]})
        url = f"/api/v1/videos/{video.pk}/sync"
        sent = 0

        def send(count: int, url: str = url) -> float:
            nonlocal sent
            body = {"operations": [operation(rng, actor, sent + number + 1) for number in range(count)]}
            text = json.dumps(body)
            started = time.perf_counter()
            answer = client.post(url, text, content_type="application/json")
            took = time.perf_counter() - started
            assert answer.status_code == 200, answer.content
            sent += count
            return 1000 * took

        while sent < kept:
            send(min(MOST, kept - sent))
        for size in IN_A_CALL:
            found[str(size)][kept] = cost(lambda size=size: send(size))  # type: ignore[misc]
        found["read"] = cost(lambda url=url: read(client, url.removesuffix("/sync")))  # type: ignore[misc]
    print(json.dumps(found))


def operation(rng: random.Random, actor: str, counter: int) -> dict[str, Any]:
    kind = rng.choice(["update_title", "update_description", "add_tag", "remove_tag"])
    value = f"words {counter}" if kind.startswith("update") else f"tag-{rng.randrange(30)}"
    return {
        "operation_type": kind, "operation_data": {"value": value}, "timestamp": 1_700_000_000 + counter,
        "vector_clock": {actor: counter},
    }  # fmt: skip


def read(client: Any, url: str) -> float:
    started = time.perf_counter()
    answer = client.get(url)
    assert answer.status_code == 200, answer.content
    return 1000 * (time.perf_counter() - started)


def cost(call: Any) -> list[float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        call()
    took = [call() for _ in range(CALLS)]
    return [len(seen), percentile(took, 0.5), percentile(took, 0.95)]


if __name__ == "__main__":
    main()
