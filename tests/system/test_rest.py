"""The REST API of a running deployment: real web server, broker, worker, models."""

from __future__ import annotations

import pytest

from tests import media
from tests.captures import enrolment_files, live_frames, photograph_frames, times, voice_of
from tests.deployment import Deployment, capture_files, eventually
from tests.people import portrait

pytestmark = pytest.mark.broker


def verify(cosmic: Deployment, username: str, person: str, *, frames=None, voice: bool = False) -> dict:
    frames = frames or live_frames(person)
    files = capture_files(list(frames), voice_of(person) if voice else None)
    answer = cosmic.send("/api/v1/verify", "verify", files, username=username, frame_times=times(frames))
    assert answer.status_code == 200, answer.text
    return answer.json()["job"]


def test_health_tells_the_parts_apart(cosmic: Deployment):
    parts = cosmic.client().get("/health/ready").json()

    assert set(parts) == {"web", "database", "broker", "worker"}
    assert all(part["ok"] for part in parts.values())


def test_the_worker_says_what_it_runs_on(cosmic: Deployment):
    """The default path has no weights for these: whoever relies on them has to be told that they are not there."""
    (worker,) = cosmic.client().get("/admin/stats").json()["workers"]["seen"]

    assert worker["pack"] == "builtin"
    assert {"minifasnet", "vit"} <= set(worker["missing"])
    assert "picture" not in worker["missing"]


@pytest.mark.parametrize("voice", [False, True])
def test_the_enrolled_person_is_granted(cosmic: Deployment, ada: str, voice: bool):
    job = verify(cosmic, ada, "astronaut", voice=voice)

    assert job["decision"]["outcome"] == "GRANTED", job
    assert [stage["stage"] for stage in job["stages"]] == ["liveness", "deepfake", "embedding", "fusion", "confidence"]
    assert ("voice" in job["stages"][3]["evidence"]) == voice
    assert job["decision"]["posterior"] > 0.99


def test_another_person_is_denied(cosmic: Deployment, ada: str):
    job = verify(cosmic, ada, "guest", voice=True)

    assert (job["decision"]["outcome"], job["decision"]["reason"]) == ("DENIED", "no_match"), job


def test_a_still_photograph_is_denied(cosmic: Deployment, ada: str):
    job = verify(cosmic, ada, "astronaut", frames=photograph_frames("astronaut"))

    assert (job["decision"]["outcome"], job["decision"]["reason"]) == ("DENIED", "no_blink"), job


def test_one_repeated_frame_is_denied(cosmic: Deployment, ada: str):
    job = verify(cosmic, ada, "astronaut", frames=live_frames("astronaut")[:1] * 48)

    assert (job["decision"]["outcome"], job["decision"]["reason"]) == ("DENIED", "stream_not_live"), job


def test_an_unknown_name_is_denied_like_a_wrong_face(cosmic: Deployment, ada: str):
    stranger = cosmic.manage("shell", "--no-imports", "-c", MAKE_PLAIN_USER)
    assert stranger.returncode == 0
    client = cosmic.client("plain")
    seen = []
    for name in (ada, "nobody-of-this-name"):
        frames = live_frames("guest")
        files = capture_files(list(frames))
        answer = cosmic.send(
            "/api/v1/verify", "verify", files, client=client, username=name, frame_times=times(frames)
        ).json()["job"]
        stages = [(stage["stage"], stage["outcome"], stage["milliseconds"] is None) for stage in answer["stages"]]
        seen.append((answer["decision"], stages))

    known, unknown = seen
    assert known[0] == unknown[0]
    assert known[1] == unknown[1]


MAKE_PLAIN_USER = "from django.contrib.auth import get_user_model as g; g().objects.get_or_create(username='plain')"


def test_identification_names_the_person(cosmic: Deployment, ada: str):
    frames = live_frames("astronaut", seed=3)
    job = cosmic.send("/identify/", "identify", capture_files(list(frames)), frame_times=times(frames)).json()["job"]

    assert (job["decision"]["outcome"], job["decision"]["username"]) == ("GRANTED", "ada"), job
    assert job["decision"]["candidates"][0]["posterior"] > 0.99


def test_identification_finds_nobody_for_a_stranger(cosmic: Deployment, ada: str):
    frames = live_frames("guest")
    job = cosmic.send("/identify/", "identify", capture_files(list(frames)), frame_times=times(frames)).json()["job"]

    assert job["decision"]["outcome"] == "DENIED"
    assert job["decision"]["username"] is None


def test_identification_is_for_operators(cosmic: Deployment, ada: str):
    answer = cosmic.client("ada").post("/identify/", files=capture_files([b"x"]))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


def test_a_capture_is_taken_once(cosmic: Deployment, ada: str):
    client = cosmic.client()
    frames = live_frames("astronaut")
    nonce = cosmic.ticket(client, "verify")
    body = {"nonce": nonce, "username": ada, "frame_times": times(frames)}
    first, second = (
        client.post("/api/v1/verify", data=body, files=capture_files(list(frames)), headers={"Prefer": "wait=15"})
        for _ in range(2)
    )

    assert first.status_code == 200
    assert (second.status_code, second.json()["error"]["code"]) == (409, "nonce_used")


def test_without_waiting_the_answer_is_a_job_to_poll(cosmic: Deployment, ada: str):
    frames = live_frames("astronaut")
    answer = cosmic.send(
        "/api/v1/verify", "verify", capture_files(list(frames)), wait=0, username=ada, frame_times=times(frames)
    )

    assert answer.status_code == 202
    address = answer.headers["Location"]
    decision = eventually(lambda: cosmic.client().get(address).json()["job"]["decision"])
    assert decision["outcome"] == "GRANTED"
    assert cosmic.client("ada").get(address).status_code == 404  # somebody else's job is not there


def test_the_content_of_a_decided_capture_is_erased(cosmic: Deployment, ada: str):
    job = verify(cosmic, ada, "astronaut")

    assert cosmic.query("SELECT blob FROM verification_capture WHERE public_id = ?", job["id"].replace("-", "")) == [
        ("",)
    ]


def test_somebody_enrolled_under_another_name_is_put_to_an_operator(cosmic: Deployment, ada: str):
    job = cosmic.enrol("ada-again", enrolment_files("astronaut"))

    assert (job["status"], job["code"]) == ("in_review", "possible_duplicate"), job
    assert verify(cosmic, "ada-again", "astronaut")["decision"]["outcome"] == "DENIED"
    cosmic.manage("shell", "--no-imports", "-c", TURN_AWAY)


TURN_AWAY = (
    "from apps.enrollment.models import DuplicateCase; from apps.enrollment.services.duplicates import decide_duplicate\n"
    "decide_duplicate(case=DuplicateCase.objects.get(), same=True, note='test', actor_id='test')"
)


def test_enrolment_says_what_was_refused_and_why(cosmic: Deployment):
    nobody = media.jpeg(media.scene(portrait("astronaut")[:120]))
    job = cosmic.enrol("empty", capture_files([nobody]))

    assert (job["status"], job["code"]) == ("refused", "nothing_usable")
    assert job["refusals"][0]["code"] == "no_face"
    assert job["refusals"][0]["message"]


def test_a_plain_account_enrols_nobody_else(cosmic: Deployment, ada: str):
    client = cosmic.client("ada")
    answer = cosmic.send(
        "/enroll/", "enrol", capture_files([live_frames("guest")[0]]), client=client, username="guest", consent="true"
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


def test_nothing_is_enrolled_without_consent(cosmic: Deployment):
    answer = cosmic.send("/enroll/", "enrol", capture_files([live_frames("guest")[0]]), username="guest")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "consent_missing")


def test_a_rebuild_keeps_people_recognised(cosmic: Deployment, ada: str):
    started = cosmic.client().post("/gallery/rebuild")
    assert started.status_code == 202, started.text
    address = f"/api/v1/gallery/builds/{started.json()['build']['id']}"

    eventually(lambda: cosmic.client().get(address).json()["build"]["status"] == "done", seconds=60)
    assert verify(cosmic, ada, "astronaut")["decision"]["outcome"] == "GRANTED"
