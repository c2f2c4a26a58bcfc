from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_segments")]
    operations = [migrations.AddField("job", "away_since", models.DateTimeField(blank=True, null=True))]
