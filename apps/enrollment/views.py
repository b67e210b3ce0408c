"""The enrolment page, for a person who is signed in and for one who holds an invitation."""

from __future__ import annotations

import json

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from apps.captures import limits
from apps.captures.binding import bound_to
from apps.captures.door import receive
from apps.captures.models import Purpose
from apps.captures.services.tickets import issue_ticket
from apps.enrollment.models import EnrolmentJob, Invitation
from apps.enrollment.selectors import job_of, job_values
from apps.enrollment.services.invitations import open_invitation
from apps.enrollment.services.start import start_enrolment
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.consent import WORDING, record_consent
from apps.identities.services.people import person_of
from apps.identities.services.questions import OpenQuestion, set_questions
from apps.policies.selectors import current_policy

JOBS_KEY = "enrolment_jobs"


@require_GET
@never_cache
@ensure_csrf_cookie
@login_required
def enrol_page(request: HttpRequest) -> HttpResponse:
    return _page(request, person_of(request.user), submit=reverse("enrol_submit"), ticket=reverse("enrol_ticket"))


@require_GET
@never_cache
@ensure_csrf_cookie
def enrol_invited_page(request: HttpRequest, token: str) -> HttpResponse:
    invitation = open_invitation(token)
    bound_to(request)
    return _page(
        request,
        invitation.person,
        submit=reverse("enrol_invited_submit", args=[token]),
        ticket=reverse("enrol_invited_ticket", args=[token]),
    )


@require_POST
@login_required
def enrol_ticket(request: HttpRequest) -> JsonResponse:
    return _ticket(request)


@require_POST
def enrol_invited_ticket(request: HttpRequest, token: str) -> JsonResponse:
    limits.check_address(request)
    open_invitation(token)
    return _ticket(request)


@require_POST
@login_required
@sensitive_post_parameters()
def enrol_submit(request: HttpRequest) -> JsonResponse:
    limits.check_address(request)
    return _submit(request, person_of(request.user), actor_id=request.user.pk)


@require_POST
@sensitive_post_parameters()
def enrol_invited_submit(request: HttpRequest, token: str) -> JsonResponse:
    limits.check_address(request)
    invitation = open_invitation(token)
    return _submit(request, invitation.person, actor_id=f"invitation:{invitation.pk}", invitation=invitation)


@require_GET
@never_cache
def enrol_job(request: HttpRequest, public_id: str) -> JsonResponse:
    """Only for the browser session that sent the samples."""
    if str(public_id) not in request.session.get(JOBS_KEY, []):
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    return JsonResponse({"job": job_values(job_of(public_id))})


def _page(request: HttpRequest, person: Person, *, submit: str, ticket: str) -> HttpResponse:
    context = {
        "person": person,
        "submit_url": submit,
        "ticket_url": ticket,
        "consent_wording": WORDING,
        "voice_required": "voice" in current_policy().required_modalities,
    }
    return render(request, "enrollment/enrol.html", context)


def _ticket(request: HttpRequest) -> JsonResponse:
    ticket = issue_ticket(purpose=Purpose.ENROL, bound_to=bound_to(request))
    return JsonResponse({"nonce": ticket.nonce, "expires_at": ticket.expires_at.isoformat()}, status=201)


def _submit(
    request: HttpRequest, person: Person, *, actor_id: object, invitation: Invitation | None = None
) -> JsonResponse:
    if request.POST.get("consent") != "true":
        raise CosmicError(ErrorCode.CONSENT_MISSING, status=403)
    bundle = receive(request, several_voices=True)
    questions = _questions(request)
    with transaction.atomic():  # a refused capture leaves neither consent nor questions behind
        if not person.consents.filter(withdrawn_at=None).exists():
            record_consent(person=person, actor_id=actor_id)
        # A link alone does not change the questions of somebody who is enrolled.
        if questions and (request.user == person.user or person.status == Person.Status.INVITED):
            set_questions(person=person, questions=questions, actor_id=actor_id)
        job = start_enrolment(
            person=person,
            bundle=bundle,
            source=EnrolmentJob.Source.PAGE,
            actor_id=actor_id,
            invitation=invitation,
            nonce=str(request.POST.get("nonce", "")),
            bound_to=bound_to(request),
        )
    request.session[JOBS_KEY] = [*request.session.get(JOBS_KEY, [])[-9:], str(job.public_id)]
    return JsonResponse({"job": job_values(job), "status_url": reverse("enrol_job", args=[job.public_id])}, status=202)


def _questions(request: HttpRequest) -> list[OpenQuestion]:
    """``questions``: a JSON list of {question, answer}; empty ones are left out."""
    try:
        listed = json.loads(request.POST.get("questions") or "[]")
        pairs = [(str(one["question"]), str(one["answer"])) for one in listed]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"questions": ["A JSON list of questions."]}) from error
    return [OpenQuestion(question, answer) for question, answer in pairs if question.strip() or answer.strip()]
