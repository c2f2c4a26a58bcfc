"""The job that cuts a reel anew, of moments that a person chose."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analysis", "0002_kept"), ("jobs", "0005_outages")]

    operations = [
        migrations.AddField(
            model_name="analysissession",
            name="reel_job",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="reels",
                to="jobs.job",
            ),
        ),
    ]  # fmt: skip
