from django.apps import AppConfig


class PlatformConfig(AppConfig):
    name = "vodplatform.site"
    label = "vodplatform"
