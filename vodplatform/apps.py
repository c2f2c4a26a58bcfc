from django.apps import AppConfig


class PlatformConfig(AppConfig):
    name = "vodplatform"
    label = "vodplatform"
