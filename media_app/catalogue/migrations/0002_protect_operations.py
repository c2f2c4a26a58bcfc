"""crdt_operations: rows are never changed."""

from django.db import migrations

from vodplatform.base.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    dependencies = [("editorial", "0001_initial")]
    operations = [migrations.RunPython(protect("crdt_operations"), unprotect("crdt_operations"))]
