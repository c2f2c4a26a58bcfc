"""Catalogue rows for tests, as the services would create them."""

import json
import uuid
from typing import Any

from media_app.catalogue.crdt import FIELDS, Document
from media_app.catalogue.models import MergeState
from media_app.videos.models import Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.search import search_text
from tests.support.factories import make_video
from vodplatform.accounts.models import User


def make_catalogue_video(owner: User, **fields: Any) -> Video:
    """Create a public catalogue video. Its file exists only if ``location`` names an existing file."""
    words: dict[str, Any] = {
        "title": "A recording", "description": "", "category": "", "tags": [], "is_featured": False, **fields
    }  # fmt: skip
    video = make_video(
        owner,
        **{
            "place": VideoScope.CATALOGUE, "source": VideoSource.STORED, "status": VideoStatus.READY, **words,
            "location": fields.get("location", f"videos/{uuid.uuid4()}/1.mp4"), "last_modified_by": owner,
            "search_text": search_text(words["title"], words["description"], words["category"], words["tags"]),
        },
    )  # fmt: skip
    base = {name: words[name] for name in (*FIELDS.values(), "tags")}
    MergeState.objects.create(video=video, base=base, document=Document.begin(words["tags"]).to_json())
    return video


def compact(document: Document) -> str:
    """Return the document in the JSON text that static/js/catalogue/crdt.js writes."""
    return json.dumps(document.to_json(), ensure_ascii=False, separators=(",", ":"))
