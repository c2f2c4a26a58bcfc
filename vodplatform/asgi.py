"""The one ASGI application: byte doors first, then WebSockets, then Django."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.embedded")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from jobs_app.consumers import JobConsumer  # noqa: E402
from media_app.delivery import door  # noqa: E402
from sessions_app.comparison.consumers import SessionConsumer  # noqa: E402
from vodplatform.accounts.realtime import NOT_YOURS  # noqa: E402
from vodplatform.base.bodies import limited  # noqa: E402


class UnknownConsumer(AsyncWebsocketConsumer):
    """An address that no socket has."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_YOURS)


websockets = URLRouter(
    [
        re_path(r"^ws/sessions/(?P<session_id>[^/]+)/?$", SessionConsumer.as_asgi()),
        re_path(r"^ws/jobs/(?P<job_id>[^/]+)/?$", JobConsumer.as_asgi()),
        re_path(r"^.*$", UnknownConsumer.as_asgi()),
    ]
)


http = limited(django_application)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Send each connection to what serves it."""
    if scope["type"] == "websocket":
        await websockets(scope, receive, send)
    elif scope["type"] == "http" and door.matches(scope["path"]):
        await door.stream_door(scope, receive, send)
    else:
        await http(scope, receive, send)
