"""The export under the server as it runs: its first rows leave before its last ones are read."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient

from apps.audit import admin
from apps.audit.models import Event
from apps.audit.services.record import record_event
from tests.factories import operator

EVENTS = 450


@pytest.mark.django_db(transaction=True)
async def test_the_first_rows_are_sent_before_the_last_are_read(monkeypatch: pytest.MonkeyPatch):
    written = await database_sync_to_async(written_events)()
    client = AsyncClient()
    await client.aforce_login(await database_sync_to_async(operator)(superuser=True))
    read: list[int] = []
    as_lines = admin.json_lines

    def counted(events):
        for line in as_lines(events):
            read.append(1)
            yield line

    monkeypatch.setattr(admin, "json_lines", counted)

    answer = await client.post(
        "/admin/audit/event/",
        {"action": "export_json_lines", "_selected_action": [written[0].pk], "select_across": "1"},
    )
    pieces = aiter(answer.streaming_content)
    first = await anext(pieces)

    assert 0 < len(read) < EVENTS / 2
    rest = [piece async for piece in pieces]
    assert len(b"".join([first, *rest]).splitlines()) == len(read) >= EVENTS


def written_events() -> list[Event]:
    return [record_event(action="test.written", details={"number": number}) for number in range(EVENTS)]
