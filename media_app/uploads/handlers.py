"""Purposes of uploads, such as library or catalogue; ``settings.UPLOAD_PURPOSES`` lists their dotted paths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from media_app.av.sniff import Kind
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

if TYPE_CHECKING:
    from media_app.uploads.models import Upload


class UploadHandler(ABC):
    """A purpose of uploads, with one instance per subclass.

    - label: name shown to users.
    - families, mime_types: accepted kinds of files. Empty ``mime_types`` accept all types.
    - checks_type_early: whether wrong first bytes end an upload. If False, :meth:`finish` must handle an empty
      ``mime_type``.
    - claims_bytes: whether the created resource takes over the bytes of a completed upload. If True, a completed
      upload can no longer expire or be cancelled, unless it is one part of a tus upload in several parts.
    """

    name: str
    label: str
    families: frozenset[str] = frozenset({"video"})
    mime_types: frozenset[str] = frozenset()
    checks_type_early = True
    counts_towards_quota = True
    claims_bytes = True

    def admit(self, user: User, given: Mapping[str, str]) -> None:  # noqa: B027 - most check nothing
        """Raise ``DomainError`` if the user may not send a form. Called before the form is read.

        given: variables in the form's URL.
        """

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metadata to store, or raise ``DomainError``. Not called for forms."""
        return dict(metadata)

    def max_bytes(self) -> int | None:
        return None

    def resource_of(self, upload: Upload) -> UUID | None:
        return None

    def key_of(self, upload: Upload) -> str:
        return f"uploads/{upload.pk}/whole"

    def refusal(self) -> DomainError:
        return DomainError("not_a_video")

    def inspect(self, upload: Upload) -> None:  # noqa: B027 - most check nothing
        """Check the bytes before the upload is completed, outside of transactions. May raise ``DomainError``."""

    @abstractmethod
    def finish(self, upload: Upload) -> None:
        """Create the resource ``upload.resource_id`` in the transaction that completes the upload."""

    def cancel(self, upload: Upload) -> bool:
        """Cancel the records that depend on the upload.

        Return whether this has also ended the upload. If False, the caller ends it.
        """
        return False

    def stored_bytes(self, user_id: UUID) -> int:
        return 0

    def write_guard(self, resource_id: UUID) -> AbstractContextManager[Any]:
        """Return a context manager that must surround writes to the resource."""
        return nullcontext()

    def accepts(self, kind: Kind | None) -> bool:
        return kind is not None and kind.family in self.families and self.takes_type(kind.mime_type)

    def takes_type(self, mime_type: str) -> bool:
        return not self.mime_types or mime_type in self.mime_types


@cache
def registry() -> dict[str, UploadHandler]:
    found: list[UploadHandler] = [import_string(path) for path in settings.UPLOAD_PURPOSES]
    return {purpose.name: purpose for purpose in found}


def handler_named(name: str) -> UploadHandler:
    try:
        return registry()[name]
    except KeyError as exc:
        known = ", ".join(sorted(registry()))
        raise DomainError("invalid", errors={"purpose": [f"Unknown purpose. Use one of {known}."]}) from exc
