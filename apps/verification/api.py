"""The REST API of verification and identification. Views check, call one service, and answer."""

from __future__ import annotations

import re
import time

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.captures import limits
from apps.captures.addresses import client_address
from apps.captures.binding import bound_to
from apps.captures.door import receive
from apps.captures.models import Purpose
from apps.captures.services.tickets import issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.identities.serializers import errors
from apps.permissions import Scope, may
from apps.verification import serializers
from apps.verification.models import Capture
from apps.verification.selectors import capture_of, job_values
from apps.verification.services.answers import take_answer
from apps.verification.services.submit import submit_capture

LONGEST_WAIT = 15.0
POLL_SECONDS = 0.02
UNFINISHED = (Capture.Status.QUEUED, Capture.Status.RUNNING)
PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: answer only when decided, or after N seconds (at most 15)",
)


class TicketView(APIView):
    token_scope = frozenset({Scope.VERIFY, Scope.IDENTIFY, Scope.ENROL})
    parser_classes = (JSONParser,)

    @extend_schema(
        request=serializers.TicketRequest,
        responses={201: serializers.TicketAnswer, **errors(400, 401, 403, 409, 415, 429, 503)},
        summary="Ask for the one-time nonce of a capture, and for what to do in front of the camera",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        body = serializers.TicketRequest(data=request.data)
        body.is_valid(raise_exception=True)
        ticket = issue_ticket(
            bound_to=bound_to(request), origin=limits.challenge_origin(request), **body.validated_data
        )
        return Response(serializers.ticket_answer(ticket), status=status.HTTP_201_CREATED)


class VerifyView(APIView):
    token_scope = Scope.VERIFY
    parser_classes = (MultiPartParser,)

    @extend_schema(
        parameters=[PREFER],
        request={"multipart/form-data": serializers.VerifyRequest},
        responses={
            200: serializers.JobAnswer,
            202: serializers.JobAnswer,
            **errors(400, 401, 403, 409, 413, 415, 429, 503),
        },
        summary="Is this the person it claims to be? (1:1)",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        name = _name(request)
        key = limits.account_key(name)
        limits.check_account(key)
        capture = submit_capture(
            bundle=receive(request),
            nonce=str(request.POST.get("nonce", "")),
            purpose=Purpose.VERIFY,
            bound_to=bound_to(request),
            claimed_name=name,
            account_key=key,
            address=client_address(request),
            actor_id=request.user.pk,
        )
        return job_answer(request, capture)


class IdentifyView(APIView):
    token_scope = Scope.IDENTIFY
    parser_classes = (MultiPartParser,)
    permission_classes = (may("verification.add_capture"),)

    @extend_schema(
        parameters=[PREFER],
        request={"multipart/form-data": serializers.CaptureRequest},
        responses={
            200: serializers.JobAnswer,
            202: serializers.JobAnswer,
            **errors(400, 401, 403, 409, 413, 415, 429, 503),
        },
        summary="Who is this? (1:N, operators only)",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        capture = submit_capture(
            bundle=receive(request),
            nonce=str(request.POST.get("nonce", "")),
            purpose=Purpose.IDENTIFY,
            bound_to=bound_to(request),
            claimed_name=None,
            account_key="",
            address=client_address(request),
            actor_id=request.user.pk,
        )
        return job_answer(request, capture)


class JobView(APIView):
    token_scope = frozenset({Scope.VERIFY, Scope.IDENTIFY})

    @extend_schema(
        parameters=[PREFER],
        responses={200: serializers.JobAnswer, **errors(401, 403, 404)},
        summary="How far a capture is",
    )
    def get(self, request: Request, public_id: str) -> Response:
        capture = capture_of(public_id=public_id, bound_to=bound_to(request))
        wait_for(request, capture)
        return Response({"job": job_values(capture, full=request.user.is_staff)})


class AnswerView(APIView):
    token_scope = Scope.VERIFY
    parser_classes = (JSONParser, MultiPartParser)

    @extend_schema(
        request=serializers.AnswerRequest,
        responses={202: serializers.JobAnswer, **errors(400, 401, 403, 404, 415, 429, 503)},
        summary="Answer the cognitive challenge of a borderline capture",
    )
    def post(self, request: Request, public_id: str) -> Response:
        limits.check_address(request)
        body = serializers.AnswerRequest(data=request.data)
        body.is_valid(raise_exception=True)
        capture = capture_of(public_id=public_id, bound_to=bound_to(request))
        take_answer(capture=capture, answer=body.validated_data["answer"])
        return job_answer(request, capture)


def job_answer(request: Request, capture: Capture) -> Response:
    """202 with the job, or 200 when it was decided within the time that the client said it would wait."""
    decided = wait_for(request, capture)
    code = status.HTTP_200_OK if decided else status.HTTP_202_ACCEPTED
    job = job_values(capture, full=request.user.is_staff)
    return Response({"job": job}, status=code, headers={"Location": f"/api/v1/jobs/{capture.public_id}"})


def wait_for(request: Request, capture: Capture) -> bool:
    """Wait as ``Prefer: wait=N`` asks (RFC 7240). True when the capture is no longer on its way."""
    asked = re.search(r"\bwait=(\d{1,3})\b", request.headers.get("Prefer", ""))
    deadline = time.monotonic() + (min(float(asked[1]), LONGEST_WAIT) if asked else 0.0)
    while True:
        capture.refresh_from_db()
        if capture.status not in UNFINISHED:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)


def _name(request: Request) -> str:
    name = str(request.POST.get("username", "")).strip()
    if not name or len(name) > 150:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"username": ["1 to 150 characters."]})
    return name
