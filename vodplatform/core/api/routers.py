"""The router of the API: addresses without a slash at their end, path parameters by Django's converters."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    """``SimpleRouter`` for addresses such as ``api/v1/jobs/<uuid:job_id>/cancel``."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
