from typing import Any

from django.db import migrations, models
from django.db.models.functions import Length


def measure(apps: Any, schema_editor: Any) -> None:
    """Estimate the sizes of existing text tracks by their characters; each is measured when it is replaced."""
    apps.get_model("catalog", "TextTrack").objects.update(size=Length("content") + Length("search_text"))


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0003_bin'),
    ]

    operations = [
        migrations.AddField(
            model_name='texttrack',
            name='size',
            field=models.PositiveIntegerField(db_default=0),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop, elidable=True),
    ]
