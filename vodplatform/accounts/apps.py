from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "vodplatform.accounts"
    label = "accounts"
