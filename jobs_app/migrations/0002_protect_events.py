"""Make the rows of jobs_event unchangeable, by trigger on both databases."""

from django.db import migrations

from vodplatform.base.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [migrations.RunPython(protect("jobs_event"), unprotect("jobs_event"))]
