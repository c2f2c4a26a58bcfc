from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "media_app.videos"
    label = "catalog"
    verbose_name = "Private videos"
