"""Error reports to Sentry, without content from clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from vodplatform import version
from vodplatform.core import logs

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

SENT_OF_A_REQUEST = ("method",)


def start() -> None:
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk
    from sentry_sdk.integrations.argv import ArgvIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.integrations.stdlib import StdlibIntegration

    sentry_sdk.init(
        settings.SENTRY_DSN,
        release=version.release(),
        send_default_pii=False,
        # Local variables, request bodies and breadcrumbs may contain passwords, so they are not sent.
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(middleware_spans=False, signals_spans=False)],
        # Disabled, because ArgvIntegration sends command lines and StdlibIntegration changes how processes are started.
        disabled_integrations=[ArgvIntegration(), StdlibIntegration()],
        before_send=prepare,
    )


def prepare(event: Event, hint: Hint) -> Event:
    ids = {"request_id": logs.request_id.get(), "user": logs.user_id.get(), "job": logs.job_id.get()}
    tags = dict(event.get("tags") or {})
    event["tags"] = {**tags, **{name: value for name, value in ids.items() if value}}
    request = event.get("request") or {}
    event["request"] = {name: request[name] for name in SENT_OF_A_REQUEST if name in request}
    event.pop("extra", None)
    for value in (event.get("exception") or {}).get("values", []):
        value["value"] = logs.without_secrets(str(value.get("value") or ""))
    if entry := event.get("logentry"):
        cleaned = {name: logs.without_secrets(value) for name, value in entry.items() if isinstance(value, str)}
        event["logentry"] = cleaned
    return event
