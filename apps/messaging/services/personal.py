"""What a person's own archive says of their messages. Texts stay out: they open for the face, and an archive has none."""

from __future__ import annotations

from apps.identities.models import Person
from apps.identities.signals import Gathered
from apps.messaging.mailboxes import Folder
from apps.messaging.selectors import Listed, every_listed


def gather(person: Person) -> Gathered:
    found = [one for folder in Folder for one in every_listed(person=person, folder=folder)]
    return Gathered("Messages (titles and times; texts open for your face only)", len(found), [*map(_values, found)])


def _values(one: Listed) -> dict[str, object]:
    return {
        "folder": one.folder.value,
        "title": one.title,
        "from": one.sender,
        "to": [recipient.name for recipient in one.recipients],
        "at": one.at,
        "opened": one.opened_at,
        "deleted": one.expires_at,
        "files": one.attachments,
    }
