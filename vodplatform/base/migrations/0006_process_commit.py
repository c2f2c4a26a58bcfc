"""The commit of each running process."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0005_backed_up_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="runningprocess",
            name="commit",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
    ]
