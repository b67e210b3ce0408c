"""Content-Security-Policy by page: the site's own, and what two foreign front ends need beyond it.

The admin (django-unfold) runs on Alpine and htmx, which make functions from attributes of its templates: that needs
``unsafe-eval``. It writes colours and widths into ``style`` attributes. It has no script of its own inside a page, so
what somebody got into a page as a script stays dead there.
"""

from __future__ import annotations

from typing import Any

from csp.constants import NONCE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

# Directives in place of the site's own, by the beginning of the path.
BY_PREFIX: dict[str, dict[str, list[Any]]] = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    # Swagger UI, served from here; templates/drf_spectacular names the one script inside the page by its nonce.
    "/api/docs/": {"script-src": [SELF, NONCE], "style-src": [SELF, UNSAFE_INLINE]},
}


class PolicyOfThePage(CSPMiddleware):
    """Middleware of Django: the policy of ``settings.CONTENT_SECURITY_POLICY``, with what ``BY_PREFIX`` changes."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, directives in BY_PREFIX.items():
            if request.path_info.startswith(prefix) and not report_only:
                parts.replace = directives | (parts.replace or {})
        return parts
