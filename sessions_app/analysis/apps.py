from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "sessions_app.analysis"
    label = "analysis"
