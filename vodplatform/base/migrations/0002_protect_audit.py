"""Make the rows of audit_entry unchangeable, by trigger on both databases."""

from django.db import migrations

from vodplatform.base.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial")]
    operations = [migrations.RunPython(protect("audit_entry"), unprotect("audit_entry"))]
