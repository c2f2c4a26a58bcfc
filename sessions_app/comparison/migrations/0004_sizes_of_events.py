from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery, Sum, TextField
from django.db.models.functions import Cast, Coalesce, Length


def measure(apps: Any, schema_editor: Any) -> None:
    """Estimate the sizes of existing events; each is measured at its next change."""
    event, reply = apps.get_model("comparison", "SessionEvent"), apps.get_model("comparison", "EventReply")
    thread = reply.objects.filter(event=OuterRef("pk")).order_by().values("event")
    event.objects.update(
        size=700
        + Length("label")
        + Length("body")
        + Coalesce(Length(Cast("drawing", TextField())), 0)
        + Coalesce(Subquery(thread.annotate(total=Sum(Length("body") + 250)).values("total")), 0)
    )
    events = event.objects.filter(session=OuterRef("pk")).order_by().values("session")
    total = Coalesce(Subquery(events.annotate(total=Sum("size")).values("total")), 0)
    apps.get_model("comparison", "ComparisonSession").objects.update(events_bytes=total)


class Migration(migrations.Migration):

    dependencies = [
        ('comparison', "0003_pause_without_viewers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='comparisonsession',
            name='events_bytes',
            field=models.PositiveBigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='sessionevent',
            name='size',
            field=models.PositiveIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name='sessionevent',
            index=models.Index(fields=['session', 'size'], name='event_size'),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop, elidable=True),
    ]
