"""What uploads are for: ``settings.UPLOAD_PURPOSES`` lists the dotted paths of the purposes."""

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


class Purpose(ABC):
    """What uploads of one purpose are for: a subclass for each, and one instance of it.

    name: of the purpose in the API and in rows. label: what people see. families, mime_types: what the first bytes
    have to be; no types stand for all of the families. checks_type_early: whether another type ends the upload as
    soon as those bytes have come; else :meth:`finish` sees to it, by a ``mime_type`` that is empty. counts: whether
    its files take of the room that the tier gives. takes_up: whether what an upload becomes answers for its bytes
    from then on; else they stay the upload's, which may still be given up and expires.
    """

    name: str
    label: str
    families: frozenset[str] = frozenset({"video"})
    mime_types: frozenset[str] = frozenset()
    checks_type_early = True
    counts = True
    takes_up = True

    def admit(self, user: User, given: Mapping[str, str]) -> None:  # noqa: B027 - most ask nothing
        """Raise ``DomainError`` where the user may not send one at all.

        Asked of forms alone, before anything of them is read: what they say of their files may come after the files.
        given: the parts of the form's address.
        """

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of what was said of the file. Raises ``DomainError`` where it is wrong, or the user may not.

        For a form it is called once all of the form has come.
        """
        return dict(metadata)

    def max_bytes(self) -> int | None:
        """A limit of its own beside the tier's."""
        return None

    def resource_of(self, upload: Upload) -> UUID | None:
        """The id of what the upload belongs to; None where it becomes something new."""
        return None

    def key_of(self, upload: Upload) -> str:
        """A key for the whole, another one each time."""
        return f"uploads/{upload.pk}/whole"

    def refusal(self) -> DomainError:
        """How a file of another type is refused."""
        return DomainError("not_a_video")

    def inspect(self, upload: Upload) -> None:  # noqa: B027 - the same
        """Look at what has come, before the upload is completed and outside of any transaction.

        Raises ``DomainError``, and may have ended the upload then.
        """

    @abstractmethod
    def finish(self, upload: Upload) -> None:
        """Make what the upload becomes, by its ``resource_id``, in the transaction that completes it."""

    def cancel(self, upload: Upload) -> bool:
        """Give up what goes with the upload, and end it by :func:`media_app.uploads.services.end`.

        Return False where nothing goes with it; the caller ends it then.
        """
        return False

    def stored_bytes(self, user_id: UUID) -> int:
        """What the user's finished files of this purpose take."""
        return 0

    def write_guard(self, resource_id: UUID) -> AbstractContextManager[Any]:
        """Stands around every write of what a finished upload has become."""
        return nullcontext()

    def takes(self, kind: Kind | None) -> bool:
        """Whether files of this kind are taken. kind: as :func:`media_app.av.sniff.sniff` tells it."""
        return kind is not None and kind.family in self.families and self.takes_type(kind.mime_type)

    def takes_type(self, mime_type: str) -> bool:
        """The same for the type of a file of the right family."""
        return not self.mime_types or mime_type in self.mime_types


@cache
def registry() -> dict[str, Purpose]:
    """Every purpose by its name."""
    found: list[Purpose] = [import_string(path) for path in settings.UPLOAD_PURPOSES]
    return {purpose.name: purpose for purpose in found}


def purpose_of(name: str) -> Purpose:
    """The purpose with this name. Raises ``invalid`` (400)."""
    try:
        return registry()[name]
    except KeyError as exc:
        known = ", ".join(sorted(registry()))
        raise DomainError("invalid", errors={"purpose": [f"Unknown purpose; one of: {known}."]}) from exc
