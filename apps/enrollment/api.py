"""The REST API of enrolment. Nobody enrols a stranger: an operator enrols others, everybody else themselves."""

from __future__ import annotations

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.captures import limits
from apps.captures.binding import bound_to
from apps.captures.door import receive
from apps.enrollment import serializers
from apps.enrollment.models import EnrolmentJob
from apps.enrollment.selectors import job_of, job_values
from apps.enrollment.services.invitations import invite_by_name
from apps.enrollment.services.start import start_enrolment
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.serializers import errors
from apps.identities.services.consent import record_consent
from apps.identities.services.people import person_by_name, person_of
from apps.permissions import Scope, actor_of, may

TRUE = {"true", "1", "on", "yes"}


class EnrolView(APIView):
    token_scope = Scope.ENROL
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": serializers.EnrolRequest},
        responses={202: serializers.EnrolmentAnswer, **errors(400, 401, 403, 409, 413, 415, 429, 503)},
        summary="Enrol a face and a voice",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        bundle = receive(request, several_voices=True)
        if str(request.POST.get("consent", "")).lower() not in TRUE:
            raise CosmicError(ErrorCode.CONSENT_MISSING, status=403)
        with transaction.atomic():  # a refused capture leaves neither a new name nor consent behind
            person = self._person(request)
            if not person.consents.filter(withdrawn_at=None).exists():
                record_consent(person=person, actor_id=request.user.pk)
            job = start_enrolment(
                person=person,
                bundle=bundle,
                source=EnrolmentJob.Source.REST,
                actor_id=request.user.pk,
                nonce=str(request.POST.get("nonce", "")),
                bound_to=bound_to(request),
            )
        location = {"Location": f"/api/v1/enrolments/{job.public_id}"}
        return Response({"job": job_values(job)}, status=status.HTTP_202_ACCEPTED, headers=location)

    def _person(self, request: Request) -> Person:
        name = str(request.POST.get("username", "")).strip()
        if not name or name == request.user.get_username():
            return person_of(request.user)
        if not may("enrollment.add_enrolmentjob")().has_permission(request, self):
            raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)
        return person_by_name(username=name, actor=actor_of(request))


class EnrolmentView(APIView):
    token_scope = Scope.ENROL

    @extend_schema(
        responses={200: serializers.EnrolmentAnswer, **errors(401, 403, 404)}, summary="How far an enrolment is"
    )
    def get(self, request: Request, public_id: str) -> Response:
        job = job_of(public_id)
        if job.person.user_id != request.user.pk and not may("enrollment.view_enrolmentjob")().has_permission(
            request, self
        ):
            raise CosmicError(ErrorCode.NOT_FOUND, status=404)
        return Response({"job": job_values(job)})


class InvitationView(APIView):
    token_scope = Scope.ENROL
    permission_classes = (may("enrollment.add_invitation"),)

    @extend_schema(
        request=serializers.InvitationRequest,
        responses={201: serializers.InvitationAnswer, **errors(400, 401, 403, 409, 415, 503)},
        summary="Make a one-time link with which a person enrols",
    )
    def post(self, request: Request) -> Response:
        body = serializers.InvitationRequest(data=request.data)
        body.is_valid(raise_exception=True)
        invitation, url = invite_by_name(username=body.validated_data["username"], actor=actor_of(request))
        return Response({"url": url, "expires_at": invitation.expires_at}, status=status.HTTP_201_CREATED)
