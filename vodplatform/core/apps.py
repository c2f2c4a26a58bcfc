import gc

from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "vodplatform.core"
    label = "base"
    verbose_name = "Records"

    def ready(self) -> None:
        from vodplatform.core import sentry

        sentry.start()
        # Exempt loaded modules from garbage collection; they are never freed.
        gc.freeze()
        gc.enable()
