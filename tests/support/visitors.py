"""Browsers that have opened a link to a comparison."""

import uuid

from django.core import signing

from sessions_app.comparison.access import COOKIE_PREFIX, SALT
from sessions_app.comparison.models import ShareLink
from tests.support.api import Api


def visitor(link: ShareLink, *, is_unlocked: bool = True) -> Api:
    """One that has opened ``link``, and given its password or not."""
    api = Api()
    said = {"link": str(link.pk), "visitor": str(uuid.uuid4()), "name": "", "unlocked": is_unlocked}
    api.client.cookies[COOKIE_PREFIX + link.session_id] = signing.dumps(said, salt=SALT)
    api.client.cookies["csrftoken"] = "c" * 32
    api.headers = {"X-CSRFToken": "c" * 32}
    return api
