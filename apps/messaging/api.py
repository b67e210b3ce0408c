"""The REST API of messages; pages use it too. Views check, call one service, and answer."""

from __future__ import annotations

import uuid
from itertools import chain
from urllib.parse import quote

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.captures import limits
from apps.captures.addresses import client_address
from apps.captures.binding import bound_to
from apps.captures.door import receive
from apps.errors import CosmicError, ErrorCode
from apps.identities.serializers import errors
from apps.identities.services.people import person_of
from apps.identities.vault import Unsealable
from apps.messaging import serializers, unlocks
from apps.messaging.mailboxes import Folder
from apps.messaging.selectors import copy_of, described, listed, unread
from apps.messaging.services import attach, compose, unlock, withdraw
from apps.messaging.services.unlock import Reader
from apps.permissions import Scope
from apps.streaming import streamed
from apps.verification.selectors import capture_of, job_values
from apps.verification.serializers import AnswerRequest, JobAnswer, TicketAnswer, ticket_answer
from apps.verification.services.answers import take_answer

READABLE = "application/octet-stream"
MESSAGE = errors(401, 403, 404)


class MessagesApi(APIView):
    """What all of these share. Nothing that they answer may be kept by a browser or a proxy."""

    token_scope = Scope.MESSAGES
    parser_classes: tuple[type[BaseParser], ...] = (JSONParser,)

    def finalize_response(self, request: Request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response


class MessagesView(MessagesApi):
    @extend_schema(
        parameters=[serializers.ListRequest],
        responses={200: serializers.MessagesAnswer, **errors(400, 401, 403)},
        summary="A page of a folder, newest first: titles and times, never texts",
    )
    def get(self, request: Request) -> Response:
        asked = serializers.ListRequest(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        person, values = person_of(request.user), asked.validated_data
        found = listed(
            person=person, folder=Folder(values["folder"]), search=values["search"], before=values.get("before")
        )
        messages = [serializers.message_values(one) for one in found]
        return Response({"messages": messages, "unread": unread(person)})

    @extend_schema(
        request=serializers.NewMessageRequest,
        responses={201: serializers.MessageAnswer, **errors(400, 401, 403, 409, 413, 415, 429, 503)},
        summary="Write a message: a draft, or sent at once",
    )
    def post(self, request: Request) -> Response:
        limits.check_address(request)
        body = serializers.NewMessageRequest(data=request.data)
        body.is_valid(raise_exception=True)
        person = person_of(request.user)
        with transaction.atomic():
            at_once = body.validated_data["send"]
            message = compose.save_draft(person=person, written=body.written(), kept=not at_once)
            if at_once:
                compose.send(person=person, message_id=message.public_id, address=client_address(request))
        return _message(request, message.public_id, code=status.HTTP_201_CREATED)


class MessageView(MessagesApi):
    @extend_schema(responses={200: serializers.MessageAnswer, **MESSAGE}, summary="What lists show of one message")
    def get(self, request: Request, message_id) -> Response:
        return _message(request, message_id)

    @extend_schema(
        request=serializers.WrittenRequest,
        responses={200: serializers.MessageAnswer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
        summary="Replace what a draft says",
    )
    def put(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        body = serializers.WrittenRequest(data=request.data)
        body.is_valid(raise_exception=True)
        compose.save_draft(person=person_of(request.user), written=body.written(), message_id=message_id)
        return _message(request, message_id)

    @extend_schema(
        responses={204: None, **MESSAGE}, summary="Delete one's own copy; with the last one the message goes"
    )
    def delete(self, request: Request, message_id) -> Response:
        withdraw.delete_copy(person=person_of(request.user), message_id=message_id, address=client_address(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SendView(MessagesApi):
    @extend_schema(
        request=None,
        responses={200: serializers.MessageAnswer, **errors(400, 401, 403, 404, 409, 429, 503)},
        summary="Send a draft",
    )
    def post(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        compose.send(person=person_of(request.user), message_id=message_id, address=client_address(request))
        return _message(request, message_id)


class RevokeView(MessagesApi):
    @extend_schema(
        request=None, responses={200: serializers.MessageAnswer, **MESSAGE}, summary="Make a sent message unreadable"
    )
    def post(self, request: Request, message_id) -> Response:
        withdraw.revoke(person=person_of(request.user), message_id=message_id, address=client_address(request))
        return _message(request, message_id)


class AttachmentsView(MessagesApi):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": serializers.AttachmentRequest},
        responses={201: serializers.AttachmentAnswer, **errors(400, 401, 403, 404, 409, 413, 415, 429, 503)},
        summary="Attach a file to a draft",
    )
    def post(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        file = request.FILES.get("file")
        if file is None:
            raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"file": ["Missing."]})
        added = attach.attach(person=person_of(request.user), message_id=message_id, file=file)
        return Response({"attachment": serializers.AttachmentValues(added).data}, status=status.HTTP_201_CREATED)


class AttachmentView(MessagesApi):
    @extend_schema(
        responses={(200, READABLE): OpenApiTypes.BINARY, **errors(401, 403, 404, 409, 410, 503)},
        summary="A file of an unlocked message",
    )
    def get(self, request: Request, message_id, attachment_id: int) -> StreamingHttpResponse:
        found, key = unlock.attachment(reader=_reader(request), message_id=message_id, attachment_id=attachment_id)
        pieces = attach.content(found, key)
        try:
            about = attach.about(found, key)
            first = next(pieces)  # before anything is answered: a file that is gone or was changed at once is said so
        except (Unsealable, FileNotFoundError, StopIteration) as error:
            raise CosmicError(ErrorCode.MESSAGE_DAMAGED, status=409) from error
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(about.name, safe='')}",
            "Content-Length": str(about.size),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return StreamingHttpResponse(
            streamed(request, chain([first], pieces)), content_type=about.kind, headers=headers
        )

    @extend_schema(responses={204: None, **errors(401, 403, 404, 409)}, summary="Take a file off a draft")
    def delete(self, request: Request, message_id, attachment_id: int) -> Response:
        attach.detach(person=person_of(request.user), message_id=message_id, attachment_id=attachment_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnlockTicketView(MessagesApi):
    @extend_schema(
        request=serializers.WhatIsPossible,
        responses={201: TicketAnswer, **errors(400, 401, 403, 404, 409, 410, 415, 429, 503)},
        summary="Ask for the nonce and the challenge of a capture that is to open this message",
    )
    def post(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        body = serializers.WhatIsPossible(data=request.data)
        body.is_valid(raise_exception=True)
        origin = limits.challenge_origin(request)
        ticket = unlock.ask(reader=_reader(request), message_id=message_id, origin=origin, **body.validated_data)
        return Response(ticket_answer(ticket), status=status.HTTP_201_CREATED)


class UnlockCapturesView(MessagesApi):
    parser_classes = (MultiPartParser,)

    @extend_schema(
        request={"multipart/form-data": serializers.CaptureRequest},
        responses={202: JobAnswer, **errors(400, 401, 403, 404, 409, 410, 413, 415, 429, 503)},
        summary="Send the capture that is to open this message",
    )
    def post(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        nonce = str(request.POST.get("nonce", ""))
        capture = unlock.submit(reader=_reader(request), message_id=message_id, bundle=receive(request), nonce=nonce)
        return Response({"job": job_values(capture, full=False)}, status=status.HTTP_202_ACCEPTED)


class UnlockCaptureView(MessagesApi):
    @extend_schema(responses={200: JobAnswer, **MESSAGE}, summary="How far the capture is")
    def get(self, request: Request, message_id, capture_id) -> Response:
        return Response({"job": job_values(_capture(request, message_id, capture_id), full=False)})


class UnlockAnswerView(MessagesApi):
    @extend_schema(
        request=AnswerRequest,
        responses={202: JobAnswer, **errors(400, 401, 403, 404, 415, 429, 503)},
        summary="Answer the question of a borderline capture",
    )
    def post(self, request: Request, message_id, capture_id) -> Response:
        limits.check_address(request)
        body = AnswerRequest(data=request.data)
        body.is_valid(raise_exception=True)
        capture = _capture(request, message_id, capture_id)
        take_answer(capture=capture, answer=body.validated_data["answer"])
        return Response({"job": job_values(capture, full=False)}, status=status.HTTP_202_ACCEPTED)


class OpenView(MessagesApi):
    @extend_schema(
        request=serializers.UnlockRequest,
        responses={200: serializers.ContentAnswer, **errors(400, 401, 403, 404, 409, 410, 415, 429, 503)},
        summary="Open the message with a granted capture: its text, for 30 s",
    )
    def post(self, request: Request, message_id) -> Response:
        limits.check_address(request)
        body = serializers.UnlockRequest(data=request.data)
        body.is_valid(raise_exception=True)
        capture, code = str(body.validated_data["capture"]), body.validated_data["code"]
        content = unlock.unlock(reader=_reader(request), message_id=message_id, capture_id=capture, code=code)
        return Response(serializers.content_answer(content))


class ContentView(MessagesApi):
    @extend_schema(
        responses={200: serializers.ContentAnswer, **errors(401, 403, 404, 409, 410, 503)},
        summary="The text again, while the unlock lives",
    )
    def get(self, request: Request, message_id) -> Response:
        return Response(serializers.content_answer(unlock.read(reader=_reader(request), message_id=message_id)))


class LockView(MessagesApi):
    @extend_schema(request=None, responses={204: None, **errors(401, 403, 404, 503)}, summary="Lock the message again")
    def post(self, request: Request, message_id) -> Response:
        unlock.lock(reader=_reader(request), message_id=message_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _reader(request: Request) -> Reader:
    return Reader(person_of(request.user), bound_to(request), client_address(request))


def _message(request: Request, message_id: uuid.UUID | str, *, code: int = status.HTTP_200_OK) -> Response:
    person = person_of(request.user)
    found = described(person=person, copy=copy_of(person=person, message_id=message_id))
    return Response({"message": serializers.message_values(found)}, status=code)


def _capture(request: Request, message_id: uuid.UUID | str, capture_id: str):
    return capture_of(public_id=capture_id, bound_to=unlocks.unlock_binding(bound_to(request), message_id))
