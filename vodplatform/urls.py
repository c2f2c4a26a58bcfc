"""Every address of the program; each floor brings its own list."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from jobs_app import api as jobs
from media_app.delivery.views import made_file
from sessions_app.comparison import pages
from vodplatform import home
from vodplatform.accounts import api as accounts
from vodplatform.base import views

urlpatterns = [
    path("", home.home, name="home"),
    path("health", views.health),
    path("health/live", views.live),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/auth/token", accounts.TokenView.as_view()),
    path("api/auth/tokens", accounts.TokenListView.as_view()),
    path("api/auth/tokens/<uuid:token_id>", accounts.TokenDetailView.as_view()),
    path("api/v1/me", accounts.MeView.as_view()),
    path("api/v1/jobs", jobs.JobListView.as_view()),
    path("api/v1/jobs/<uuid:job_id>", jobs.JobDetailView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/cancel", jobs.JobCancelView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/retry", jobs.JobRetryView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/pause", jobs.JobPauseView.as_view()),
    path("api/v1/jobs/<uuid:job_id>/resume", jobs.JobResumeView.as_view()),
    path("api/v1/media/made/<path:key>", made_file),
    path("", include("sessions_app.comparison.urls")),
    path("login", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout", auth_views.LogoutView.as_view(), name="logout"),
    path("compare", pages.index, name="compare"),
    path("compare/<str:session_id>", pages.session, name="compare-session"),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    re_path(r"^.*$", views.unknown),
]

handler400 = "vodplatform.base.views.bad_request"
handler403 = "vodplatform.base.views.forbidden"
handler404 = "vodplatform.base.views.not_found"
handler500 = "vodplatform.base.views.server_error"
