"""An account with videos cannot be deleted; the database itself stays as it is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0004_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AlterField(
            "video",
            "owner",
            models.ForeignKey(
                on_delete=django.db.models.deletion.RESTRICT, related_name="videos", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]
