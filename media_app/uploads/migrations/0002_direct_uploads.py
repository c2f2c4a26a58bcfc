"""Uploads whose chunks go straight to the bucket."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("uploads", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="upload",
            name="upload_front_known",
        ),
        migrations.RemoveConstraint(
            model_name="upload",
            name="upload_chunked_or_not",
        ),
        migrations.AlterField(
            model_name="upload",
            name="front",
            field=models.CharField(
                choices=[("multipart", "Multipart"), ("chunks", "Chunks"), ("tus", "Tus"), ("direct", "Direct")],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("front__in", ["multipart", "chunks", "tus", "direct"])), name="upload_front_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("chunk_size__gt", 0), ("front__in", ("chunks", "direct"))),
                    models.Q(models.Q(("front__in", ("chunks", "direct")), _negated=True), ("chunk_size", None)),
                    _connector="OR",
                ),
                name="upload_chunked_or_not",
            ),
        ),
    ]
