"""Every address, one include per app."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from authsite import health

# The admin's own login form knows no second factor and no limits.
admin.site.login = secure_admin_login(admin.site.login)

urlpatterns = [
    path("", include("apps.verification.urls")),
    path("", include("apps.enrollment.urls")),
    path("", include("apps.identities.urls")),
    path("accounts/", include("allauth.urls")),
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
