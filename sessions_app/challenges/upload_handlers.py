from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from media_app.storage import files as store
from media_app.uploads import assemble, quota
from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import LIVE, Upload, UploadProtocol
from media_app.videos import work_limit
from media_app.videos.services import probe, waiting_room
from sessions_app.challenges import merges
from sessions_app.challenges.models import MergeClip
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

# Maximum bytes of a clip that is checked while the client waits, in local and in remote storage. Larger clips are
# checked by the merge.
MAX_BYTES, MAX_REMOTE_BYTES = 512 * 1024**2, 64 * 1024**2


def _is_live(upload: Upload) -> bool:
    return Upload.objects.filter(pk=upload.pk, status__in=LIVE).exists()


def _refusal(found: dict[str, Any]) -> DomainError | None:
    if error := found.get("error"):
        has_no_picture = error["code"] == "no_video"
        return DomainError("no_video" if has_no_picture else "clip_unreadable", str(error["message"]))
    facts = found["facts"]
    if facts.get("truncated"):
        return DomainError("clip_unreadable", "The file is incomplete: its end is missing. Upload the complete file.")
    if facts["duration"] > settings.MAX_VIDEO_SECONDS:
        return DomainError("video_too_long", f"The clip is longer than {settings.MAX_VIDEO_SECONDS / 3600:g} hours.")
    return None


class ClipUploadHandler(UploadHandler):
    name = merges.PURPOSE
    label = "Clip of a merge"
    checks_type_early = False
    claims_bytes = False

    def inspect(self, upload: Upload) -> None:
        most = MAX_BYTES if store.is_local() else MAX_REMOTE_BYTES
        if upload.size > most or (upload.front != UploadProtocol.CHUNKS and not store.is_local()):
            return
        # Check only one clip per user at a time, because the temporary copies could fill the disk.
        with (
            waiting_room.turn(str(upload.owner_id)),
            tempfile.TemporaryDirectory(dir=quota.scratch_folder(), ignore_cleanup_errors=True) as name,
        ):
            if not _is_live(upload):
                return
            whole = Path(name) / "clip"
            quota.check_disk(upload.size)
            try:
                assemble.assemble_to_file(upload, whole, Path(name), lambda share: None)
            except FileNotFoundError as exc:
                if not _is_live(upload):
                    return  # the upload ended during the copy
                raise DomainError("upload_lost") from exc
            found = probe([whole], upload.owner_id)[0]
        if found.get("error", {}).get("broke"):
            return  # the probe did not finish; the merge checks the clip again
        error = _refusal(found) or work_limit.refusal(
            upload.owner, found["facts"], beside=merges.gigapixels_of_other_clips(upload)
        )
        if error is None:
            facts = found["facts"]
            metadata = upload.metadata | {
                merges.SECONDS: facts["duration"], merges.GIGAPIXELS: work_limit.gigapixels(facts)
            }  # fmt: skip
            Upload.objects.filter(pk=upload.pk).update(metadata=metadata)
        else:
            clip = MergeClip.objects.filter(pk=upload.pk).first()
            error = DomainError(
                error.type.name, f"{clip.label if clip else 'The clip'}: {error.message}", **error.extra
            )
            merges.clip_unreadable(upload, error)
            raise error

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def finish(self, upload: Upload) -> None:
        merges.clip_completed(upload)

    def cancel(self, upload: Upload) -> bool:
        merges.cancel_clip(upload)
        return True


CLIP = ClipUploadHandler()
