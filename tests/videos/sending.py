"""Files of videos, sent in chunks without a request."""

import hashlib
import uuid
from pathlib import Path
from typing import Any

from jobs_app.models import Job
from media_app.storage import files as store
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload, UploadProtocol
from media_app.videos.models import Video
from vodplatform.accounts.models import User


def again(video: Video) -> Video:
    """Return the video as its row is now."""
    return Video.objects.with_state().get(pk=video.pk)


def job_of(video: Video) -> Job:
    return Job.objects.get(pk=video.job_id)


def upload_in_chunks(
    owner: User, content: bytes, scratch: Path, size: int, *, purpose: str = "library", **fields: Any
) -> Upload:
    """Return an upload all of whose chunks of ``size`` bytes are stored, the last one first; it is not completed."""
    upload = uploads.begin_upload(
        owner, front=UploadProtocol.CHUNKS, purpose=purpose, filename="match.mp4", size=len(content), chunk_size=size,
        **fields,
    )  # fmt: skip
    for number in reversed(range(upload.total_chunks)):
        piece, part = content[number * size : (number + 1) * size], scratch / "part"
        part.write_bytes(piece)
        key = f"uploads/{upload.pk}/{number:06d}-{uuid.uuid4().hex}"
        store.put_file(key, part)
        uploads.store_chunk_row(upload, number, len(piece), hashlib.sha256(piece).hexdigest(), key)
    return upload
