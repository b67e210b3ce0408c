"""The login page, the JSON that its script talks to, and the account page."""

from __future__ import annotations

import json

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from apps.captures import limits
from apps.captures.addresses import client_address
from apps.captures.binding import bound_to
from apps.captures.challenges import choices_offered
from apps.captures.door import receive
from apps.captures.models import Purpose
from apps.captures.services.tickets import issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.identities.selectors import sample_counts
from apps.identities.services.people import erase_person, person_of
from apps.identities.services.second_factor import has_factor
from apps.policies.selectors import current_policy
from apps.verification.selectors import capture_of, job_values
from apps.verification.serializers import WhatIsPossible, ticket_answer
from apps.verification.services.answers import take_answer
from apps.verification.services.grants import use_grant
from apps.verification.services.personal_data import export_zip, stored_about
from apps.verification.services.submit import submit_capture

BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return redirect("account" if request.user.is_authenticated else "login")


@require_GET
@never_cache
@ensure_csrf_cookie
def login_page(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("account")
    bound_to(request)  # the session that the websocket and the nonce belong to
    policy = current_policy()
    context = {
        "voice_required": "voice" in policy.required_modalities,
        "retention_days": policy.capture_retention_days,
        "choices": choices_offered(),
    }
    return render(request, "verification/login.html", context)


@require_GET
@never_cache
@login_required
def account_page(request: HttpRequest) -> HttpResponse:
    person = getattr(request.user, "person", None)
    context = {
        "person": person,
        "samples": sample_counts(person),
        "stored": stored_about(person) if person else None,
        "consent": person.consents.filter(withdrawn_at=None).order_by("-pk").first() if person else None,
        "second_factor": has_factor(request.user),
    }
    return render(request, "verification/account.html", context)


@require_POST
@never_cache
@login_required
def export_data(request: HttpRequest) -> HttpResponse:
    """Everything that is stored about the signed-in person, as a ZIP archive."""
    content = export_zip(person=person_of(request.user), actor_id=request.user.pk)
    headers = {"Content-Disposition": f'attachment; filename="cosmic-{timezone.now():%Y%m%d}.zip"'}
    return HttpResponse(content, content_type="application/zip", headers=headers)


@require_POST
@login_required
def delete_account(request: HttpRequest) -> HttpResponse:
    """Delete the signed-in person with everything about them, once they have typed their name."""
    if request.POST.get("confirm", "").strip() != request.user.get_username():
        messages.error(request, "Nothing was deleted: the name that you typed is not yours.")
        return redirect("account")
    if request.user.is_staff:
        messages.error(request, "An operator's account is deleted by another operator.")
        return redirect("account")
    erase_person(person=person_of(request.user), actor_id=request.user.pk)
    logout(request)
    return redirect("login")


@require_POST
def login_ticket(request: HttpRequest) -> JsonResponse:
    limits.check_address(request)
    asked = WhatIsPossible(data=_json_body(request) if request.content_type == "application/json" else {})
    if not asked.is_valid():
        raise CosmicError(ErrorCode.INVALID_REQUEST)
    origin = limits.challenge_origin(request)
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to=bound_to(request), origin=origin, **asked.validated_data)
    return JsonResponse(ticket_answer(ticket), status=201)


@require_POST
@sensitive_post_parameters("nonce")
def login_capture(request: HttpRequest) -> JsonResponse:
    limits.check_address(request)
    name = str(request.POST.get("username", "")).strip()[:150]
    address = client_address(request)
    key = limits.account_key(name) if name else limits.address_key(address)
    limits.check_account(key)
    capture = submit_capture(
        bundle=receive(request),
        nonce=str(request.POST.get("nonce", "")),
        purpose=Purpose.LOGIN,
        bound_to=bound_to(request),
        claimed_name=name or None,
        account_key=key,
        address=address,
    )
    return JsonResponse({"job": job_values(capture, full=False)}, status=202)


@require_GET
@never_cache
def login_job(request: HttpRequest, public_id: str) -> JsonResponse:
    capture = capture_of(public_id=public_id, bound_to=bound_to(request))
    return JsonResponse({"job": job_values(capture, full=False)})


@require_POST
@sensitive_post_parameters("answer")
def login_answer(request: HttpRequest, public_id: str) -> JsonResponse:
    limits.check_address(request)
    capture = capture_of(public_id=public_id, bound_to=bound_to(request))
    take_answer(capture=capture, answer=str(_json_body(request).get("answer", "")))
    return JsonResponse({"job": job_values(capture, full=False)}, status=202)


@require_POST
def login_complete(request: HttpRequest) -> JsonResponse:
    """Use the grant: a session, or the step to the second factor, which operators always take."""
    limits.check_address(request)
    grant = use_grant(
        capture_id=str(_json_body(request).get("capture", "")),
        bound_to=bound_to(request),
        address=client_address(request),
        purpose=Purpose.LOGIN,
    )
    user = grant.person.user
    # Whoever may change other people's accounts does not come in by biometrics alone.
    if not grant.needs_second_factor and not user.is_staff:
        login(request, user, backend=BACKEND)
        return JsonResponse({"next": reverse("account")})
    if not has_factor(user):
        raise CosmicError(ErrorCode.SECOND_FACTOR_MISSING, status=403)
    response = perform_login(request, Login(user=user, redirect_url=reverse("account")))
    return JsonResponse({"next": response["Location"]})


def _json_body(request: HttpRequest) -> dict:
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise CosmicError(ErrorCode.INVALID_REQUEST) from error
    if not isinstance(body, dict):
        raise CosmicError(ErrorCode.INVALID_REQUEST)
    return body
