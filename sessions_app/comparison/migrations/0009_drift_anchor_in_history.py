"""Keep with each change of an offset where it is exact, so that one can go back to it."""

from django.db import migrations, models

from vodplatform.base.records.append_only import protect


class Migration(migrations.Migration):
    dependencies = [("comparison", "0008_mentions")]

    operations = [
        migrations.AddField(
            model_name="offsetchange",
            name="new_drift_anchor",
            field=models.FloatField(
                help_text="The global time at which the offset is exact; empty in rows older than it.", null=True
            ),
        ),
        migrations.RunPython(protect("comparison_offset_change"), migrations.RunPython.noop),
    ]
