"""Settings shared by all environments."""

import gc
import hashlib
import logging
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.urls import reverse_lazy

from vodplatform import version

from .environment import Environment, channel_prefix
from .variables import RESOURCES

# Garbage collection would take an eighth of the start-up time. core/apps.py enables it again.
gc.disable()

env = Environment()
BASE_DIR = RESOURCES
DATA_DIR = env.data_dir()
SECRET_KEY = env.secret_key(DATA_DIR)
SECRET_KEY_FALLBACKS = env.former_keys()
VERSION = version.VERSION
# Read the commit once at start, because the checkout may be updated while the old code runs.
COMMIT = version.commit()
DEBUG = False
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS")

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
    "rest_framework_simplejwt.token_blacklist",
    "vodplatform.site",
    "vodplatform.core",
    "vodplatform.accounts",
    "jobs_app",
    "media_app.uploads",
    "media_app.videos",
    "media_app.catalogue",
    "sessions_app.comparison",
    "sessions_app.analysis",
    "sessions_app.challenges",
    "sessions_app.prosync",
]

MIDDLEWARE = [
    "vodplatform.core.web.middleware.RequestContextMiddleware",
    "vodplatform.core.web.request_log.AccessMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "vodplatform.core.web.middleware.HealthMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "vodplatform.urls"
ASGI_APPLICATION = "vodplatform.asgi.application"
APPEND_SLASH = False
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "vodplatform.core.web.views.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [RESOURCES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vodplatform.core.web.context_processors.shell",
            ],
            "builtins": [f"vodplatform.core.templatetags.{name}" for name in ("pausing", "page_scripts", "shortcuts")],
        },
    }
]

DATABASES: dict[str, Any] = {"default": env.database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["vodplatform.accounts.backends.RoleBackend"]
MODERATOR_PERMISSIONS = [
    "editorial.view_cataloguevideo",
    "editorial.add_cataloguevideo",
    "editorial.change_cataloguevideo",
    "editorial.view_videoreport",
    "editorial.change_videoreport",
    "merging.view_challenge",
    "merging.change_challenge",
    "merging.view_challengereport",
    "merging.change_challengereport",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "vodplatform.formats"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [RESOURCES / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/bundles/.+-[0-9A-Z]{8}\.(js|css)$"  # cached for ten years
MEDIA_ROOT = DATA_DIR / "media"
_s3 = env.s3()
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(MEDIA_ROOT)}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if _s3 is not None:
    STORAGES["default"] = {"BACKEND": "media_app.storage.bucket.SharedS3Storage", "OPTIONS": _s3}
# Whether the bucket's CORS rules let pages upload to the bucket and download from it directly.
S3_CORS = _s3 is not None and env.flag("AWS_S3_CORS")
CDN = env.cdn()

REDIS_URL = env.redis_url(DATA_DIR)
REDIS_IS_PRIVATE = not env.text("REDIS_URL")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "vodplatform.core.web.layers.ShortChannelLayer",
        "CONFIG": {
            "hosts": [REDIS_URL],
            "prefix": channel_prefix(SECRET_KEY, REDIS_URL, str(DATABASES["default"]["NAME"])),
        },
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "vodplatform.accounts.authentication.TokenAuthentication",
        "vodplatform.accounts.authentication.JwtAuthentication",
        "vodplatform.accounts.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["vodplatform.core.web.throttles.RequestThrottle"],
    "DEFAULT_PARSER_CLASSES": ["vodplatform.core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["vodplatform.core.api.renderers.ItemJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "vodplatform.core.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "VOD Sync",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Swagger UI's deep links are off: they would be links inside buttons, which confuse screen readers.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "vodplatform.core.api.schema.add_introduction",
        "vodplatform.core.api.schema.add_error_responses",
        "vodplatform.core.api.schema.allow_overlaps",
        "vodplatform.core.api.schema.allow_empty_parameters",
        "vodplatform.core.api.schema.add_examples",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AnalysisStatusEnum": "sessions_app.analysis.models.SessionStatus",
        "PlaybackStateEnum": "sessions_app.comparison.models.PlaybackState",
        "SyncModeEnum": "sessions_app.comparison.models.SyncMode",
        "OffsetSourceEnum": "sessions_app.comparison.models.OffsetSource",
        "RoleEnum": "vodplatform.accounts.models.Role",
        "SessionRoleEnum": "sessions_app.comparison.models.SessionRole",
        "EventOriginEnum": "sessions_app.comparison.models.EventOrigin",
        "TrackKindEnum": "media_app.videos.models.TrackKind",
        "FoundOriginEnum": "sessions_app.comparison.events.serializers.FOUND_ORIGINS",
        "SharedRoleEnum": "sessions_app.comparison.sharing.serializers.SHARED_ROLES",
        "JobStatusEnum": "jobs_app.models.JobStatus",
        "UploadStatusEnum": "media_app.uploads.models.UploadStatus",
        "MergeStatusEnum": "sessions_app.challenges.models.MergeStatus",
        "ChallengeStatusEnum": "sessions_app.challenges.models.ChallengeStatus",
    },
}

MEDIA_ORIGINS = env.media_origins()
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF, *MEDIA_ORIGINS],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:", *MEDIA_ORIGINS],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
    # The admin has its own Content-Security-Policy (core/web/middleware.py).
    "EXCLUDE_URL_PREFIXES": ["/admin/"],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "vodplatform.accounts.browser_sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# Larger request bodies are stored in a file, so that slow clients use little memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

# Limits per minute: sign-ins per account and per IP address; requests per user or anonymous IP address.
THROTTLES_ON = env.flag("VOD_THROTTLES")
THROTTLES = {"sign_in_name": 10, "sign_in_address": 60, "write": 120, "read": 1200, "clock": 1200}
# Limits per minute for share links: openings per network; password attempts per network and per link; new
# password-protected links per account.
THROTTLES |= {"link_open": 60, "link_password_address": 10, "link_password": 60, "link_made": 10}
THROTTLES["large_copy"] = 6  # copies of comparisons with many events, per minute and account
THROTTLES["share_changed"] = 30  # changes of access rights to shared comparisons, per minute and owner
THROTTLES["share_made"] = 20  # comparisons that an owner shares with the same account, per hour
THROTTLES["visitor_events"] = 120  # reads of event lists and files by a share link, per minute and network
# Comments, replies and changes through a share link, per minute and network. All visitors of a comparison together can
# make 1 000 comments, so one visitor must not use them up quickly.
THROTTLES["visitor_write"] = 30
THROTTLES["socket"] = 300  # new WebSockets, by account, or by network if anonymous
THROTTLES["guest_guess"] = 20  # anonymous guesses at challenges, per minute and network
# Limits per hour.
THROTTLES["sign_up"] = env.integer("VOD_SIGNUPS_PER_HOUR")
THROTTLES["lost_password"] = 10
THROTTLES["account_data"] = 10
# E-mails to one address per day. The limits are separate, so that sign-ups by a stranger block no password reset.
THROTTLES |= {"sign_up_email": 3, "lost_password_email": 3}
THROTTLE_STORAGE = "redis"

SIGNUP = env.flag("VOD_SIGNUP")
EMAIL = env.email()
SIGNUP_CONFIRM = EMAIL["confirm"]
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT = EMAIL["host"], EMAIL["port"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL["user"], EMAIL["password"]
EMAIL_USE_SSL, EMAIL_USE_TLS = EMAIL["scheme"] == "smtps", EMAIL["scheme"] == "submission"
EMAIL_TIMEOUT = 10
PASSWORD_RESET_TIMEOUT = 86_400
DEFAULT_FROM_EMAIL = EMAIL["sender"]
# True if the program can send e-mails with links. The links need the public URL.
MAIL = bool(EMAIL_HOST and DEFAULT_FROM_EMAIL and env.text("VOD_PUBLIC_URL"))
# SIGNING_KEY is used only for JSON Web Tokens.
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": hashlib.sha256(b"jwt-v1:" + SECRET_KEY.encode()).hexdigest(),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.integer("VOD_JWT_ACCESS_MINUTES")),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.integer("VOD_JWT_REFRESH_DAYS")),
    "USER_ID_CLAIM": "sub",
}
GIB = 1024**3
# ``max_video_gigapixels`` limits width × height × frames / 10⁹. Two hours of 1080p60 have 900.
TIER_LIMITS = {
    "free": {
        "max_segments": 0,
        "max_upload_bytes": GIB // 2,
        "max_storage_bytes": 5 * GIB,
        "max_concurrent_jobs": 2,
        "max_sessions": 200,
        "max_video_gigapixels": 1000,
    },
    "pro": {
        "max_segments": 5,
        "max_upload_bytes": 5 * GIB,
        "max_storage_bytes": 100 * GIB,
        "max_concurrent_jobs": 4,
        "max_sessions": 2000,
        "max_video_gigapixels": 5000,
    },
    "enterprise": {
        "max_segments": 10,
        "max_upload_bytes": 20 * GIB,
        "max_storage_bytes": 1000 * GIB,
        "max_concurrent_jobs": 8,
        "max_sessions": 10_000,
        "max_video_gigapixels": 25_000,
    },
}

TOKENS_PER_USER = 100
UNREFERENCED_HOURS = env.number("VOD_UNREFERENCED_HOURS")
AUDIT_RETENTION_DAYS = env.number("VOD_AUDIT_RETENTION_DAYS")

# Paths of the functions that run jobs, declared with `job_actor`.
JOB_KINDS = [
    "media_app.videos.actors.ingest_video",
    "media_app.videos.actors.normalize_video",
    "media_app.videos.actors.make_renditions",
    "sessions_app.comparison.actors.align_vods",
    "sessions_app.comparison.actors.detect_events",
    "sessions_app.comparison.actors.export_video",
    "sessions_app.comparison.actors.make_sample",
    "sessions_app.analysis.actors.find_highlights",
    "sessions_app.analysis.actors.cut_reel",
    "sessions_app.analysis.actors.count_workout",
    "sessions_app.challenges.actors.merge_clips",
    "sessions_app.prosync.actors.dub_segments",
]
JOB_BROKER = "redis"
# Maximum number of concurrent jobs on each host, by queue (lane).
JOB_LANES = {
    "align": env.integer("VOD_ALIGN_CONCURRENCY"),
    "analysis": env.integer("VOD_ANALYSIS_CONCURRENCY"),
    "ingest": env.integer("VOD_INGEST_CONCURRENCY"),
    "merge": env.integer("VOD_MERGE_CONCURRENCY"),
    "prosync": env.integer("VOD_PROSYNC_CONCURRENCY"),
    "render": env.integer("VOD_RENDER_CONCURRENCY"),
}
JOB_LEASE_SECONDS = 20.0
JOB_SLICE_SECONDS = 60.0  # minimum seconds a job in a full queue (lane) runs before it yields to other owners' jobs
JOB_RENEW_SECONDS = 5.0
JOB_CONTROL_SECONDS = 0.5
JOB_SWEEP_SECONDS = 2.0
JOB_PROGRESS_SECONDS = 0.5
JOB_ADMISSION_SECONDS = 10.0
# Periodic tasks, declared with `periodic_task`.
JOB_CHORES = [
    "vodplatform.site.host_tasks.delete_expired",
    "media_app.videos.view_counts.roll_up",
    "media_app.videos.services.empty_bin",
    "sessions_app.analysis.services.expire",
    "sessions_app.challenges.merges.expire",
    "sessions_app.prosync.services.delete_expired",
]
# Path of the function that each web and worker process calls regularly, for the tasks of its host.
HOST_CHORE = "vodplatform.site.host_tasks.run_due_tasks"
# Seconds after which a worker is restarted if its job ignores a request to stop.
JOB_STUCK_SECONDS = 60.0
# Seconds for which a worker retries to store a job's outcome while the database is unavailable.
JOB_LAST_WORD_SECONDS = 60.0
JOB_STALL_SECONDS = env.number("VOD_JOB_STALL_SECONDS")
JOB_RETENTION_DAYS = env.number("VOD_JOB_RETENTION_DAYS")

CHILD_MEMORY_BYTES = env.integer("VOD_CHILD_MEMORY_MB") * 1024**2
CHILD_THREADS = env.integer("VOD_CHILD_THREADS")
CHILD_SECONDS = env.number("VOD_CHILD_SECONDS")

LIBRARY_ROOTS = env.library_roots()
CLAMD: str | tuple[str, int] | None = env.value("VOD_CLAMD")
HEALTH_PARTS = {
    "workers": "jobs_app.maintenance.check_workers",
    **({"scanner": "media_app.uploads.scan.ping"} if CLAMD else {}),
}
SIGNED_URL_SECONDS = env.integer("VOD_SIGNED_URL_SECONDS")
X_ACCEL_PREFIX = env.text("VOD_X_ACCEL_PREFIX")

UPLOAD_PURPOSES = [
    "media_app.videos.upload_handlers.LIBRARY",
    "media_app.catalogue.upload_handlers.CATALOGUE",
    "media_app.catalogue.upload_handlers.THUMBNAIL",
    "sessions_app.analysis.upload_handlers.ANALYSIS",
    "sessions_app.challenges.upload_handlers.CLIP",
    "sessions_app.prosync.upload_handlers.VIDEO",
    "sessions_app.prosync.upload_handlers.SOUND",
]
# Functions that return the bytes of a user's database rows that count towards the storage quota.
STORAGE_COUNTERS = [
    "media_app.videos.rendition_quota.stored_bytes",
    "media_app.videos.text_tracks.stored_bytes",
    "sessions_app.comparison.events.services.stored_bytes",
    "sessions_app.comparison.export.services.stored_bytes",
]
# Endpoints that accept forms with files (media_app.uploads.protocols.multipart.Form).
UPLOAD_FORMS = [
    "media_app.uploads.protocols.multipart.FORMS",
    "sessions_app.analysis.upload_handlers.FORMS",
    "sessions_app.prosync.upload_handlers.FORMS",
]
BIN_DAYS = env.number("VOD_BIN_DAYS")
EXPORT_TTL_HOURS = env.number("VOD_EXPORT_TTL_HOURS")
SESSION_TTL_HOURS = env.number("VOD_SESSION_TTL_HOURS")
VISION = {
    "url": env.text("VOD_VISION_URL"),
    "model": env.text("VOD_VISION_MODEL"),
    "key": env.text("VOD_VISION_KEY"),
    "seconds": env.number("VOD_VISION_SECONDS"),
    "calls": env.integer("VOD_VISION_CALLS"),
    "allow_private": env.flag("VOD_VISION_ALLOW_PRIVATE"),
}
PROSYNC_ENGINE = env.text("VOD_PROSYNC_ENGINE")
PROSYNC_MAX_AUDIO_BYTES = env.integer("VOD_PROSYNC_MAX_AUDIO_SIZE")
SYNCSO = env.syncso(PROSYNC_ENGINE)
PUBLIC_URL = env.text("VOD_PUBLIC_URL")
UPLOAD_TTL_HOURS = env.number("VOD_UPLOAD_TTL_HOURS")
UPLOADS_AT_ONCE = 200
SOCKETS_AT_ONCE = env.integer("VOD_SOCKETS_AT_ONCE")
PUBLIC_CATALOG = env.flag("VOD_PUBLIC_CATALOG")
MAX_VIDEO_SIZE = env.integer("VOD_MAX_VIDEO_SIZE")
MAX_THUMBNAIL_SIZE = env.integer("VOD_MAX_THUMBNAIL_SIZE")
DISK_RESERVE_BYTES = env.integer("VOD_DISK_RESERVE_MB") * 1024**2
MAX_VIDEO_SECONDS = env.number("VOD_MAX_VIDEO_HOURS") * 3600
# Heights, in lines, of the smaller video renditions; empty for none.
HLS_RUNGS: list[int] = list(env.value("VOD_HLS_RUNGS"))

MULTI_VOD_ENABLED = env.flag("VOD_MULTI_VOD_ENABLED")
MULTI_VOD_MAX_SESSIONS_CACHED = env.integer("VOD_MULTI_VOD_MAX_SESSIONS_CACHED")
MULTI_VOD_MAX_EVENTS_BYTES = env.integer("VOD_MULTI_VOD_MAX_EVENTS_MB") * 1024 * 1024
MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = env.number("VOD_MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS")
TIMER_READER = env.text("VOD_TIMER_READER")
EASYOCR_MODELS: Path | None = env.value("VOD_EASYOCR_MODELS")
DEMO_ACCOUNT = env.text("VOD_DEMO_ACCOUNT")

METRICS_ADDRESS: tuple[str, int] | None = env.value("VOD_METRICS_ADDRESS")
DRAIN_SECONDS = env.number("VOD_DRAIN_SECONDS")
METRICS_TOKEN = env.secret("VOD_METRICS_TOKEN")
SENTRY_DSN = env.sentry_dsn()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "vodplatform.core.logs.JsonFormatter", "version": VERSION, "commit": COMMIT}},
    "filters": {"context": {"()": "vodplatform.core.logs.ContextFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]}},
    "root": {
        "handlers": ["console"],
        "level": env.text("VOD_LOG_LEVEL"),
    },
    "loggers": {
        "django.server": {"level": "WARNING"},
        # Our own handlers log errors; Django's would log signed URLs.
        "django.request": {"level": "CRITICAL"},
        # Requests with an unknown Host get 400 and are counted. Log lines would let clients fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Uvicorn's WebSocket lines would show sign-in tickets.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"level": "WARNING"},
        "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
logging.captureWarnings(True)
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")


def _may(permission: str) -> Callable[[Any], bool]:
    return lambda request: request.user.has_perm(permission)


def _link(title: str, icon: str, link: Any, permission: str = "") -> dict[str, Any]:
    entry = {"title": title, "icon": icon, "link": link}
    return {**entry, "permission": _may(permission)} if permission else entry


def _list(title: str, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    return _link(title, icon, reverse_lazy(f"admin:{app}_{name}_changelist"), f"{app}.view_{name}")


ENVIRONMENT = "this machine"  # name of the environment, shown in the corner of the admin
UNFOLD = {
    "SITE_TITLE": "VOD Sync",
    "SITE_HEADER": "VOD Sync",
    "SITE_ICON": f"{STATIC_URL}favicon.svg",
    "COLORS": {
        "base": {
            "50": "#f4f6f9",
            "100": "#eef1f5",
            "200": "#d9dfe7",
            "300": "#b9c3cf",
            "400": "#8390a0",
            "500": "#67748a",
            "600": "#44515f",
            "700": "#343c48",
            "800": "#262c35",
            "900": "#12151a",
            "950": "#0b0d10",
        },
        "primary": {
            "50": "#eef6ff",
            "100": "#d9ebff",
            "200": "#bcdcff",
            "300": "#8ec7ff",
            "400": "#4ea1ff",
            "500": "#2b83e6",
            "600": "#1565c0",
            "700": "#0e57ab",
            "800": "#12478a",
            "900": "#143d72",
            "950": "#0e2748",
        },
    },
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}favicon.svg"}],
    "STYLES": [f"{STATIC_URL}css/base/still.css"],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "ENVIRONMENT": "vodplatform.accounts.admin.environment",
    "DASHBOARD_CALLBACK": "vodplatform.site.dashboard.add_figures",
    "LOGIN": {"form": "vodplatform.accounts.forms.AdminSignInForm"},
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": "Work",
                "items": [
                    _link("Reports", "flag", "/moderation") | {"badge": "vodplatform.site.moderation.badge"},
                    _list("Catalogue", "subscriptions", "editorial.cataloguevideo"),
                    _list("Challenges", "quiz", "merging.challenge"),
                    _list("Private videos", "movie", "catalog.video"),
                    _list("Uploads", "upload", "uploads.upload"),
                    _list("Comparisons", "compare", "comparison.comparisonsession"),
                    _list("Analyses", "monitoring", "analysis.analysissession"),
                    _list("Merges", "merge", "merging.mergesession"),
                    _list("Pro jobs", "record_voice_over", "prosync.projob"),
                    _list("Jobs", "manufacturing", "jobs.job"),
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _list("Users", "person", "accounts.user"),
                    _list("Subscriptions", "card_membership", "accounts.subscription"),
                    _list("Tokens", "key", "accounts.apitoken"),
                    _list("Groups", "group", "auth.group"),
                ],
            },
            {"title": "Records", "separator": True, "items": [_list("Audit log", "history", "base.auditentry")]},
            {
                "title": "Site",
                "separator": True,
                "items": [
                    _link("Comparisons", "play_circle", "/compare"),
                    _link("API", "api", "/api/docs"),
                    _list("Processes", "dns", "base.runningprocess"),
                    _list("Queue limits", "speed", "jobs.lanelimit"),
                    _link("Health", "monitor_heart", "/health"),
                ],
            },
        ],
    },
}
