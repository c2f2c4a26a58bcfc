"""One file of the pieces of an upload: in order, whatever their sizes, and told when one is gone."""

from pathlib import Path

import pytest

from media_app.uploads import assemble, services
from media_app.uploads.models import Upload
from tests.uploads.conftest import begin, video_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db]
CHUNK = 64 * 1024
SIZE = 5 * CHUNK + 77
VIDEO = video_of(SIZE)


@pytest.fixture
def upload(owner: User, media: Path) -> Upload:
    """An upload whose chunks are there, the last one first."""
    upload = begin(owner, "chunks", size=SIZE, chunk_size=CHUNK)
    for number in reversed(range(upload.total_chunks)):
        key = f"uploads/{upload.pk}/{number}"
        (media / key).parent.mkdir(parents=True, exist_ok=True)
        (media / key).write_bytes(VIDEO[number * CHUNK : (number + 1) * CHUNK])
        services.store_chunk_row(upload, number, upload.length_of(number), "0" * 64, key)
    return services.complete(upload)


def test_the_pieces_are_joined_in_order_by_each_attempt(upload: Upload, media: Path) -> None:
    """An attempt that dies leaves its pieces; the next one has a key of its own."""
    for number in range(2):
        shares: list[float] = []
        assemble.assemble(upload, f"videos/a/{number}.mp4", media, shares.append)
        assert (media / f"videos/a/{number}.mp4").read_bytes() == VIDEO
        assert shares == sorted(shares)
        assert shares[-1] == 1


@pytest.mark.parametrize("is_short", [True, False])
def test_a_piece_that_is_gone_or_too_short_is_told(upload: Upload, media: Path, is_short: bool) -> None:
    piece = media / f"uploads/{upload.pk}/2"
    if is_short:
        piece.write_bytes(VIDEO[:10])
    else:
        piece.unlink()
    with pytest.raises(FileNotFoundError):
        assemble.assemble(upload, "videos/a/whole.mp4", media, lambda share: None)


def test_a_part_without_its_row_is_told(owner: User, media: Path) -> None:
    part = services.complete(begin(owner, size=0, is_partial=True))
    whole = Upload(owner=owner, concatenates=[str(part.pk)], key="videos/a")
    part.delete()
    with pytest.raises(FileNotFoundError):
        services.sources_of(whole)


def test_what_came_in_one_piece_has_nothing_to_be_joined(owner: User, media: Path, upload: Upload) -> None:
    whole = begin(owner, size=SIZE)
    assert not assemble.is_in_pieces(whole)
    assert assemble.is_in_pieces(upload)
    assert services.sources_of(whole) == [(whole.key, SIZE)]
