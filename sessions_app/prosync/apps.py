from django.apps import AppConfig


class ProsyncConfig(AppConfig):
    name = "sessions_app.prosync"
    label = "prosync"
    verbose_name = "Pro jobs"
