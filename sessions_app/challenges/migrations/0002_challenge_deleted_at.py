"""Merges remember when their challenge was deleted: they are kept until they expire."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0010_rendition_lost_at"),
        ("jobs", "0005_outages"),
        ("merging", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="mergesession",
            name="challenge_deleted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="mergesession",
            index=models.Index(
                condition=models.Q(("challenge_deleted_at__isnull", False)),
                fields=["expires_at"],
                name="merge_without_challenge",
            ),
        ),
    ]
