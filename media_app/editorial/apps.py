from django.apps import AppConfig


class EditorialConfig(AppConfig):
    name = "media_app.editorial"
    label = "editorial"
    verbose_name = "Catalogue"
