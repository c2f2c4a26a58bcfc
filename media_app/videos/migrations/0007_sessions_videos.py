"""Videos that came with a session stand on no shelf; reels and previews are renditions."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_lists"),
        ("jobs", "0003_engine"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="rendition",
            name="rendition_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="video",
            name="video_place_known",
        ),
        migrations.AlterField(
            model_name="rendition",
            name="kind",
            field=models.CharField(
                choices=[
                    ("poster", "Poster"),
                    ("sprite", "Sprite"),
                    ("peaks", "Peaks"),
                    ("hls", "Hls"),
                    ("proxy", "Proxy"),
                    ("silent", "Silent"),
                    ("thumbnail", "Thumbnail"),
                    ("reel", "Reel"),
                    ("preview", "Preview"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="video",
            name="place",
            field=models.CharField(
                choices=[("library", "Library"), ("catalogue", "Catalogue"), ("session", "Session")],
                default="library",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["poster", "sprite", "peaks", "hls", "proxy", "silent", "thumbnail", "reel", "preview"],
                    )
                ),
                name="rendition_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="video",
            constraint=models.CheckConstraint(
                condition=models.Q(("place__in", ["library", "catalogue", "session"])), name="video_place_known"
            ),
        ),
    ]
