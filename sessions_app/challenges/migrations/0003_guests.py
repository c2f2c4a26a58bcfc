"""People without an account may guess where the owner lets them; their browser is told apart by a number."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("merging", "0002_challenge_deleted_at")]

    operations = [
        migrations.AddField(
            model_name="challenge", name="guests_may_play", field=models.BooleanField(db_default=False)
        ),
        migrations.AddField(model_name="guess", name="guest", field=models.UUIDField(null=True)),
        migrations.AlterField(
            model_name="guess",
            name="player",
            field=models.ForeignKey(
                null=True, on_delete=models.deletion.CASCADE, related_name="guesses", to="accounts.user"
            ),
        ),
        migrations.AddConstraint(
            model_name="guess",
            constraint=models.UniqueConstraint(fields=("challenge", "guest"), name="guess_once_as_guest"),
        ),
        migrations.AddConstraint(
            model_name="guess",
            constraint=models.CheckConstraint(
                condition=Q(("guest__isnull", False), ("player", None)) | Q(("guest", None), ("player__isnull", False)),
                name="guess_by_one",
            ),
        ),
    ]
