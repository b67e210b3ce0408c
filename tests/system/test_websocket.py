"""The websockets of a running deployment."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

from tests.captures import live_frames, times
from tests.deployment import Deployment, capture_files
from tests.media import jpeg
from tests.people import portrait

pytestmark = pytest.mark.broker


def connect(cosmic: Deployment, path: str, *, username: str | None = "operator", origin: str | None = None):
    headers = {"Authorization": cosmic.client(username).headers["Authorization"]} if username else {}
    address = cosmic.base.replace("http", "ws") + path
    return websockets.connect(address, additional_headers=headers, origin=origin or cosmic.base)


async def test_stages_arrive_as_they_fall(cosmic: Deployment, ada: str):
    frames = live_frames("astronaut")
    sent = cosmic.send(
        "/api/v1/verify", "verify", capture_files(list(frames)), wait=0, username=ada, frame_times=times(frames)
    )
    jobs = []
    async with connect(cosmic, f"/ws/captures/{sent.json()['job']['id']}/") as socket:
        while not jobs or jobs[-1]["decision"] is None:
            jobs.append(json.loads(await asyncio.wait_for(socket.recv(), 20))["job"])

    counts = [len(job["stages"]) for job in jobs]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3, counts
    assert jobs[-1]["decision"]["outcome"] == "GRANTED"


async def test_somebody_elses_capture_is_not_there(cosmic: Deployment, ada: str):
    frames = live_frames("astronaut")
    sent = cosmic.send(
        "/api/v1/verify", "verify", capture_files(list(frames)), wait=0, username=ada, frame_times=times(frames)
    )
    for username in (ada, None):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(cosmic, f"/ws/captures/{sent.json()['job']['id']}/", username=username):
                pass
        assert refused.value.response.status_code == 403


async def test_another_site_gets_no_socket(cosmic: Deployment):
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(cosmic, "/ws/preview/", username=None, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_the_preview_tells_box_and_hints(cosmic: Deployment):
    face = portrait("astronaut")
    dark = (face // 8).astype("uint8")
    seen = []
    async with connect(cosmic, "/ws/preview/", username=None) as socket:
        for picture in (face, face[:100], dark):
            await socket.send(jpeg(picture, quality=80))
            seen.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
            await asyncio.sleep(0.25)

    good, empty, unlit = seen
    assert (good["faces"], good["hints"]) == (1, [])
    assert all(0 <= value <= 1 for value in good["box"])
    assert [hint["code"] for hint in empty["hints"]] == ["no_face"]
    assert unlit["hints"][0]["code"] in {"face_too_dark", "no_face"}
