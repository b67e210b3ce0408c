"""Every address, one include per app."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from apps.verification.monitor_page import monitor_page
from authsite import health
from authsite.admin_login import admin_login
from authsite.api_errors import page_not_found
from authsite.operator_api import Logs, OperatorLogin, Stats

CLOSED = ("password/set/", "password/reset/", "email/", "signup/")

urlpatterns = [
    path("", include("apps.verification.urls")),
    path("", include("apps.enrollment.urls")),
    path("", include("apps.identities.urls")),
    path("", include("apps.messaging.urls")),
    # A face must not be able to set a password, and nobody here has an address to send mail to.
    *(path(f"accounts/{closed}", page_not_found) for closed in CLOSED),
    path("accounts/", include("allauth.urls")),
    path("admin/login/", admin_login),  # before the admin's own form, which knows no second factor and no limits
    path("admin/login", OperatorLogin.as_view(), name="operator_login"),
    path("admin/stats", Stats.as_view(), name="operator_stats"),
    path("admin/logs", Logs.as_view(), name="operator_logs"),
    path("admin/monitor/", admin.site.admin_view(monitor_page), name="scanner_monitor"),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api_docs"),
]

handler400 = "authsite.api_errors.bad_request"
handler403 = "authsite.api_errors.permission_denied"
handler404 = "authsite.api_errors.page_not_found"
handler500 = "authsite.api_errors.server_error"
