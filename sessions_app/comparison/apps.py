from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "sessions_app.comparison"
    label = "comparison"

    def ready(self) -> None:
        from media_app.videos.services import video_deleting
        from sessions_app.comparison.services import replace_deleted_video

        video_deleting.connect(replace_deleted_video)
