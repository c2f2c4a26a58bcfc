"""Visitors who have opened a link to a comparison."""

import uuid

from django.core import signing

from sessions_app.comparison.access import COOKIE_PREFIX, SALT
from sessions_app.comparison.models import ShareLink
from tests.support.api import Api


def visitor(link: ShareLink, *, is_unlocked: bool = True) -> Api:
    """Return the client of a visitor of ``link``. is_unlocked: whether the visitor has entered the link's password."""
    api = Api()
    said = {"link": str(link.pk), "visitor": str(uuid.uuid4()), "name": "", "unlocked": is_unlocked}
    api.client.cookies[COOKIE_PREFIX + link.session_id] = signing.dumps(said, salt=SALT)
    api.client.cookies["csrftoken"] = "c" * 32
    api.headers = {"X-CSRFToken": "c" * 32}
    return api
