from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "media_app.catalog"
    label = "catalog"
