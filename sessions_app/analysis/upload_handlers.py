from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import Upload
from media_app.uploads.protocols.multipart import FilePart, form
from media_app.videos.upload_handlers import create_session_video, key_of, session_bytes, title_of
from sessions_app.analysis import params as parameters
from sessions_app.analysis.models import AnalysisType
from sessions_app.analysis.services import begin_for_upload
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

NAME = "analysis"
FILE = FilePart(frozenset({"video", "file"}), NAME)
FORMS = [
    form("api/v1/video/upload", FILE),
    form("analyze/highlights", FILE),
    form("analyze/workout", FILE),
]


def validate_request(analysis_type: Any, params: Mapping[str, Any], name: Any = None) -> dict[str, Any]:
    """Return the validated fields ``analysis_type, params, warnings, name``. Raises ``invalid``."""
    if analysis_type not in AnalysisType.values:
        sentence = f"Set `analysis_type` to {' or '.join(AnalysisType.values)}."
        raise DomainError("invalid", sentence, errors={"analysis_type": [sentence]})
    checked, warnings = parameters.check(analysis_type, params)
    found = {"analysis_type": str(analysis_type), "params": checked, "warnings": warnings}
    if name:
        if not isinstance(name, str):
            raise DomainError("invalid", errors={"name": ["Must be text."]})
        found["name"] = " ".join(name.split())[:255]
    return found


class AnalysisUploadHandler(UploadHandler):
    name = NAME
    label = "Analysis"

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        return validate_request(
            metadata.get("analysis_type"), parameters.parse_params_field(metadata.get("params")), metadata.get("name")
        )

    def finish(self, upload: Upload) -> None:
        asked = upload.metadata
        begin_for_upload(upload, asked, lambda job: create_session_video(upload, job, title=title_of(upload.filename)))

    def key_of(self, upload: Upload) -> str:
        return key_of(upload.resource_id, upload.filename)

    def stored_bytes(self, user_id: UUID) -> int:
        return session_bytes(user_id)


ANALYSIS = AnalysisUploadHandler()
