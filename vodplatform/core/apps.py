import gc

from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "vodplatform.core"
    label = "base"
    verbose_name = "Records"

    def ready(self) -> None:
        from vodplatform.core import sentry

        sentry.start()
        # What is loaded stays loaded: it is not looked through again.
        gc.freeze()
        gc.enable()
