"""The operator's JSON beside the admin: log in, statistics, the audit trail."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.audit.services.export import as_values
from apps.audit.services.record import record_event
from apps.captures import limits
from apps.errors import CosmicError, ErrorCode
from apps.identities.serializers import Text, errors
from apps.identities.services.second_factor import code_holds, operator_lacks_factor
from apps.permissions import Scope, may
from authsite.dashboard import statistics

MOST_EVENTS = 500
OPERATOR_SCOPES = (Scope.STATS, Scope.AUDIT)


class LoginRequest(serializers.Serializer):
    username = Text(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)
    code = Text(
        max_length=32, required=False, allow_blank=True, help_text="of the authenticator app, or a recovery code"
    )


class LoginAnswer(serializers.Serializer):
    token = serializers.CharField(help_text="send it as `Authorization: Token ...`")
    expires_at = serializers.DateTimeField()


class OperatorLogin(APIView):
    """Password, and second factor where the account has one; a token for some hours, good for the two views below."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=LoginRequest,
        responses={200: LoginAnswer, **errors(400, 401, 403, 415, 429, 503)},
        summary="Log in as an operator",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        body = LoginRequest(data=request.data)
        body.is_valid(raise_exception=True)
        name = body.validated_data["username"]
        key = limits.account_key(name)
        limits.check_account(key)
        user = authenticate(request, username=name, password=body.validated_data["password"])
        if user is None or not user.is_staff:
            limits.note_failure(key)
            raise _refused(user or _named(name), because="password" if user is None else "no_operator")
        if not second_factor_holds(user, body.validated_data.get("code", "")):
            limits.note_failure(key)
            raise _refused(user, because="second_factor")
        if operator_lacks_factor(user):
            raise _refused(user, ErrorCode.OPERATOR_FACTOR_MISSING, because="second_factor_missing")
        limits.note_success(key)
        with transaction.atomic():
            record_event(action="operator.login", actor_id=user.pk, subject_id=user.pk, result="token")
            made = make_token(
                account=user,
                label="operator login",
                scopes=OPERATOR_SCOPES,
                life=settings.OPERATOR_TOKEN_LIFE,
                actor=user,
            )
        return Response(LoginAnswer({"token": made.plain, "expires_at": made.row.token.expiry}).data)


class Stats(APIView):
    token_scope = Scope.STATS
    permission_classes = (may("verification.view_capture"),)

    @extend_schema(responses={200: serializers.DictField(), **errors(401, 403)}, summary="What the dashboard shows")
    def get(self, request: Request) -> Response:
        return Response(statistics())


class Logs(APIView):
    token_scope = Scope.AUDIT
    permission_classes = (may("audit.view_event"),)

    @extend_schema(
        parameters=[
            OpenApiParameter("before", int, description="only events with a smaller number, for the next page"),
            OpenApiParameter("limit", int, description=f"at most {MOST_EVENTS}"),
            OpenApiParameter("action", str, description="only actions that begin so"),
        ],
        responses={200: serializers.DictField(), **errors(400, 401, 403)},
        summary="The audit trail, newest first",
    )
    def get(self, request: Request) -> Response:
        before, limit = _number(request, "before", None), _number(request, "limit", 100)
        events = Event.objects.filter(action__startswith=request.query_params.get("action", "")[:64])
        if before is not None:
            events = events.filter(sequence__lt=before)
        found = list(events.order_by("-sequence")[: min(limit or 1, MOST_EVENTS)])
        # One event a request, however few events it gives: a page that needs none could be any page of the trail.
        record_event(action="audit.read", actor_id=request.user.pk, details={"events": len(found)})
        return Response(
            {"events": [as_values(event) for event in found], "next": found[-1].sequence if found else None}
        )


def _refused(account: User | None, code: ErrorCode = ErrorCode.NOT_AUTHENTICATED, *, because: str) -> CosmicError:
    """The error for the client, who does not learn which of the two was wrong, and the event, which says so. What was
    typed as a name is told only by the account that has it: people type passwords there."""
    record_event(
        action="operator.login",
        subject_id=account.pk if account else "",
        result="refused",
        details={"because": because if account else "name"},
    )
    return CosmicError(code, status=403 if code is ErrorCode.OPERATOR_FACTOR_MISSING else 401)


def _named(name: str) -> User | None:
    """The account that the login would have tried: capitals do not count there."""
    same = User.objects.filter(username__iexact=name)
    return same.filter(username=name).first() or same.first()


def second_factor_holds(user, code: str) -> bool:
    """True for an account that has none; otherwise a code of the app, or a recovery code, which is used up."""
    return not is_mfa_enabled(user) or code_holds(user, code)


def _number(request: Request, name: str, default: int | None) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 18:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={name: ["A whole number."]})
    return int(text)
