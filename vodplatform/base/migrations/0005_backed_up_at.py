"""When a backup was last made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0004_running_process"),
    ]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="backed_up_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
