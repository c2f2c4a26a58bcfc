"""All URLs of the program."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView, TemplateView
from drf_spectacular.views import SpectacularSwaggerSplitView

from vodplatform.accounts import pages as account_pages
from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.web import health, views
from vodplatform.site import account_data, home, metrics, moderation, processing_health, profile
from vodplatform.site.schema_view import SchemaView

urlpatterns = [
    path("", home.home, name="home"),
    path("health", health.health),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.MetricsView.as_view()),
    path("api/schema", SchemaView.as_view(), name="schema"),
    # Refuse OPTIONS: REST framework would answer with the page's template, but without its data.
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    path(
        "api/docs/errors",
        TemplateView.as_view(
            template_name="api-errors.html",
            extra_context={"error_types": ERROR_TYPES.values()},
            http_method_names=["get", "head"],
        ),
        name="api-errors",
    ),
    path("help", TemplateView.as_view(template_name="help.html", http_method_names=["get", "head"]), name="help"),
    path("api/v1/me", profile.MeViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("api/v1/health/processing", processing_health.ProcessingView.as_view()),
    path("account", profile.account, name="account"),
    path("account/data", account_data.download, name="account-data"),
    path("account/pictures/<uuid:user_id>", profile.picture, name="picture"),
    path("moderation", moderation.page, name="moderation"),
    path("", include("vodplatform.accounts.urls")),
    path("", include("jobs_app.urls")),
    path("", include("media_app.uploads.urls")),
    path("", include("media_app.videos.urls")),
    path("", include("media_app.streaming.urls")),
    path("", include("media_app.catalogue.urls")),
    path("", include("sessions_app.comparison.urls")),
    path("", include("sessions_app.analysis.urls")),
    path("", include("sessions_app.challenges.urls")),
    path("", include("sessions_app.prosync.urls")),
    # Replace Django's admin pages for sign-in, sign-out and password change, which neither limit the rate of attempts
    # nor write the audit log.
    path("admin/login/", account_pages.admin_sign_in),
    path("admin/logout/", account_pages.SignOutView.as_view()),
    path("admin/password_change/", RedirectView.as_view(url="/account/password")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    re_path(r"^.*$", views.unknown),
]

handler400 = "vodplatform.core.web.views.bad_request"
handler403 = "vodplatform.core.web.views.forbidden"
handler404 = "vodplatform.core.web.views.not_found"
handler500 = "vodplatform.core.web.views.server_error"
