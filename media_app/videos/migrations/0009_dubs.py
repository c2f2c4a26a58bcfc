"""Sounds that are to replace a video's own, and what was made with them, are renditions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_open_videos"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="rendition",
            name="rendition_kind_known",
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
                    ("sound", "Sound"),
                    ("dub", "Dub"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "poster",
                            "sprite",
                            "peaks",
                            "hls",
                            "proxy",
                            "silent",
                            "thumbnail",
                            "reel",
                            "preview",
                            "sound",
                            "dub",
                        ],
                    )
                ),
                name="rendition_kind_known",
            ),
        ),
    ]
