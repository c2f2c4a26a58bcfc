from django.apps import AppConfig


class MergingConfig(AppConfig):
    name = "sessions_app.challenges"
    label = "merging"
    verbose_name = "Merges and challenges"
