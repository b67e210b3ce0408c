"""Errors of views that are not part of the REST API, and faults that nobody foresaw, as answers in one shape."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.errors import CosmicError, ErrorCode
from authsite.api_errors import answer, as_cosmic_error, wants_page

log = logging.getLogger(__name__)


class ErrorsAsAnswers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        known = as_cosmic_error(exception)
        if known is not None:
            return answer(request, known)
        if wants_page(request):
            return None  # Django logs it and shows the page for faults
        log.exception("%s %s failed", request.method, request.path)
        return answer(request, CosmicError(ErrorCode.INTERNAL, status=500))
