"""Settings that every way of running shares; what differs is in embedded, production and test."""

import logging
import warnings
from typing import Any

from csp.constants import NONE, SELF

from .environment import PROJECT_ROOT, Environment

env = Environment()
BASE_DIR = PROJECT_ROOT
DATA_DIR = env.data_dir()
SECRET_KEY = env.secret_key(DATA_DIR)
DEBUG = False
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "vodplatform",
    "vodplatform.accounts",
    "jobs_app",
    "media_app.catalog",
    "sessions_app.comparison",
]

MIDDLEWARE = [
    "vodplatform.base.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "vodplatform.urls"
ASGI_APPLICATION = "vodplatform.asgi.application"
APPEND_SLASH = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/compare"
LOGOUT_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "vodplatform.base.views.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT_ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vodplatform.base.pages.shell",
            ]
        },
    }
]

DATABASES: dict[str, Any] = {"default": env.database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [PROJECT_ROOT / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = DATA_DIR / "media"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

REDIS_URL = env.redis_url(DATA_DIR)
REDIS_IS_PRIVATE = not env.text("REDIS_URL")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "vod"},
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vodplatform.accounts.authentication.TokenAuthentication",
        "vodplatform.accounts.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["vodplatform.base.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "vodplatform.base.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VOD platform",
    "DESCRIPTION": "Recordings of one event side by side on one clock. Every error has one body: docs/errors.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "vodplatform.base.schema.add_error_responses",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PlaybackStateEnum": "sessions_app.comparison.models.PlaybackState",
        "SyncModeEnum": "sessions_app.comparison.models.SyncMode",
        "OffsetSourceEnum": "sessions_app.comparison.models.OffsetSource",
        "JobStatusEnum": "jobs_app.models.JobStatus",
    },
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
    # The admin theme runs Alpine, which evaluates expressions and sets styles.
    "EXCLUDE_URL_PREFIXES": ["/admin/"],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Accounts: what a tier allows. Bytes, counts.
GIB = 1024**3
TIER_LIMITS = {
    "free": {"max_segments": 0, "max_upload_bytes": GIB // 2, "max_storage_bytes": 5 * GIB, "max_concurrent_jobs": 2},
    "pro": {"max_segments": 5, "max_upload_bytes": 5 * GIB, "max_storage_bytes": 100 * GIB, "max_concurrent_jobs": 4},
    "enterprise": {
        "max_segments": 10,
        "max_upload_bytes": 20 * GIB,
        "max_storage_bytes": 1000 * GIB,
        "max_concurrent_jobs": 8,
    },
}

# Jobs. Each kind is a dotted path to its JobKind. Lanes hold how many of their jobs run at once over all workers.
JOB_KINDS = ["sessions_app.comparison.handlers.ALIGN"]
JOB_BROKER = "redis"
JOB_LANES = {"align": env.integer("VOD_ALIGN_CONCURRENCY", 2, 1, 64)}
JOB_LEASE_SECONDS = 20.0
JOB_RENEW_SECONDS = 5.0
JOB_CONTROL_SECONDS = 0.5
JOB_SWEEP_SECONDS = 2.0
JOB_PROGRESS_SECONDS = 0.5

CHILD_MEMORY_BYTES = env.integer("VOD_CHILD_MEMORY_MB", 2048, 128, 1 << 20) * 1024**2
CHILD_THREADS = env.integer("VOD_CHILD_THREADS", 2, 1, 256)
CHILD_SECONDS = env.number("VOD_CHILD_SECONDS", 300, 1, 86_400)

# Media.
LIBRARY_ROOTS = env.library_roots()
SIGNED_URL_SECONDS = env.integer("VOD_SIGNED_URL_SECONDS", 7200, 60, 86_400)

# Comparison.
MULTI_VOD_ENABLED = env.flag("VOD_MULTI_VOD_ENABLED", True)
MULTI_VOD_MAX_SESSIONS_CACHED = env.integer("VOD_MULTI_VOD_MAX_SESSIONS_CACHED", 20, 0, 100_000)
MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = env.number("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS", 5.0, 0.1, 3600)
TIMER_READER = env.choice("VOD_TIMER_READER", "rapidocr", ("rapidocr", "easyocr"))
DEMO_ACCOUNT = env.text("VOD_DEMO_ACCOUNT")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "vodplatform.base.logs.JsonFormatter"}},
    "filters": {"context": {"()": "vodplatform.base.logs.ContextFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]}},
    "root": {
        "handlers": ["console"],
        "level": env.choice("VOD_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {
        "django.server": {"level": "WARNING"},
        # Faults are logged by our own handlers, without the address and the signature in it.
        "django.request": {"level": "CRITICAL"},
        "uvicorn.access": {"level": "WARNING"},
    },
}
logging.captureWarnings(True)
# WhiteNoise hands Django a plain iterator; static files are small enough to be read at once.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

UNFOLD = {
    "SITE_TITLE": "VOD platform",
    "SITE_HEADER": "VOD platform",
    "SHOW_HISTORY": True,
}
