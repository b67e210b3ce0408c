"""What this app has sealed under the master key, for its rotation: headers and wrapped data keys. Texts and files are
sealed under the data keys, so that a rotation touches a few bytes of each message."""

from __future__ import annotations

from apps.identities.models import Person
from apps.identities.services.resealing import Sealed, sealed_rows
from apps.identities.vault import Unsealable
from apps.messaging.envelope import HEADERS, KEYS, copy_place
from apps.messaging.mailboxes import mailboxes_of
from apps.messaging.models import Copy


class Owners:
    """Whose a mailbox is. Copies do not say, so everybody's mailboxes are worked out, once and for whoever is new again."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._nobodys: set[str] = set()

    def place(self, copy: Copy) -> str:
        """What a copy's values are bound to.

        Raises:
            Unsealable: the mailbox is nobody's.
        """
        if copy.mailbox not in self._people and copy.mailbox not in self._nobodys:
            self._people = {box: person for person in Person.objects.all() for box in mailboxes_of(person)}
        if copy.mailbox not in self._people:
            self._nobodys.add(copy.mailbox)
            raise Unsealable("a mailbox that is nobody's")
        return copy_place(copy.message.public_id, self._people[copy.mailbox])


FIELDS = ("sealed_header", "wrapped_key")


def sealed_here() -> list[Sealed]:
    owners = Owners()
    return [
        sealed_rows(
            name=name,
            rows=lambda: Copy.objects.select_related("message").only("mailbox", *FIELDS, "message__public_id"),
            field=field,
            purpose=purpose,
            place=owners.place,
        )
        for name, field, purpose in (
            ("messages' headers", "sealed_header", HEADERS),
            ("messages' keys", "wrapped_key", KEYS),
        )
    ]
