"""The pages of messages. They carry no content: their scripts fetch what the API gives."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from apps.captures.challenges import choices_offered
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.people import person_of
from apps.messaging.mailboxes import Folder
from apps.messaging.selectors import DELETED, PAGE, SEARCHED, Listed, copy_of, described, listed, may_read, unread
from apps.messaging.services.attach import MOST_ATTACHMENTS
from apps.messaging.services.compose import LONGEST_TEXT, LONGEST_TITLE
from apps.policies.selectors import current_policy

LONGEST_SEARCH = 200


@require_GET
@never_cache
@ensure_csrf_cookie
@login_required
def folder_page(request: HttpRequest) -> HttpResponse:
    """A folder's titles; the search is a plain form, so that it works without scripts."""
    person = person_of(request.user)
    folder = _folder(request.GET.get("folder", Folder.INBOX.value))
    search = request.GET.get("search", "")[:LONGEST_SEARCH]
    new = unread(person)  # before the list is made: what comes in between is announced
    found = listed(person=person, folder=folder, search=search, before=_uuid(request.GET.get("before")))
    context = {
        "folder": folder,
        "folders": list(Folder),
        "search": search,
        "found": found,
        "unread": new,
        "most_hits": PAGE,
        "searched": SEARCHED,
        "older": found[-1].id if len(found) == PAGE and not search else None,
        "enrolled": may_read(person),
    }
    return render(request, "messaging/folder.html", context)


@require_GET
@never_cache
@ensure_csrf_cookie
@login_required
def compose_page(request: HttpRequest) -> HttpResponse:
    """A new message, or the answer to one (``reply``); an opened draft is edited on its own page."""
    answered = _answered(request)
    title = ""
    if answered is not None:
        title = answered.title if answered.title.startswith("Re: ") else f"Re: {answered.title}"[:LONGEST_TITLE]
    context = {
        "answered": answered,
        "enrolled": may_read(person_of(request.user)),
        "title": title,
        "to": _sender_who_is_there(answered) if answered else request.GET.get("to", "")[:150],
        **_limits(),
    }
    return render(request, "messaging/compose.html", context)


@require_GET
@never_cache
@ensure_csrf_cookie
@login_required
def message_page(request: HttpRequest, message_id) -> HttpResponse:
    """One message, locked. A draft opens into the form that sends it."""
    person = person_of(request.user)
    message = described(person=person, copy=copy_of(person=person, message_id=message_id))
    context = {
        "message": message,
        "to": ", ".join(one.name for one in message.recipients),
        "answered": _earlier(person, message.reply_to),
        "enrolled": may_read(person),
        "voice_required": "voice" in current_policy().required_modalities,
        "choices": choices_offered(),
        **_limits(),
    }
    return render(request, "messaging/message.html", context)


def _sender_who_is_there(message: Listed) -> str:
    return "" if message.sender == DELETED else message.sender


def _folder(name: str) -> Folder:
    if name not in set(Folder):
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    return Folder(name)


def _answered(request: HttpRequest) -> Listed | None:
    message_id = _uuid(request.GET.get("reply"))
    if message_id is None:
        return None
    person = person_of(request.user)
    copy = copy_of(person=person, message_id=message_id, folders=[Folder.INBOX])
    return described(person=person, copy=copy)


def _earlier(person: Person, message_id: str) -> Listed | None:
    """The message that another one answers, where the person still has it."""
    try:
        return described(person=person, copy=copy_of(person=person, message_id=message_id)) if message_id else None
    except CosmicError:
        return None


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as error:
        raise CosmicError(ErrorCode.NOT_FOUND, status=404) from error


def _limits() -> dict[str, int]:
    return {
        "longest_title": LONGEST_TITLE,
        "longest_text": LONGEST_TEXT,
        "most_attachments": MOST_ATTACHMENTS,
        "largest_attachment": settings.ENV.attachment_max_bytes,
    }
