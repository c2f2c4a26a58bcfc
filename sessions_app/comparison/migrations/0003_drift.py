"""Let a VOD's own clock run beside the session's; the history keeps both speeds."""

from django.db import migrations, models

from vodplatform.base.records.append_only import protect


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0010_rendition_lost_at"),
        ("comparison", "0002_protect_offset_history"),
    ]

    operations = [
        migrations.AddField(
            model_name="comparisonvod",
            name="drift_anchor",
            field=models.FloatField(db_default=0.0, help_text="The global time at which the offset is exact."),
        ),
        migrations.AddField(
            model_name="comparisonvod",
            name="drift_ppm",
            field=models.FloatField(db_default=0.0, help_text="By how much faster its own time runs, in millionths."),
        ),
        migrations.AddField(
            model_name="offsetchange",
            name="new_drift_ppm",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="offsetchange",
            name="old_drift_ppm",
            field=models.FloatField(help_text="Empty in rows older than drift.", null=True),
        ),
        migrations.AlterField(
            model_name="alignment",
            name="method",
            field=models.CharField(
                choices=[("timer_ocr", "Timer Ocr"), ("audio", "Audio"), ("auto", "Auto")], max_length=16
            ),
        ),
        migrations.AddConstraint(
            model_name="comparisonvod",
            constraint=models.CheckConstraint(
                condition=models.Q(("drift_ppm__gte", -1000.0), ("drift_ppm__lte", 1000.0)), name="comparison_vod_drift"
            ),
        ),
        migrations.RunPython(protect("comparison_offset_change"), migrations.RunPython.noop),
    ]
