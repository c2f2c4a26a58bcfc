from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "sessions_app.comparison"
    label = "comparison"

    def ready(self) -> None:
        from media_app.videos.services import leaving
        from sessions_app.comparison.services import leave_gaps

        leaving.connect(leave_gaps)
