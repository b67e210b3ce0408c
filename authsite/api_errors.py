"""The one place where exceptions become answers: ``{"error": {"code", "message", "fields"}}`` with its HTTP status."""

from __future__ import annotations

import logging

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response

from apps.errors import CosmicError, ErrorCode

log = logging.getLogger(__name__)

BUSY_SECONDS = 2


def handle(error: Exception, context: dict) -> Response | None:
    """Django REST framework's exception handler."""
    known = as_cosmic_error(error)
    if known is None:
        return None  # a fault: ErrorsAsAnswers answers it
    return Response(known.as_dict(), status=known.status, headers=headers_of(known))


def as_cosmic_error(error: Exception) -> CosmicError | None:
    """The error in our own terms; None for a fault that nobody foresaw."""
    if isinstance(error, CosmicError):
        return error
    if isinstance(error, OperationalError):
        log.warning("the database did not answer: %s", error)
        return CosmicError(ErrorCode.DATABASE_BUSY, status=503, retry_after=BUSY_SECONDS)
    if isinstance(error, exceptions.ValidationError):
        return CosmicError(ErrorCode.INVALID_REQUEST, fields=_fields(error.detail))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return CosmicError(ErrorCode.NOT_AUTHENTICATED, status=401)
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        csrf = "CSRF" in str(error)
        return CosmicError(ErrorCode.CSRF_FAILED if csrf else ErrorCode.NOT_ALLOWED, status=403)
    if isinstance(error, exceptions.NotFound | Http404):
        return CosmicError(ErrorCode.NOT_FOUND, status=404)
    if isinstance(error, exceptions.MethodNotAllowed):
        return CosmicError(ErrorCode.METHOD_NOT_ALLOWED, status=405)
    if isinstance(error, exceptions.UnsupportedMediaType):
        return CosmicError(ErrorCode.UNSUPPORTED_MEDIA, status=415)
    if isinstance(error, exceptions.APIException | RecursionError):  # JSON that is nested too deep to be read
        return CosmicError(ErrorCode.INVALID_REQUEST, status=getattr(error, "status_code", 400))
    return None


def headers_of(error: CosmicError) -> dict[str, str]:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Token"
    return headers


def answer(request: HttpRequest, error: CosmicError) -> HttpResponse:
    """JSON for whoever asked for it, a page for a browser."""
    if wants_page(request):
        response = render(request, "error.html", {"error": error}, status=error.status)
    else:
        response = JsonResponse(error.as_dict(), status=error.status)
    for name, value in headers_of(error).items():
        response[name] = value
    return response


def wants_page(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return answer(request, CosmicError(ErrorCode.CSRF_FAILED, status=403))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, CosmicError(ErrorCode.NOT_FOUND, status=404))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, CosmicError(ErrorCode.INVALID_REQUEST))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(request, CosmicError(ErrorCode.NOT_ALLOWED, status=403))


def server_error(request: HttpRequest) -> HttpResponse:
    return answer(request, CosmicError(ErrorCode.INTERNAL, status=500))


def _fields(detail: object) -> dict[str, list[str]]:
    if isinstance(detail, dict):
        return {str(name): [str(one) for one in _listed(value)] for name, value in detail.items()}
    return {"request": [str(one) for one in _listed(detail)]}


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]
