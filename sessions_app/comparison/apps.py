from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "sessions_app.comparison"
    label = "comparison"

    def ready(self) -> None:
        from media_app.videos.services import leaving
        from sessions_app.comparison.services import replace_deleted_video

        leaving.connect(replace_deleted_video)
