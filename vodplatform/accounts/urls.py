from django.urls import path

from vodplatform.accounts import pages
from vodplatform.accounts.api import SignInViewSet, TicketViewSet, TokenViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/auth", SignInViewSet, basename="sign-in")
router.register("api/auth/tokens", TokenViewSet, basename="token")
router.register("api/auth/ws-ticket", TicketViewSet, basename="ws-ticket")

urlpatterns = [
    *router.urls,
    path("login", pages.SignInView.as_view(), name="login"),
    path("logout", pages.SignOutView.as_view(), name="logout"),
    path("login/lost", pages.LostPasswordView.as_view(), name="lost-password"),
    path("login/new-password/<uidb64>/<token>", pages.NewPasswordView.as_view(), name="new-password"),
    path("signup", pages.SignUpView.as_view(), name="signup"),
    path("signup/sent", pages.sign_up_sent, name="signup-sent"),
    path("signup/confirm/<str:token>", pages.confirm_sign_up, name="signup-confirm"),
    path("account/password", pages.PasswordView.as_view(), name="account-password"),
    path("account/delete", pages.DeleteAccountView.as_view(), name="account-delete"),
    path("account/sessions", pages.end_sessions, name="account-sessions"),
]
