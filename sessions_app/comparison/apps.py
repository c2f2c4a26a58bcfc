from django.apps import AppConfig


class ComparisonConfig(AppConfig):
    name = "sessions_app.comparison"
    label = "comparison"
    verbose_name = "Comparisons"

    def ready(self) -> None:
        from media_app.streaming import grants
        from media_app.videos.services import video_deleting, video_locking, video_shelving, video_showing
        from sessions_app.comparison.models import LINK_GRANT, SHARE_GRANT
        from sessions_app.comparison.services import (
            broadcast_video_change,
            comparisons_of_videos,
            lock_sessions_of,
            own_sessions_of,
        )
        from sessions_app.comparison.sharing.links import is_link_open
        from sessions_app.comparison.sharing.services import is_share_open

        video_locking.connect(lock_sessions_of)
        video_deleting.connect(own_sessions_of)
        video_shelving.connect(broadcast_video_change)
        video_showing.connect(comparisons_of_videos)
        grants.register(SHARE_GRANT, is_share_open)
        grants.register(LINK_GRANT, is_link_open)
