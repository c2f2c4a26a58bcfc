from django.apps import AppConfig


class EditorialConfig(AppConfig):
    name = "media_app.catalogue"
    label = "editorial"
    verbose_name = "Catalogue"
