"""Settings for several processes behind a TLS proxy."""

from .base import *  # noqa: F403
from .base import DATABASES, env
from .environment import SettingsError

for _name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"):
    if not env.text(_name):
        raise SettingsError(f"{_name} must be set in production.")
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise SettingsError("DATABASE_URL must be the address of a PostgreSQL database in production.")

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# Not redirected to HTTPS: probes on the same host call these paths without TLS.
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
DEMO_ACCOUNT = ""
ENVIRONMENT = "production"
