"""Every video is found by its words: filled in for those there are, and indexed on PostgreSQL."""

from django.db import migrations, models
from django.db.models import Q

from media_app.videos.search import search_text

INDEXES = {
    # Of the catalogue alone: nobody's private library is large enough to need it.
    "video_words": "catalog_video USING gin (to_tsvector('simple', search_text)) WHERE place = 'catalogue'",
    "video_tags": "catalog_video USING gin (tags) WHERE place = 'catalogue'",
}


def fill(apps, schema_editor):
    videos = apps.get_model("catalog", "Video").objects.using(schema_editor.connection.alias)
    batch = []
    for video in videos.only("title", "description", "category", "tags").iterator(chunk_size=1000):
        video.search_text = search_text(video.title, video.description, video.category, video.tags)
        batch.append(video)
        if len(batch) == 1000:
            videos.bulk_update(batch, ["search_text"])
            batch = []
    videos.bulk_update(batch, ["search_text"])


def add_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name, what in INDEXES.items():
            schema_editor.execute(f"CREATE INDEX {name} ON {what}")


def drop_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_the_catalogue")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                fields=["-created_at", "-id"],
                condition=Q(deleted_at=None, is_hidden=False, place="catalogue", status="ready") & Q(is_featured=True),
                name="video_shown_featured",
            ),
        ),
        migrations.RunPython(add_indexes, drop_indexes),
    ]
