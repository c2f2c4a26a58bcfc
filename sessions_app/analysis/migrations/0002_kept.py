"""An analysis without an end is kept for as long as its video."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analysis", "0001_initial")]

    operations = [
        migrations.AlterField(model_name="analysissession", name="expires_at", field=models.DateTimeField(null=True)),
    ]
