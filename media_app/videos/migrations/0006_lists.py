"""Each list of the catalogue has an index that SQLite finds too; and letters that have no accent to lose are plain."""

from functools import reduce
from operator import or_

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from media_app.videos.search import LETTERS, search_text

PRESENT = Q(deleted_at=None, place="catalogue")
NEWEST = ["-created_at", "-id"]


def fold(apps, schema_editor):
    """Write the words again of the videos in which one of these letters is."""
    videos = apps.get_model("catalog", "Video").objects.using(schema_editor.connection.alias)
    has_one = reduce(or_, (Q(search_text__contains=chr(letter)) for letter in LETTERS))
    for video in videos.filter(has_one).only("title", "description", "category", "tags").iterator(chunk_size=1000):
        video.search_text = search_text(video.title, video.description, video.category, video.tags)
        video.save(update_fields=["search_text"])


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_accounts_keep_videos"),
        ("jobs", "0003_engine"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunPython(fold, migrations.RunPython.noop),
        migrations.RemoveIndex("video", "video_shown_by_category"),
        migrations.RemoveIndex("video", "video_in_catalogue_by_status"),
        migrations.RemoveIndex("video", "video_shown_featured"),
        migrations.AddIndex(
            "video",
            models.Index(
                fields=["category", *NEWEST, "status", "is_hidden"], condition=PRESENT, name="video_by_category"
            ),
        ),
        migrations.AddIndex(
            "video",
            models.Index(
                fields=["place", *NEWEST, "status", "is_hidden"],
                condition=PRESENT & Q(is_featured=True),
                name="video_featured",
            ),
        ),
        migrations.AddIndex(
            "video", models.Index(fields=["place", *NEWEST], condition=PRESENT & Q(is_hidden=True), name="video_hidden")
        ),
        migrations.AddIndex(
            "video",
            models.Index(
                fields=["place", *NEWEST, "status", "job"],
                condition=PRESENT & ~Q(status="ready"),
                name="video_not_ready",
            ),
        ),
        migrations.AddIndex(
            "video",
            models.Index(
                fields=["place", *NEWEST],
                condition=Q(deleted_at__isnull=False, place="catalogue"),
                name="video_deleted",
            ),
        ),
    ]
