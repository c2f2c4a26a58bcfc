"""Accounts whose e-mail address is not confirmed yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_profiles_and_tickets")]

    operations = [
        migrations.CreateModel(
            "PendingSignUp",
            [
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("username", models.CharField(max_length=150)),
                ("full_name", models.CharField(blank=True, max_length=150)),
                ("email", models.EmailField(db_index=True, max_length=254)),
                ("password", models.CharField(max_length=128)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
