from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs_app"
    label = "jobs"
    verbose_name = "Jobs"
