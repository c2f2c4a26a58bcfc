"""The ASGI application: byte endpoints, WebSockets and Django."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.embedded")

import django

django.setup(set_prefix=False)
# Seconds after which a computing thread yields Python's global lock to a waiting thread. A request waits for the lock
# about ten times, so Python's default of 0.005 would delay requests noticeably.
sys.setswitchinterval(0.0002)

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from jobs_app.consumers import JobConsumer, JobListConsumer  # noqa: E402
from media_app.catalogue.consumers import CatalogueConsumer, CatalogueVideoConsumer  # noqa: E402
from media_app.streaming import asgi  # noqa: E402
from media_app.uploads.protocols import chunks, multipart, tus  # noqa: E402
from sessions_app.analysis import sync_endpoint  # noqa: E402
from sessions_app.comparison.consumers import SessionConsumer  # noqa: E402
from vodplatform.accounts.realtime import NOT_FOUND  # noqa: E402
from vodplatform.core.files import installation  # noqa: E402
from vodplatform.core.metrics import SOCKETS_OPEN  # noqa: E402
from vodplatform.core.processes import garbage  # noqa: E402
from vodplatform.core.web.bodies import with_body_limit  # noqa: E402
from vodplatform.core.web.handlers import OneThreadHandler  # noqa: E402
from vodplatform.core.web.request_log import log_request, with_request_log  # noqa: E402
from vodplatform.site import host_tasks  # noqa: E402


class UnknownConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND)


websockets = URLRouter(
    [
        re_path(r"^ws/sessions/(?P<session_id>[^/]+)/?$", SessionConsumer.as_asgi()),
        re_path(r"^ws/jobs/?$", JobListConsumer.as_asgi()),
        re_path(r"^ws/jobs/(?P<job_id>[^/]+)/?$", JobConsumer.as_asgi()),
        re_path(r"^ws/videos/?$", CatalogueConsumer.as_asgi()),
        re_path(r"^ws/videos/(?P<video_id>[^/]+)/?$", CatalogueVideoConsumer.as_asgi()),
        re_path(r"^.*$", UnknownConsumer.as_asgi()),
    ]
)


django_application = OneThreadHandler()
http = with_body_limit(
    django_application, on_refusal=lambda scope, status: log_request(scope.get("method", ""), "none", status, 0.0)
)
form_endpoint = multipart.form_endpoint(http)
# Endpoint that answers once an analysis job has ended.
sync_analysis_endpoint = sync_endpoint.wait_for_result(
    lambda scope: form_endpoint if multipart.form_of(scope) else http
)
# Endpoints that bypass Django: (predicate on the ASGI scope, ASGI app). The first match wins.
ENDPOINTS: list[tuple[Callable[[Any], Any], Any]] = [
    (asgi.route_of, with_request_log(asgi.media_endpoint, asgi.route_of)),
    (tus.route_of, tus.tus_endpoint),
    (chunks.route_of, chunks.chunk_endpoint),
    (sync_endpoint.is_waited_for, sync_analysis_endpoint),
    (multipart.form_of, form_endpoint),
]


if settings.HOST_CHORE:
    installation.register_or_exit()
    host_tasks.start_task_thread()


importlib.import_module(settings.ROOT_URLCONF)
garbage.start()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        with SOCKETS_OPEN.track_inprogress():
            await websockets(scope, receive, send)
        return
    app = http
    if scope["type"] == "http":
        app = next((served for matches, served in ENDPOINTS if matches(scope)), http)
    await app(scope, receive, send)
