"""Make the rows of comparison_offset_change unchangeable, by trigger on both databases."""

from django.db import migrations

from vodplatform.base.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    dependencies = [("comparison", "0001_initial")]
    operations = [
        migrations.RunPython(protect("comparison_offset_change"), unprotect("comparison_offset_change")),
    ]
