"""What a deployment does when parts of it die, stop or are busy."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Iterator

import httpx
import pytest

from tests.captures import live_frames, times
from tests.deployment import Deployment, capture_files, eventually

pytestmark = pytest.mark.broker


@pytest.fixture(autouse=True)
def whole_again(cosmic: Deployment) -> Iterator[None]:
    yield
    cosmic.wait_until_ready()


def send(cosmic: Deployment, username: str) -> httpx.Response:
    frames = live_frames("astronaut")
    return cosmic.send(
        "/api/v1/verify", "verify", capture_files(list(frames)), wait=0, username=username, frame_times=times(frames)
    )


def test_a_worker_killed_in_the_middle_leaves_one_decision(cosmic: Deployment, ada: str):
    job = send(cosmic, ada).json()["job"]
    row = "FROM verification_capture WHERE public_id = ?"
    key = job["id"].replace("-", "")
    eventually(lambda: cosmic.query(f"SELECT status {row}", key) == [("running",)], every=0.01)

    cosmic.kill("worker")

    address = f"/api/v1/jobs/{job['id']}"
    decision = eventually(lambda: cosmic.client().get(address).json()["job"]["decision"], seconds=120)
    assert decision["outcome"] == "GRANTED"
    assert cosmic.query(f"SELECT attempts {row}", key) == [(2,)]
    decisions = "SELECT count(*) FROM verification_decision d JOIN verification_capture c ON c.id = d.capture_id"
    assert cosmic.query(f"{decisions} WHERE c.public_id = ?", key) == [(1,)]


def test_a_broker_that_does_not_answer_is_said_so(cosmic: Deployment, ada: str):
    client = cosmic.client()
    cosmic.pause("redis")
    try:
        answer = client.post("/api/v1/captures/ticket", json={"purpose": "verify"})
        parts = client.get("/health/ready")
    finally:
        cosmic.resume("redis")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "broker_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert parts.status_code == 503
    assert (parts.json()["broker"]["ok"], parts.json()["database"]["ok"]) == (False, True)


def test_a_broker_that_died_is_started_again_and_captures_go_on(cosmic: Deployment, ada: str):
    cosmic.kill("redis")

    cosmic.wait_until_ready()
    address = send(cosmic, ada).headers["Location"]
    decision = eventually(lambda: cosmic.client().get(address).json()["job"]["decision"], seconds=60)
    assert decision["outcome"] == "GRANTED"


def test_a_locked_database_is_said_so_and_the_nonce_stays_good(cosmic: Deployment, ada: str):
    client = cosmic.client()
    frames = live_frames("astronaut")
    body = {"nonce": cosmic.ticket(client, "verify"), "username": ada, "frame_times": times(frames)}
    blocker = sqlite3.connect(cosmic.state / "cosmic.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        busy = client.post("/api/v1/verify", data=body, files=capture_files(list(frames)))
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    again = client.post("/api/v1/verify", data=body, files=capture_files(list(frames)), headers={"Prefer": "wait=15"})

    assert (busy.status_code, busy.json()["error"]["code"]) == (503, "database_busy")
    assert int(busy.headers["Retry-After"]) > 0
    assert again.json()["job"]["decision"]["outcome"] == "GRANTED", again.text


def test_a_gigabyte_is_refused_before_it_is_read(cosmic: Deployment):
    connection = http.client.HTTPConnection("127.0.0.1", cosmic.port, timeout=10)
    connection.putrequest("POST", "/api/v1/verify")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()  # and not one byte of the body
    answer = connection.getresponse()

    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "too_large")


def test_a_body_that_grows_without_end_is_cut_off(cosmic: Deployment):
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="frames"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"\0" * (1 << 20)

    headers = {**cosmic.client().headers, "Content-Type": "multipart/form-data; boundary=b"}
    try:
        answer = httpx.post(f"{cosmic.base}/api/v1/verify", headers=headers, content=endless(), timeout=30)
    except httpx.WriteError:
        return  # the server hung up while it was still being fed, which is as good
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
