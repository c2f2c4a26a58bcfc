"""The one ASGI application: byte doors first, then WebSockets, then Django."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.embedded")

import django

django.setup(set_prefix=False)

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from jobs_app.consumers import JobConsumer, JobListConsumer  # noqa: E402
from media_app.catalogue.consumers import CatalogueConsumer, CatalogueVideoConsumer  # noqa: E402
from media_app.delivery import door  # noqa: E402
from media_app.uploads import chunks, multipart, tus  # noqa: E402
from sessions_app.analysis import waiting  # noqa: E402
from sessions_app.comparison.consumers import SessionConsumer  # noqa: E402
from vodplatform import host  # noqa: E402
from vodplatform.accounts.realtime import NOT_YOURS  # noqa: E402
from vodplatform.base import installation  # noqa: E402
from vodplatform.base.access import note, observed  # noqa: E402
from vodplatform.base.bodies import limited  # noqa: E402
from vodplatform.base.handlers import OneThreadHandler  # noqa: E402
from vodplatform.base.metrics import SOCKETS_OPEN  # noqa: E402


class UnknownConsumer(AsyncWebsocketConsumer):
    """An address that no socket has."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_YOURS)


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
http = limited(django_application, on_refusal=lambda scope: note(scope.get("method", ""), "none", 413, 0.0))
form_door = multipart.form_door(http)
# What it waits for is begun by a form with a file, or without one by the view alone.
waiting_door = waiting.waiting_door(lambda scope: form_door if multipart.form_of(scope) else http)
media_doors = {route: observed(door.media_door, route) for route in door.ADDRESSES}


if settings.HOST_CHORE:
    installation.begin_process()
    host.begin()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Send each connection to what serves it."""
    if scope["type"] == "websocket":
        with SOCKETS_OPEN.track_inprogress():
            await websockets(scope, receive, send)
    elif scope["type"] == "http" and (route := door.route_of(scope["path"])):
        await media_doors[route](scope, receive, send)
    elif scope["type"] == "http" and tus.route_of(scope["path"]):
        await tus.tus_door(scope, receive, send)
    elif scope["type"] == "http" and chunks.route_of(scope):
        await chunks.chunk_door(scope, receive, send)
    elif scope["type"] == "http" and waiting.is_waited_for(scope):
        await waiting_door(scope, receive, send)
    elif scope["type"] == "http" and multipart.form_of(scope):
        await form_door(scope, receive, send)
    else:
        await http(scope, receive, send)
