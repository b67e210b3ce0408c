"""``manage.py verify``, ``identify``, ``enroll_folder`` and ``invite`` beside a running deployment."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from tests import acting, media
from tests.captures import live_frames, photograph_frames, voice_of
from tests.deployment import Deployment

pytestmark = pytest.mark.broker


def written(folder: Path, frames: tuple[bytes, ...]) -> Path:
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames):
        (folder / f"{index:03d}.jpg").write_bytes(frame)
    return folder


def test_verify_says_who_and_why_as_json(cosmic: Deployment, ada: str, tmp_path: Path):
    frames = written(tmp_path / "live", live_frames("astronaut"))
    (tmp_path / "a.wav").write_bytes(voice_of("astronaut"))

    done = cosmic.manage(
        "verify", "--as", ada, "--face", str(frames), "--voice", str(tmp_path / "a.wav"), "--json", check=False
    )

    values = json.loads(done.stdout)
    assert (done.returncode, values["outcome"], values["person"]) == (0, "GRANTED", ada), done.stderr
    assert values["stages"][3]["evidence"].keys() >= {"face", "voice"}


def test_verify_reads_a_video(cosmic: Deployment, ada: str, tmp_path: Path):
    frames = acting.acted_frames("astronaut", [], media.SECONDS, rate=25)
    video = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    for frame in frames:
        video.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    video.release()

    done = cosmic.manage("verify", "--as", ada, "--face", str(tmp_path / "clip.avi"), "--json", check=False)

    values = json.loads(done.stdout)
    assert (done.returncode, values["outcome"]) == (0, "GRANTED"), done.stderr
    assert 30 <= values["stages"][0]["evidence"]["frames"] <= 60  # thinned to what a page would send


def test_verify_prints_a_table(cosmic: Deployment, ada: str, tmp_path: Path):
    frames = written(tmp_path / "still", photograph_frames("astronaut"))

    done = cosmic.manage("verify", "--as", ada, "--face", str(frames), check=False)

    assert done.returncode == 1
    assert "DENIED" in done.stdout
    assert "liveness" in done.stdout


def test_a_single_still_authenticates_nobody(cosmic: Deployment, ada: str, tmp_path: Path):
    (tmp_path / "one.jpg").write_bytes(live_frames("astronaut")[0])

    login = cosmic.manage("verify", "--as", ada, "--face", str(tmp_path / "one.jpg"), "--json", check=False)
    comparison = cosmic.manage(
        "identify", "--face", str(tmp_path / "one.jpg"), "--policy", "comparison", "--json", check=False
    )

    assert json.loads(login.stdout)["outcome"] == "DENIED"
    values = json.loads(comparison.stdout)
    assert (values["person"], values["authenticates"]) == (ada, False)


def test_a_file_that_is_no_picture_is_a_clear_error(cosmic: Deployment, ada: str, tmp_path: Path):
    (tmp_path / "no.jpg").write_text("not a picture")

    done = cosmic.manage("identify", "--face", str(tmp_path / "no.jpg"), check=False)

    assert done.returncode == 1
    assert "image_unreadable" in done.stderr


def test_a_folder_is_enrolled_once_and_reported(cosmic: Deployment, ada: str, tmp_path: Path):
    root = tmp_path / "database"
    written(root / "folder-guest", live_frames("guest", seed=9)[:3])
    (root / "folder-guest" / "broken.jpg").write_bytes(live_frames("guest")[0][:900])
    (root / "folder-guest" / "voice").mkdir()
    (root / "folder-guest" / "voice" / "one.wav").write_bytes(voice_of("guest"))

    first = cosmic.manage("enroll_folder", str(root), "--consent-on-file")
    second = cosmic.manage("enroll_folder", str(root), "--consent-on-file")

    assert "broken.jpg" in first.stdout
    count = (
        "SELECT count(*) FROM identities_sample s JOIN identities_person p ON p.id = s.person_id "
        "JOIN auth_user u ON u.id = p.user_id WHERE u.username = 'folder-guest'"
    )
    assert cosmic.query(count) == [(4,)]
    assert second.returncode == 0
    cosmic.manage("shell", "--no-imports", "-c", FORGET_GUEST)


FORGET_GUEST = (
    "from apps.identities.models import Person; from apps.identities.services.people import erase_person\n"
    "erase_person(person=Person.objects.get(user__username='folder-guest'), actor_id='test')"
)
