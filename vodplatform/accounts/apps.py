from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "vodplatform.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from vodplatform.accounts.browser_sessions import store_sign_in

        user_logged_in.connect(store_sign_in)
