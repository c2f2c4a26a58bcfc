"""Every address of the program; each floor brings its own list."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from jobs_app import api as jobs
from jobs_app import pages as job_pages
from media_app.catalogue import pages as catalogue_pages
from media_app.delivery import api as delivery
from media_app.delivery.views import made_file
from media_app.library import api as library
from media_app.videos import pages as video_pages
from sessions_app.analysis import pages as analysis_pages
from sessions_app.challenges import pages as challenge_pages
from sessions_app.comparison import pages
from sessions_app.prosync import pages as pro_pages
from vodplatform import home, me, metrics, processing
from vodplatform.accounts import api as accounts
from vodplatform.accounts import pages as account_pages
from vodplatform.base import health, views
from vodplatform.schema_view import SchemaView

urlpatterns = [
    path("", home.home, name="home"),
    path("health", health.health),
    path("health/live", health.live),
    path("metrics", metrics.MetricsView.as_view()),
    path("api/schema", SchemaView.as_view(), name="schema"),
    # A page has no other methods, and no template for what they would answer.
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    path("api/auth/token", accounts.TokenView.as_view()),
    path("api/auth/tokens", accounts.TokenListView.as_view()),
    path("api/auth/tokens/<uuid:token_id>", accounts.TokenDetailView.as_view()),
    path("api/auth/jwt", accounts.JwtView.as_view()),
    path("api/auth/jwt/refresh", accounts.JwtRefreshView.as_view()),
    path("api/auth/ws-ticket", accounts.WsTicketView.as_view()),
    path("api/v1/me", me.MeView.as_view()),
    path("api/v1/jobs", jobs.JobListView.as_view()),
    path("api/v1/jobs/<uuid:job_id>", jobs.JobDetailView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/cancel", jobs.JobCancelView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/retry", jobs.JobRetryView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/pause", jobs.JobPauseView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/resume", jobs.JobResumeView.as_view()),
    path("api/v1/library", library.LibraryListView.as_view()),
    path("api/v1/library/<uuid:video_id>", library.LibraryDetailView.as_view()),
    path("api/v1/library/<uuid:video_id>/renditions", library.RenditionView.as_view()),
    path("", include("media_app.uploads.urls")),
    path("", include("media_app.catalogue.urls")),
    path("api/v1/media/made/<path:key>", made_file),
    path("api/v1/media/optimized/<uuid:video_id>", delivery.OptimizedView.as_view()),
    path("api/v1/analytics/upload", delivery.UploadFiguresView.as_view()),
    path("api/v1/health/processing", processing.ProcessingView.as_view()),
    path("", include("sessions_app.comparison.urls")),
    path("", include("sessions_app.analysis.urls")),
    path("", include("sessions_app.challenges.urls")),
    path("", include("sessions_app.prosync.urls")),
    path("login", account_pages.SignInView.as_view(), name="login"),
    path("logout", account_pages.SignOutView.as_view(), name="logout"),
    path("signup", account_pages.SignUpView.as_view(), name="signup"),
    path("signup/sent", account_pages.sign_up_sent, name="signup-sent"),
    path("signup/confirm/<str:token>", account_pages.confirm_sign_up, name="signup-confirm"),
    path("account", me.account, name="account"),
    path("account/password", account_pages.PasswordView.as_view(), name="account-password"),
    path("jobs", job_pages.index, name="jobs"),
    path("library", video_pages.library, name="library"),
    path("upload", video_pages.upload, name="upload"),
    path("catalogue", catalogue_pages.catalogue, name="catalogue"),
    path("catalogue/<uuid:video_id>/edit", catalogue_pages.edit, name="catalogue-edit"),
    path("watch/<uuid:video_id>", video_pages.watch, name="watch"),
    path("analysis", analysis_pages.index, name="analysis"),
    path("analysis/<uuid:session_id>", analysis_pages.session, name="analysis-session"),
    path("challenges", challenge_pages.index, name="challenges"),
    path("pro", pro_pages.index, name="pro"),
    path("challenges/new", challenge_pages.new, name="challenges-new"),
    path("challenges/<uuid:challenge_id>", challenge_pages.challenge, name="challenge"),
    path("compare", pages.index, name="compare"),
    path("compare/<str:session_id>", pages.session, name="compare-session"),
    # The admin's own doors count and keep attempts like the site's.
    path("admin/login/", account_pages.admin_sign_in),
    path("admin/logout/", account_pages.SignOutView.as_view()),
    path("admin/password_change/", RedirectView.as_view(url="/account/password")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    re_path(r"^.*$", views.unknown),
]

handler400 = "vodplatform.base.views.bad_request"
handler403 = "vodplatform.base.views.forbidden"
handler404 = "vodplatform.base.views.not_found"
handler500 = "vodplatform.base.views.server_error"
