"""Columns of jobs on segments of a video, found by them: a GIN index on PostgreSQL, which alone has it."""

from django.db import migrations, models


def add_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX idx_video_jobs_segments_data ON video_jobs USING gin (segments_data)")


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS idx_video_jobs_segments_data")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_engine")]
    operations = [
        migrations.AddField("job", "is_pro_job", models.BooleanField(default=False)),
        migrations.AddField("job", "segments_data", models.JSONField(blank=True, null=True)),
        migrations.AddIndex("job", models.Index(fields=["is_pro_job"], name="idx_video_jobs_is_pro_job")),
        migrations.RunPython(add_index, drop_index),
    ]
