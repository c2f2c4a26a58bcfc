from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "sessions_app.comparison"
    label = "comparison"

    def ready(self) -> None:
        from media_app.videos.services import video_deleting, video_locking
        from sessions_app.comparison.services import lock_sessions_of, replace_deleted_video

        video_locking.connect(lock_sessions_of)
        video_deleting.connect(replace_deleted_video)
