import gc

from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "vodplatform.core"
    label = "base"
    verbose_name = "Records"

    def ready(self) -> None:
        from vodplatform.core import sentry

        sentry.start()
        # Loaded modules stay: exempt them from garbage collection.
        gc.freeze()
        gc.enable()
