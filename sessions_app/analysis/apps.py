from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "sessions_app.analysis"
    label = "analysis"
    verbose_name = "Analyses"

    def ready(self) -> None:
        from media_app.videos.services import video_showing
        from sessions_app.analysis.services import analyses_of_videos

        video_showing.connect(analyses_of_videos)
